"""What is said of what is wrong in a dataset."""

import ast
from pathlib import Path

import pytest

import detector
from detector.data.findings import Finding, FindingLog, in_singular

PACKAGE = Path(detector.__file__).parent


def kinds_in_source() -> set[str]:
    """Every kind that is a text, or a text with values in it, where it is noted."""
    calls = (
        node
        for room in ("data", "checks")
        for path in (PACKAGE / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("add", "refuse")
        and "log" in ast.unparse(node.func.value).lower()
    )
    texts = (node.args[0] for node in calls if node.args)
    return {
        "".join(
            part.value if isinstance(part, ast.Constant) else "..."
            for part in getattr(text, "values", [text])
        )
        for text in texts
        if isinstance(text, ast.Constant | ast.JoinedStr)
    }


def test_the_kinds_in_the_source_are_found() -> None:
    assert len(kinds_in_source()) > 40


@pytest.mark.parametrize("kind", sorted(kinds_in_source()))
def test_every_kind_can_be_said_of_one(kind: str) -> None:
    said = in_singular(kind)
    if not kind.startswith("validation "):
        assert said != kind
    assert not {"their", "that are", "that have", "they"} & {said, *said.split(",")[0].split()}


@pytest.mark.parametrize(
    ("kind", "one"),
    [
        ("boxes that reach beyond their image, clipped", "box that reaches beyond its image, clipped"),
        (
            "images that EXIF turned, stored as they are labelled",
            "image that EXIF turned, stored as it is labelled",
        ),
        ("category ids that are one too high, put right", "category id that is one too high, put right"),
        (
            "outlines of objects, taken as the boxes around them",
            "outline of objects, taken as the box around it",
        ),
        (
            "objects with several names or boxes, each of them read",
            "object with several names or boxes, each of them read",
        ),
        (
            "validation on the only image that is trained on: its numbers say nothing",
            "validation on the only image that is trained on: its numbers say nothing",
        ),
    ],
)
def test_one_finding_is_said_in_the_singular(kind: str, one: str) -> None:
    log = FindingLog()
    log.add(kind, "a.xml")
    assert str(log.findings[0]) == f"1 {one} (for example a.xml)"
    log.add(kind, "b.xml")
    assert str(log.findings[0]) == f"2 {kind} (for example a.xml)"


def test_the_kind_itself_stays_for_programs() -> None:
    assert Finding("boxes without area, dropped", 1, "a").kind == "boxes without area, dropped"
