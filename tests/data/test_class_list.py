"""Classes whose names differ in accents alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.folder import LabelledFolder, load_labelled_folder, load_split
from tests.data import labelled
from tests.data.labelled import Photo

WRITERS = [labelled.write_voc, labelled.write_coco, labelled.write_yolo, labelled.write_cvat]


def read(
    root: Path, monkeypatch: pytest.MonkeyPatch, write: object, names: tuple[str, ...], together: bool = False
) -> LabelledFolder:
    """A dataset of these classes, one an image or all of them in each."""
    monkeypatch.setattr(labelled, "CLASSES", names)
    photos = [
        Photo(
            f"{n}.jpg",
            [(name, 5, 5, 30 + k, 30) for k, name in enumerate(names) if together or n % len(names) == k],
        )
        for n in range(12)
    ]
    return load_labelled_folder(write(root, photos))  # type: ignore[operator]


def said(folder: LabelledFolder, words: str) -> list[str]:
    return [str(finding) for finding in folder.findings if words in finding.kind]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "names", [("cafe", "café"), ("Cafe\u0301s", "cafes"), ("Crème_brulée", "creme brulee")]
)
def test_they_are_merged_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object, names: tuple[str, ...]
) -> None:
    folder = read(tmp_path, monkeypatch, write, names)
    assert len(folder.classes) == 1
    assert {each["category_id"] for part in (folder.train, folder.val) for each in part.annotations} == {1}
    (line,) = said(folder, "merged")
    assert "is taken for" in line
    assert not said(folder, "without any object")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "names",
    [
        ("é", "e"),  # characters
        ("cat", "cats"),
        ("か゛き", "がき"),  # marks of other scripts are letters
        ("мой", "мои"),
        ("กา", "ก่า"),
        ("schon", "schoen"),
        ("øre", "ore"),  # no accent, another letter
    ],
)
def test_other_classes_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object, names: tuple[str, ...]
) -> None:
    folder = read(tmp_path, monkeypatch, write, names)
    assert len(folder.classes) == 2
    assert not said(folder, "accents")


@pytest.mark.parametrize("write", WRITERS)
def test_two_that_are_in_one_image_stay_two_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object
) -> None:
    folder = read(tmp_path, monkeypatch, write, ("ano", "año"), together=True)
    assert len(folder.classes) == 2
    (line,) = said(folder, "kept apart")
    assert "'ano' and 'año'" in line


def test_the_labels_of_the_others_move_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = read(tmp_path, monkeypatch, labelled.write_yolo, ("cafe", "café", "tea"))
    assert folder.classes == ("cafe", "tea")
    counts = folder.objects_by_class
    held = len([each for each in folder.val.annotations if each["category_id"] == 1])
    assert counts["cafe"] + held == 8
    split = load_split(tmp_path, None)
    assert list(split.categories.values()) == ["cafe", "tea"]


def test_a_class_without_objects_is_merged_with_none_and_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled, "CLASSES", ("cafe", "café", "tea"))
    photos = [Photo(f"{n}.jpg", [("café" if n % 2 else "tea", 5, 5, 30, 30)]) for n in range(12)]
    folder = load_labelled_folder(labelled.write_yolo(tmp_path, photos))
    assert folder.classes_found == ("café", "tea")
    assert not said(folder, "accents")
