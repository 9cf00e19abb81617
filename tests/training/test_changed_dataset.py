"""A run goes on with its dataset as it was, wherever that lies now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from detector.data.folder import LabelledFolder
from detector.errors import DetectorError
from detector.training.resumption import take_up
from detector.training.run_folder import RunFolder
from tests.data.labelled import Photo, write_voc
from tests.training.small_run import (
    begin_run,
    write_shapes,
)
from tests.training.test_resumption import go_on, sentence


@pytest.fixture
def own_run(tmp_path: Path) -> RunFolder:
    """A run with a dataset of its own, which a test may spoil."""
    return begin_run(tmp_path / "run", write_shapes(tmp_path / "shapes"))


def test_a_run_that_ended_before_its_first_checkpoint_begins_again(own_run: RunFolder) -> None:
    assert go_on(own_run).step is None
    own_run.append_history({"step": 2, "loss": 1.0})
    own_run.checkpoints.mkdir()
    (own_run.checkpoints / "ckpt-2.index").write_bytes(b"cut off")
    lines = go_on(own_run).lines
    assert "ckpt-2.json is missing" in lines[0]
    assert "training begins at step 0; 2 steps are trained again" in lines[1]


def drop_an_image(data: Path) -> None:
    lists = data / "ImageSets/Main/train.txt"
    lists.write_text("\n".join(lists.read_text().split()[1:]))


def move_a_box(data: Path) -> None:
    path = sorted((data / "Annotations").iterdir())[0]
    path.write_text(path.read_text().replace("<ymax>40", "<ymax>41"))


def rename_a_class(data: Path) -> None:
    for path in (data / "Annotations").iterdir():
        path.write_text(path.read_text().replace("dog", "fox"))


def drop_the_validation_split(data: Path) -> None:
    (data / "ImageSets/Main/val.txt").unlink()


@pytest.mark.parametrize("edit", [drop_an_image, move_a_box, rename_a_class, drop_the_validation_split])
def test_a_dataset_that_was_edited_is_refused(own_run: RunFolder, edit: Callable[[Path], None]) -> None:
    edit(Path(own_run.load_record()["dataset"]))
    assert "has changed since this run began" in sentence(own_run)
    if edit is rename_a_class:
        assert "its classes were cat, dog, traffic light and are" in sentence(own_run)


def test_a_dataset_that_has_moved_is_named(own_run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "shapes").rename(tmp_path / "elsewhere")
    told = sentence(own_run)
    assert str(tmp_path / "shapes") in told
    assert f"ssdlite train NEW_PLACE --resume {own_run.root}" in told
    assert go_on(own_run, tmp_path / "elsewhere").step is None
    other = write_voc(tmp_path / "other", [Photo(f"{n}.jpg") for n in range(8)])
    assert "has changed since this run began" in sentence(own_run, other)


def test_findings_are_told_before_a_refusal(own_run: RunFolder) -> None:
    move_a_box(Path(own_run.load_record()["dataset"]))
    told: list[LabelledFolder] = []

    def tell(folder: LabelledFolder) -> LabelledFolder:
        told.append(folder)
        return folder

    with pytest.raises(DetectorError, match="has changed"):
        take_up(own_run, None, tell)
    assert len(told) == 1
