"""How far the numbers of a validation set may be chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.dataset import Dataset, DatasetImage
from detector.evaluation.bootstrap import Interval
from detector.training.chance import describe_expected, describe_interval, expected_chance


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
    wide = describe_interval(Interval(0.6, 0.52, 0.66), Interval(0.8, 0.71, 0.9))
    assert wide is not None
    assert wide.startswith("By chance alone (95 %) it could be 52.0 to 66.0, AP50 71.0 to 90.0. ")
    assert "--folds 5" in wide
    narrow = describe_interval(Interval(0.6, 0.56, 0.64), Interval(0.8, 0.7, 0.9))
    assert narrow == "By chance alone (95 %) it could be 56.0 to 64.0, AP50 70.0 to 90.0."
    none = Interval(0.6, float("nan"), float("nan"))
    assert describe_interval(none, none) is None
