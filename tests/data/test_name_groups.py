"""Images that belong together by their file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.findings import FindingLog
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.data.name_groups import group_by_name
from detector.errors import DatasetError
from tests.data.labelled import Photo, write_voc

NAMES = {0: "cam1_a.jpg", 1: "cam2_a.jpg", 2: "cam1_b.jpg", 3: "cam2_b.jpg", 4: "other.jpg", 5: "other2.jpg"}
ALIKE = [[0], [1], [2], [3], [4, 5]]


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"cam(\d+)_", [[0, 2], [1, 3], [4, 5]]),
        (r"cam\d", [[0, 2], [1, 3], [4, 5]]),
        (r"^(cam)\d_(.)", [[0, 1], [2, 3], [4, 5]]),
        (r"^(?:cam(1)|other)", [[0, 2], [4, 5], [1], [3]]),
        (r"(x)?", [[0, 1, 2, 3, 4, 5]]),
    ],
)
def test_groups_are_those_of_the_text_that_is_captured(pattern: str, groups: list[list[int]]) -> None:
    found = group_by_name(NAMES, pattern, ALIKE, FindingLog())
    assert sorted(found) == sorted(groups)


def test_images_that_do_not_match_are_named() -> None:
    log = FindingLog()
    group_by_name(NAMES, r"cam(\d+)_", ALIKE, log)
    (finding,) = log.findings
    assert finding.count == 2
    assert set(finding.places) == {"other.jpg", "other2.jpg"}


def cameras(root: Path, count: int, split: bool = False) -> Path:
    photos = [
        Photo(
            f"cam{n % count}_{n}.jpg", (("cat", 5, 5, 40, 40),), "val" if split and n < 4 else "train" * split
        )
        for n in range(20)
    ]
    return write_voc(root, photos)


def camera_of(names: list[str]) -> set[str]:
    return {name[3] for name in names}


def names_of(folder: LabelledFolder) -> tuple[set[str], set[str]]:
    return (
        camera_of([image.name for image in folder.train.images]),
        camera_of([image.name for image in folder.val.images]),
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_is_held_out_shares_no_group_with_what_is_trained_on(tmp_path: Path, seed: int) -> None:
    root = cameras(tmp_path, 5)
    trained, held = names_of(load_labelled_folder(root, seed=seed, group_by=r"cam(\d+)_"))
    assert len(held) == 1
    assert len(trained) == 4
    assert trained.isdisjoint(held)
    assert not names_of(load_labelled_folder(root, seed=seed))[1].isdisjoint(trained)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("cam(", "no regular expression"),
        ("[", "no regular expression"),
        ("lens", "matches none of the 20 file names"),
        ("cam", "takes all 20 images together"),
    ],
)
def test_patterns_that_cannot_serve_are_refused(tmp_path: Path, pattern: str, sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence) as caught:
        load_labelled_folder(cameras(tmp_path, 5), group_by=pattern)
    assert "\n" not in str(caught.value)


def test_a_pattern_beside_a_validation_split_is_refused(tmp_path: Path) -> None:
    root = cameras(tmp_path, 5, split=True)
    with pytest.raises(DatasetError, match=r"val validates.*--train train,val, or add --folds"):
        load_labelled_folder(root, group_by=r"cam(\d+)_")
    trained, held = names_of(load_labelled_folder(root, train="train,val", group_by=r"cam(\d+)_"))
    assert trained.isdisjoint(held)
