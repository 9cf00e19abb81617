"""Datasets before and after they are repaired."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from detector.data.folder import LabelledFolder, load_labelled_folder
from tests.commands.test_check import check
from tests.data.labelled import CLASSES, Photo

OBJECTS = (
    ("cat", 10.0, 12.0, 40.0, 36.0),
    ("dog", 30.0, 6.0, 60.0, 42.0),
    ("traffic light", 4.0, 4.0, 20.0, 40.0),
)
PHOTOS = [Photo(f"{n}.png", OBJECTS, "val" if n > 5 else "train") for n in range(8)]
TRUE_BOXES = [[10, 12, 30, 24], [30, 6, 30, 36], [4, 4, 16, 36]]


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def boxes_of(folder: LabelledFolder) -> list[list[float]]:
    return sorted({tuple(map(round, each["bbox"])) for each in folder.train.annotations})  # type: ignore[type-var]


class Fixed:
    """A dataset after ``data check --fix``: what was printed, the list of findings, and the copy."""

    def __init__(
        self, root: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[object] = ()
    ) -> None:
        before = digests(root)
        target = root.parent / "fixed"
        output = root.parent / "out"
        self.code, self.out, self.err = check(capsys, root, "--fix", target, "--output", output, *arguments)
        assert self.code == 0, self.err
        assert digests(root) == before
        self.findings: dict[str, list[str]] = {
            entry["kind"]: entry["places"] for entry in json.loads((target / "findings.json").read_text())
        }
        self.copy = load_labelled_folder(target)
        assert not self.copy.refusals
        self.target = target

    def places(self, words: str) -> list[str]:
        """The places of the one kind of finding that has these words."""
        (places,) = [places for kind, places in self.findings.items() if words in kind]
        return places


def is_whole(fixed: Fixed) -> None:
    assert boxes_of(fixed.copy) == sorted(tuple(box) for box in TRUE_BOXES)
    assert len(fixed.copy.train.annotations) == 18
    assert fixed.copy.classes == CLASSES


def change_coco(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    for path in (root / "annotations").glob("*.json"):
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content, indent=1))
