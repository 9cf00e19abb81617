"""The faults that a study plants, and how it counts those that are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detector.boxes import intersection_over_union, xywh_to_xyxy
from detector.data.folder import load_labelled_folder
from studies.planted_faults import Fault, plant_faults
from studies.wrong_labels import _hits
from tests.checks.made_up_scenes import scene
from tests.data.labelled import CLASSES, Photo, write_voc


@pytest.mark.parametrize("classes", [1, 2])
def test_each_kind_of_fault_is_planted_once_in_its_share_of_the_objects(tmp_path: Path, classes: int) -> None:
    photos = [
        Photo(f"{n}.png", [(CLASSES[n % classes], 4, 5, 24, 30), (CLASSES[0], 30, 10, 60, 44)], look=n)
        for n in range(20)
    ]
    source = write_voc(tmp_path / "set", photos)
    faults = plant_faults(source, tmp_path / "copy", 0.1, seed=3)
    kinds = [fault.kind for fault in faults]
    assert (kinds.count("forgotten"), kinds.count("badly placed")) == (4, 4)
    assert kinds.count("swapped") == (4 if classes > 1 else 0)
    folder = load_labelled_folder(tmp_path / "copy")
    assert len(folder.train.annotations) + len(folder.val.annotations) == 36
    right = xywh_to_xyxy(np.array([[4, 5, 20, 25], [30, 10, 30, 34]], np.float32))
    for fault in (each for each in faults if each.kind == "badly placed"):
        moved = xywh_to_xyxy(np.array([fault.bbox], np.float32))
        assert 0.4 <= intersection_over_union(moved, right).max() <= 0.71
        assert (moved >= 0).all()
        assert (moved <= [64, 48, 64, 48]).all()
    assert len({(fault.image, fault.bbox) for fault in faults}) == len(faults)
    assert plant_faults(source, tmp_path / "again", 0.1, seed=3) == faults


def test_a_fault_is_found_once() -> None:
    scenes = [scene([], [])]
    ranking = [(0, (0, 0, 100, 100)), (0, (2, 0, 100, 100)), (0, (500, 0, 9, 9))]
    forgotten = [Fault("forgotten", "made_up.jpg", (4, 0, 100, 100))]
    assert _hits(ranking, forgotten, scenes).tolist() == [True, False, False]
    moved = [Fault("badly placed", "made_up.jpg", (2, 0, 100, 100))]
    assert _hits(ranking, moved, scenes).tolist() == [False, True, False]
