"""Intervals of AP and AP50, whole and of each class."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detector.evaluation.analysis import analyse
from detector.evaluation.coco_metrics import compute_metrics
from detector.evaluation.intervals import measure_classes, measure_intervals
from tests.evaluation.noisy_detections import NAMES, build_dataset, with_noise


def test_each_class_that_has_objects_has_its_own_interval() -> None:
    dataset = build_dataset(30)
    dataset = replace(
        dataset, annotations=tuple(each for each in dataset.annotations if each["category_id"] != 4)
    )
    detections = with_noise(dataset)
    found = measure_intervals(dataset, detections, NAMES, rounds=200)
    assert found.classes.keys() == {"ant", "bee", "dog"}
    assert found.ap.low < found.ap.value < found.ap.high
    for ap, ap50 in found.classes.values():
        assert ap.low <= ap.value <= ap.high
        assert ap50.low <= ap50.value <= ap50.high
    by_class = measure_classes(dataset, detections, NAMES)
    assert {name: pytest.approx(pair) for name, pair in by_class.items()} == {
        name: (ap.value, ap50.value) for name, (ap, ap50) in found.classes.items()
    }


def test_they_are_those_of_the_whole_analysis() -> None:
    dataset = build_dataset(20)
    detections = with_noise(dataset)
    found = measure_intervals(dataset, detections, NAMES, rounds=100)
    analysis = analyse(dataset, detections, NAMES, compute_metrics(dataset, detections, NAMES), rounds=100)
    assert (found.ap, found.ap50) == (analysis.summary["AP"], analysis.summary["AP50"])
    assert found.classes == {each.name: (each.ap, each.ap50) for each in analysis.classes}
