"""Annotation files that divide the same images in several ways."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder, load_split
from detector.errors import DatasetError
from tests.data.cat_photos import photos
from tests.data.labelled import write_coco


def test_folds_are_refused(tmp_path: Path) -> None:
    write_coco(tmp_path, [*photos(3, "train"), *photos(2, "val")])
    for fold, names in (("fold0", ("train", "val")), ("fold1", ("val", "train"))):
        (tmp_path / fold).mkdir()
        for name, source in zip(("train", "val"), names, strict=True):
            shutil.copy(tmp_path / f"annotations/instances_{source}.json", tmp_path / fold / f"{name}.json")
    shutil.rmtree(tmp_path / "annotations")
    for load in (load_labelled_folder, lambda root: load_split(root, None)):
        with pytest.raises(DatasetError, match=r"fold0.*fold1.*have the same images"):
            load(tmp_path)
    assert len(load_labelled_folder(tmp_path / "fold0").val.images) == 2


@pytest.mark.parametrize(
    "form", ["{split}_fold{fold}", "instances_{split}{fold}", "{split}-{fold}", "fold{fold}_{split}"]
)
def test_folds_are_refused_by_the_images_that_they_share(tmp_path: Path, form: str) -> None:
    write_coco(tmp_path, photos(6))
    content = json.loads((tmp_path / "annotations/instances.json").read_text())
    (tmp_path / "annotations/instances.json").unlink()
    for fold in range(3):
        for split in ("train", "val"):
            images = [e for n, e in enumerate(content["images"]) if (n % 3 == fold) == (split == "val")]
            ids = [entry["id"] for entry in images]
            mine = [entry for entry in content["annotations"] if entry["image_id"] in ids]
            path = tmp_path / "annotations" / f"{form.format(split=split, fold=fold)}.json"
            path.write_text(json.dumps(content | {"images": images, "annotations": mine}))
    for read in (load_labelled_folder, lambda root: load_split(root, None)):
        with pytest.raises(DatasetError, match=r"have the same images, such as images/.*folds"):
            read(tmp_path)


@pytest.mark.parametrize("other", ["train_small", "train2014"])
def test_a_smaller_file_or_another_year_is_no_fold(tmp_path: Path, other: str) -> None:
    year = "2017" if other[-1].isdigit() else ""
    write_coco(tmp_path, [*photos(4, "train"), *photos(2, "val")])
    folder = tmp_path / "annotations"
    for split in ("train", "val"):
        (folder / f"instances_{split}.json").rename(folder / f"instances_{split}{year}.json")
    content = json.loads((folder / f"instances_train{year}.json").read_text())
    ids = [entry["id"] for entry in content["images"][:2]]
    content["images"] = content["images"][:2]
    content["annotations"] = [entry for entry in content["annotations"] if entry["image_id"] in ids]
    (folder / f"instances_{other}.json").write_text(json.dumps(content))
    read = load_labelled_folder(tmp_path)
    assert (len(read.train.images), len(read.val.images)) == (4, 2)
