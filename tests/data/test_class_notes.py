"""What is said of classes with few objects and with none, and which of them a network gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.class_notes import class_notes
from detector.data.folder import load_labelled_folder
from tests.data import labelled
from tests.data.labelled import Photo

NAMES = ("none", "rook", "few", "board")


@pytest.mark.parametrize("write", [labelled.write_coco, labelled.write_yolo])
@pytest.mark.parametrize("folds", [None, 3])
def test_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object, folds: int | None
) -> None:
    monkeypatch.setattr(labelled, "CLASSES", NAMES)
    photos = [Photo(f"{n}.png", [(NAMES[1 + (n < 4) * 2], 5, 5, 30, 30)], look=n) for n in range(20)]
    folder = load_labelled_folder(write(tmp_path, photos), folds=folds)  # type: ignore[operator]
    few, empty = class_notes(folder)
    assert "board (" in few
    assert "rook" not in few
    assert empty == "Classes without any object, left out of the network: none, few."
    assert folder.classes == NAMES
    assert folder.classes_found == ("rook", "board")


@pytest.mark.parametrize(
    "write", [labelled.write_voc, labelled.write_coco, labelled.write_yolo, labelled.write_cvat]
)
def test_where_all_have_enough_nothing_is_said(tmp_path: Path, write: object) -> None:
    photos = [Photo(f"{n}.png", [(labelled.CLASSES[n % 3], 5, 5, 30, 30)], look=n) for n in range(30)]
    folder = load_labelled_folder(write(tmp_path, photos))  # type: ignore[operator]
    assert list(class_notes(folder)) == []
    assert folder.classes_found == folder.classes
