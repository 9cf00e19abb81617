"""The page of a classifier says what was counted, and nothing that may be chance as if it were known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from detector.data.dataset import DatasetImage
from detector.evaluation.classification import ClassificationResult
from detector.report.classifier import write_classifier_report
from detector.report.page import About
from detector.report.run import Evaluated, RunFacts
from tests.chromium import SCHEMES, WIDTHS, accessibility_faults
from tests.data.labelled import write_image
from tests.evaluation.test_classification import answers
from tests.report.test_page import Tree

EVIL = "<script>alert(1)</script> & 'robin'"
LONG = "a bird that is rarely seen and whose name is long: number"


def report(
    folder: Path, result: ClassificationResult, run: RunFacts | None = None, *, files: bool = True
) -> tuple[str, str, dict[str, Any]]:
    """The page, its text, and the facts."""
    images = []
    for number in range(len(result.names)):
        path = folder / "pictures" / f"{number}.jpg"
        images.append(DatasetImage(number, write_image(path, (30, 40), number) if files else path, None))
    write_classifier_report(folder, result, images, About("model on val", "x", ["Mind."], {"a": 1}, run=run))
    page = (folder / "report.html").read_text("utf-8")
    tree = Tree()
    tree.feed(page)
    tree.close()
    assert tree.open == []
    assert "script" not in tree.tags
    facts = json.loads((folder / "report.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert sorted(path.name for path in folder.glob("report*")) == ["report.html", "report.json"]
    return page, " ".join(" ".join(tree.text).split()), facts


def rows(*counted: tuple[int, int, int]) -> list[tuple[int, int, float]]:
    """Pictures of a class that are called a class, so many."""
    return [(truth, said, 0.9) for truth, said, count in counted for _ in range(count)]


def test_the_weakest_class_is_named_where_that_is_no_chance(tmp_path: Path) -> None:
    result = answers(rows((0, 0, 90), (0, 1, 2), (1, 1, 60), (1, 0, 40), (2, 2, 100)))
    page, text, facts = report(tmp_path, result)
    assert "Photograph more of wren: named rightly less often than the others" in text
    assert "wren is most often called robin (40 of 100)" in text
    assert facts["photograph_next"] in text
    assert facts["accuracy"] == 250 / 292
    assert "85.6" in text
    assert "Mind." in text
    assert page.count("data:image/jpeg") == 6  # four of the forty, and both others
    assert facts["confusion_matrix"]["counts"] == [[90, 2, 0], [40, 60, 0], [0, 0, 100]]


def test_what_may_be_chance_is_said_to_be(tmp_path: Path) -> None:
    _, text, _ = report(tmp_path, answers(rows((0, 0, 9), (0, 1, 1), (1, 1, 7), (1, 0, 3), (2, 2, 2))))
    assert "Which class needs more cannot be told" in text
    assert "22 images say little" in text
    assert "Of fewer than 5 of these images, so that nothing can be told of them: crow." in text


def test_without_an_error_no_class_is_weak(tmp_path: Path) -> None:
    _, text, _ = report(tmp_path, answers(rows((0, 0, 9), (1, 1, 9)), CLASSES_OF_TWO))
    assert "cannot tell what is missing" in text
    assert "Every image is called what it is." in text
    assert "No class is taken for another." in text


CLASSES_OF_TWO = ("robin", "wren")


def test_one_that_guesses_is_called_so(tmp_path: Path) -> None:
    _, text, facts = report(tmp_path, answers(rows((0, 0, 150), (1, 0, 100)), CLASSES_OF_TWO))
    assert "Calling every image robin would be right in 60.0 % of them, and the classifier is not" in text
    assert len(facts["warnings"]) == 1


def test_names_are_text_and_files_may_be_gone(tmp_path: Path) -> None:
    result = answers(rows((0, 1, 6), (1, 0, 6)), (EVIL, "wren"))
    page, text, _ = report(tmp_path, result, files=False)
    assert "<script>" not in page
    assert EVIL in text
    assert "The image files are not here any more." in text


def test_a_training_shows_its_curves(tmp_path: Path) -> None:
    run = RunFacts(
        "run",
        "Finished.",
        steps=20,
        evaluations=[Evaluated("step 10", 10, 0.4, 0.3), Evaluated("step 20", 20, 0.9, 0.8)],
        plan=["steps  20"],
        trained={"robin": 3, "wren": 60, "crow": 9},
        commands=[("name a picture", "ssdlite classify")],
        measures=("accuracy", "balanced accuracy"),
    )
    page, text, _ = report(tmp_path, answers(rows((0, 0, 9), (1, 0, 9), (2, 2, 9))), run)
    assert "Accuracy on the validation images" in text
    assert "balanced accuracy" in text
    assert "AP" not in text
    assert "Trained on fewer than 5 images, so more help: robin (3)." in text
    assert "ssdlite classify" in text
    assert 'aria-label="Accuracy over steps, the best 90.0 at step 20"' in page


def many(classes: int) -> ClassificationResult:
    names = [f"{LONG} {number}" for number in range(classes)]
    counted = [each for n in range(classes) for each in ((n, n, 6), (n, (n * 7 + 1) % classes, n % 5))]
    return answers(rows(*counted), names)


def test_of_many_classes_the_most_confused_are_shown(tmp_path: Path) -> None:
    page, text, facts = report(tmp_path, many(40))
    assert "25 other classes" in text
    assert "…number 39" in text or "…39" in text
    assert len(facts["per_class"]) == 40
    assert page.count('<tr><th scope="row">') >= 40 + 16


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("classifier")
    report(folder, many(14))
    return (folder / "report.html").as_uri()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_at_any_width_nothing_is_cut_off_or_hard_to_read(
    browser: Browser, address: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    scrolled = page.evaluate(
        "() => [...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth)"
        ".map(each => each.ariaLabel)"
    )
    assert set(scrolled) <= ({"Confusion matrix"} if width < 1000 else set())
    assert accessibility_faults(page) == []
    context.close()
