import json

import numpy as np
import pytest

from detector.evaluation import compute_metrics
from detector.evaluation.bootstrap import Interval, draw_resamples, interval_of
from detector.evaluation.comparison import compare_detections


@pytest.fixture(scope="module")
def detections(golden_detections):
    return json.loads(golden_detections.read_text())


def test_the_value_is_the_ap(coco_sample, detections):
    comparison = compare_detections(coco_sample, detections, detections[::2], rounds=10)
    categories = list(coco_sample.categories)
    for interval, found in ((comparison.first, detections), (comparison.second, detections[::2])):
        expected = compute_metrics(coco_sample, found, categories).summary["AP"]
        assert interval.value == pytest.approx(expected, abs=1e-9)
        assert interval.low < interval.value < interval.high


def test_each_round_draws_as_many_images_as_there_are():
    drawn = draw_resamples(50, 20, seed=1)
    assert (drawn.sum(axis=1) == 50).all()
    assert (draw_resamples(50, 20, seed=1) == drawn).all()
    assert (draw_resamples(50, 20, seed=2) != drawn).any()


def test_intervals_leave_out_rounds_without_a_value():
    samples = np.array([np.nan, *np.linspace(0, 1, 41)])
    assert interval_of(0.5, samples) == Interval(0.5, pytest.approx(0.025), pytest.approx(0.975))
    undefined = interval_of(float("nan"), samples)
    assert np.isnan([undefined.value, undefined.low, undefined.high]).all()


def test_the_same_detections_differ_by_nothing(coco_sample, detections):
    difference = compare_detections(coco_sample, detections, detections, rounds=10).difference
    assert (difference.low, difference.value, difference.high) == (0, 0, 0)


def test_a_clear_loss_is_beyond_chance(coco_sample, detections):
    worse = [{**d, "bbox": [d["bbox"][0] + 20, *d["bbox"][1:]]} for d in detections]
    difference = compare_detections(coco_sample, detections, worse, rounds=30).difference
    assert difference.high < 0
