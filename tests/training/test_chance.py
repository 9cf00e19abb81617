"""How far the numbers of a validation set may be chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detector.data.annotations import Result
from detector.data.dataset import Dataset, DatasetImage
from detector.training.chance import (
    describe_expected,
    describe_interval,
    expected_chance,
    measure_classes,
    measure_intervals,
)


def dataset_of(images: int, labels: tuple[int, ...] = (1,)) -> Dataset:
    """Images with an object of each class."""
    annotations = [
        {
            "id": 10 * n + k,
            "image_id": n,
            "category_id": k,
            "bbox": [10, 10 * k, 20, 20],
            "area": 400,
            "iscrowd": 0,
        }
        for n in range(images)
        for k in labels
    ]
    shown = tuple(DatasetImage(n, Path(f"{n}.jpg"), (100, 100)) for n in range(images))
    categories = {k: f"class {k}" for k in (1, 2, 3)}
    return Dataset(Path("data"), shown, tuple(annotations), categories, "val")  # type: ignore[arg-type]


def detections_of(dataset: Dataset, share: float) -> list[Result]:
    """Boxes that fit exactly, of some of the objects."""
    rng = np.random.default_rng(0)
    return [
        {
            "image_id": each["image_id"],
            "category_id": each["category_id"],
            "bbox": list(each["bbox"]),
            "score": float(rng.uniform(0.5, 1)),
        }
        for each in dataset.annotations
        if rng.uniform() < share
    ]


def test_more_images_and_more_classes_tell_more() -> None:
    few, many = expected_chance(dataset_of(40)), expected_chance(dataset_of(400))
    assert few is not None
    assert many is not None
    assert few == pytest.approx(0.063, abs=0.002)  # as measured on raccoon
    assert many < few / 3
    assert expected_chance(dataset_of(40, (1, 2, 3))) == pytest.approx(few / 3**0.5)
    assert expected_chance(dataset_of(40, ())) is None


def test_a_small_set_is_said_to_be_too_small_and_a_large_one_is_not() -> None:
    line = describe_expected(dataset_of(40))
    assert line is not None
    assert line.startswith("40 validation images with 40 objects: expect AP to be known to about +-6 points")
    assert "--folds 5" in line
    assert "--folds" not in str(describe_expected(dataset_of(200)))
    assert describe_expected(dataset_of(40, ())) is None


def test_the_interval_is_said_where_there_is_one() -> None:
    dataset = dataset_of(30)
    line = describe_interval(dataset, detections_of(dataset, 0.6), [1])
    assert line is not None
    assert "--folds 5" in line
    exact = describe_interval(dataset, detections_of(dataset, 1.0), [1])
    assert exact == "By chance alone (95 %) it could be 100.0 to 100.0, AP50 100.0 to 100.0."
    assert describe_interval(dataset_of(4), detections_of(dataset_of(4), 1.0), [1]) is None
    assert describe_interval(dataset_of(30, ()), [], [1]) is None


def test_each_class_has_its_own_interval() -> None:
    dataset = dataset_of(30, (1, 3))
    found = measure_intervals(dataset, detections_of(dataset, 0.7), [1, 2, 3], rounds=200)
    assert found.classes.keys() == {"class 1", "class 3"}
    for ap, ap50 in found.classes.values():
        assert ap.low < ap.value < ap.high
        assert ap50.value == pytest.approx(ap.value)
    assert found.ap.low < found.ap.value < found.ap.high
    by_class = measure_classes(dataset, detections_of(dataset, 0.7), [1, 2, 3])
    assert {name: pair[0] for name, pair in by_class.items()} == {
        name: pytest.approx(ap.value) for name, (ap, _) in found.classes.items()
    }
