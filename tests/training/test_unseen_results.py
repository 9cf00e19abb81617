"""Which pictures of a dataset a run has judged without having seen them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder
from detector.errors import DetectorError
from detector.training.run_folder import RunFolder
from detector.training.unseen_results import describe_unseen, pool_parts, read_unseen
from tests.data.labelled import CLASSES, Photo, write_voc
from tests.training.judged_run import write_judged_run


def photos(count: int = 9) -> list[Photo]:
    splits = ("train", "train", "val")
    return [
        Photo(f"{n}.png", ((CLASSES[n % 2], 4 + n, 5, 30 + n, 40),), splits[n % 3], look=n)
        for n in range(count)
    ]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "set", photos())


def test_of_folds_all_pictures_are_judged(dataset: Path, tmp_path: Path) -> None:
    run = write_judged_run(tmp_path / "run", dataset)
    unseen = read_unseen(run.root, load_labelled_folder(dataset))
    assert (len(unseen.dataset.images), unseen.left_out, unseen.folds) == (9, 0, 2)
    assert len(unseen.detections) == 18
    assert "9 pictures, each judged by the one of 2 models" in describe_unseen(unseen, run.root)


def test_of_any_other_run_those_it_held_out_and_no_others(dataset: Path, tmp_path: Path) -> None:
    run = write_judged_run(tmp_path / "run", dataset, folds=None)
    unseen = read_unseen(run.root, load_labelled_folder(dataset))
    assert sorted(image.name for image in unseen.dataset.images) == ["2.png", "5.png", "8.png"]
    assert {each["image_id"] for each in unseen.detections} <= {image.id for image in unseen.dataset.images}
    assert "of the other 6, which it was trained on" in describe_unseen(unseen, run.root)


def test_labels_may_have_changed_since(dataset: Path, tmp_path: Path) -> None:
    run = write_judged_run(tmp_path / "run", dataset)
    path = dataset / "Annotations/0.xml"
    path.write_text(path.read_text().replace(CLASSES[0], CLASSES[1]).replace("<xmin>4", "<xmin>8"))
    unseen = read_unseen(run.root, load_labelled_folder(dataset))
    assert len(unseen.dataset.images) == 9
    (first,) = (each for each in unseen.dataset.annotations if each["image_id"] == 1)
    assert first["bbox"][0] == 8


def test_classes_are_joined_by_their_names(dataset: Path, tmp_path: Path) -> None:
    run = write_judged_run(tmp_path / "run", dataset)
    for path in run.root.rglob("validation.json"):
        content = json.loads(path.read_text())
        for each in (*content["categories"], *content["annotations"]):
            key = "id" if "name" in each else "category_id"
            each[key] += 10
        path.write_text(json.dumps(content))
    for path in run.root.rglob("detections.json"):
        moved = [{**each, "category_id": each["category_id"] + 10} for each in json.loads(path.read_text())]
        path.write_text(json.dumps(moved))
    unseen = read_unseen(run.root, load_labelled_folder(dataset))
    assert {each["category_id"] for each in unseen.detections} == set(unseen.dataset.categories)


def test_pictures_that_came_later_are_left_out(dataset: Path, tmp_path: Path) -> None:
    run = write_judged_run(tmp_path / "run", dataset)
    write_voc(dataset, [Photo("z.png", split="train", look=99)])
    unseen = read_unseen(run.root, load_labelled_folder(dataset))
    assert (len(unseen.dataset.images), unseen.left_out) == (9, 1)


def test_ids_that_have_shifted_since_are_joined_by_the_pictures(dataset: Path, tmp_path: Path) -> None:
    run = write_judged_run(tmp_path / "run", dataset)
    write_voc(dataset, [Photo("+first.png", split="train", look=99)])
    now = load_labelled_folder(dataset)
    unseen = read_unseen(run.root, now)
    assert (len(unseen.dataset.images), unseen.left_out) == (9, 1)
    assert "+first.png" in {image.name for image in now.train.images}
    boxes = {tuple(each["bbox"]) for each in unseen.dataset.annotations}
    label_of = {tuple(each["bbox"]): each["image_id"] for each in unseen.dataset.annotations}
    found = [each for each in unseen.detections if tuple(each["bbox"]) in boxes]
    assert len(found) == 9
    assert all(label_of[tuple(each["bbox"])] == each["image_id"] for each in found)


def test_other_pictures_of_the_same_names_are_refused_and_copies_are_not(
    dataset: Path, tmp_path: Path
) -> None:
    run = write_judged_run(tmp_path / "run", dataset)
    others = [replace(each, look=50 + n) for n, each in enumerate(photos())]
    other = load_labelled_folder(write_voc(tmp_path / "other", others))
    with pytest.raises(DetectorError, match="was not trained on the pictures of"):
        read_unseen(run.root, other)
    shutil.copytree(dataset, tmp_path / "copy")
    assert len(read_unseen(run.root, load_labelled_folder(tmp_path / "copy")).dataset.images) == 9


def test_a_run_on_other_pictures_is_refused(dataset: Path, tmp_path: Path) -> None:
    run = write_judged_run(tmp_path / "run", dataset)
    others = [Photo(f"other_{n}.png", split=("train", "val")[n % 2], look=50 + n) for n in range(6)]
    other = load_labelled_folder(write_voc(tmp_path / "other", others))
    with pytest.raises(DetectorError, match="was not trained on the pictures of"):
        read_unseen(run.root, other)


@pytest.mark.parametrize("missing", ["folds/1/detections.json", "folds/2/validation.json"])
def test_a_run_that_is_not_over_is_refused(dataset: Path, tmp_path: Path, missing: str) -> None:
    run = write_judged_run(tmp_path / "run", dataset)
    (run.root / missing).unlink()
    with pytest.raises(DetectorError, match=r"not trained to its end.*--resume"):
        read_unseen(run.root, load_labelled_folder(dataset))


def test_what_is_no_run_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="holds no training run"):
        read_unseen(tmp_path, load_labelled_folder(dataset))


def test_parts_are_pooled_with_each_image_once(dataset: Path) -> None:
    folder = load_labelled_folder(dataset)
    assert [image.id for image in pool_parts(folder).images] == list(range(1, 10))
    in_folds = load_labelled_folder(dataset, folds=2)  # where train and val are the same
    assert len(pool_parts(in_folds).annotations) == len(pool_parts(folder).annotations) == 9


def test_the_folder_of_a_run_is_left_as_it_is(dataset: Path, tmp_path: Path) -> None:
    run: RunFolder = write_judged_run(tmp_path / "run", dataset)
    before = sorted(path.name for path in run.root.rglob("*"))
    read_unseen(run.root, load_labelled_folder(dataset))
    assert sorted(path.name for path in run.root.rglob("*")) == before
