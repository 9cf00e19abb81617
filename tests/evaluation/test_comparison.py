import json

import pytest

from detector.evaluation import compute_metrics
from detector.evaluation.bootstrap import Interval
from detector.evaluation.comparison import Difference, compare_detections, show_difference
from tests.evaluation.noisy_detections import build_dataset, with_noise
from tests.evaluation.test_coco_metrics import as_detections


@pytest.fixture(scope="module")
def detections(golden_detections):
    return json.loads(golden_detections.read_text())


def test_values_are_those_of_pycocotools(coco_sample, detections):
    comparison = compare_detections(coco_sample, detections, detections[::2], rounds=20)
    for side, found in (("first", detections), ("second", detections[::2])):
        expected = compute_metrics(coco_sample, found, list(coco_sample.categories)).summary
        for name, each in comparison.summary.items():
            interval = getattr(each, side)
            assert interval.value == pytest.approx(expected[name], abs=1e-9)
            assert interval.low < interval.value < interval.high


def test_the_same_detections_differ_by_nothing(coco_sample, detections):
    comparison = compare_detections(coco_sample, detections, detections, rounds=10)
    for each in comparison.summary.values():
        assert (each.difference.low, each.difference.value, each.difference.high) == (0, 0, 0)
        assert not each.beyond_chance
    assert comparison.images == []


def test_a_clear_loss_is_beyond_chance(coco_sample, detections):
    worse = [{**d, "bbox": [d["bbox"][0] + 20, *d["bbox"][1:]]} for d in detections]
    comparison = compare_detections(coco_sample, detections, worse, rounds=30)
    assert comparison.summary["AP"].difference.high < 0
    assert comparison.summary["AP"].beyond_chance


def test_the_class_and_the_image_that_changed_are_named():
    truth = build_dataset()
    good = with_noise(truth)
    image = truth.annotations[0]["image_id"]
    lost = [d for d in good if d["image_id"] != image or d["score"] < 0.5]
    objects = sum(a["image_id"] == image for a in truth.annotations)
    comparison = compare_detections(truth, good, lost, rounds=10)
    assert [change.image_id for change in comparison.images] == [image]
    (change,) = comparison.images
    assert (change.first[0], change.second[0]) == (objects, 0)
    assert change.errors_more == objects
    without_bees = [d for d in good if d["category_id"] != 2]
    comparison = compare_detections(truth, good, without_bees, rounds=10)
    assert comparison.classes[0].name == "bee"
    assert comparison.classes[0].ap.second.value == 0
    assert [each.ap.difference.value for each in comparison.classes[1:]] == [0, 0, 0]


def test_the_gain_of_perfect_detections(coco_sample, detections):
    perfect = as_detections(coco_sample)
    comparison = compare_detections(coco_sample, detections, perfect, rounds=10)
    assert comparison.summary["AP"].second.value == pytest.approx(1)
    assert all(change.errors_more < 0 for change in comparison.images)


def test_a_difference_that_rounds_to_nothing_is_none():
    side = Interval(0.3, 0.2, 0.4)
    tiny = Difference(side, side, Interval(-4e-7, -6e-7, -1e-7))
    assert not tiny.beyond_chance
    assert show_difference(tiny).split() == ["+0.00", "[+0.00,", "+0.00]", "within", "chance"]
    assert Difference(side, side, Interval(-6e-5, -9e-5, -3e-5)).beyond_chance
