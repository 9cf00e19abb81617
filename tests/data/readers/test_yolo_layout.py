"""YOLO folders whose descriptions or rows are not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder, load_split
from detector.errors import DatasetError
from tests.data.labelled import CLASSES, Photo, write_yolo


def test_folds_in_folders_of_their_own_are_refused(tmp_path: Path) -> None:
    photos = [Photo(f"{n}.png", look=n) for n in range(6)]
    write_yolo(tmp_path, photos, data_yaml=False)
    for fold in range(3):
        folder = tmp_path / f"fold_{fold}"
        folder.mkdir()
        for split in ("train", "val"):
            mine = [p for n, p in enumerate(photos) if (n % 3 == fold) == (split == "val")]
            (folder / f"{split}.txt").write_text("".join(f"../images/{photo.name}\n" for photo in mine))
        (folder / f"fold_{fold}.yaml").write_text(f"train: train.txt\nval: val.txt\nnames: {list(CLASSES)}")
    for read in (load_labelled_folder, lambda root: load_split(root, None)):
        with pytest.raises(DatasetError, match=r"divide the same images differently.*folds"):
            read(tmp_path)


@pytest.mark.parametrize(
    "row", ["cat 0.5 0.5 0.4 0.4", "class x y w h\n0 0.5 0.5 0.4 0.4", "cat,0.5,0.5,0.4,0.4"]
)
def test_label_files_that_are_nearly_rows_are_shown(tmp_path: Path, row: str) -> None:
    photos = [Photo(f"{n}.png", look=n) for n in range(3)]
    write_yolo(tmp_path, photos, data_yaml=False)
    for photo in photos:
        (tmp_path / f"labels/{photo.stem}.txt").write_text(row)
    with pytest.raises(
        DatasetError, match=r"3 of the 3 label files .* cannot be read. The first: labels/0.txt:1"
    ):
        load_labelled_folder(tmp_path)
