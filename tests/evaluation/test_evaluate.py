"""The end of the parity ladder: AP on 103 images of COCO val2017."""

import pytest

from detector.evaluation import evaluate
from detector.runtime import Detector
from tests.evaluation.test_coco_metrics import REFERENCE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def half_pixel(released_weights, coco_sample):
    return evaluate(Detector.load(score_threshold=None), coco_sample)


def test_the_released_graphs_resize_gives_its_numbers(released_weights, coco_sample):
    found = evaluate(Detector.load(score_threshold=None, resize="tf1"), coco_sample)
    for name, value in REFERENCE.items():
        assert 100 * found.metrics.summary[name] == pytest.approx(value, abs=0.1 if name == "AP" else 0.3)


def test_the_default_loses_nothing(half_pixel):
    assert 100 * half_pixel.metrics.summary["AP"] >= 32.2
    assert half_pixel.images == 103
    assert half_pixel.unmatched == ()


@pytest.mark.parametrize("backend", ["tensorflow", "openvino"])
def test_backends_agree(backend, half_pixel, coco_sample):
    pytest.importorskip(backend)
    found = evaluate(Detector.load(backend=backend, score_threshold=None), coco_sample)
    for name, value in found.metrics.summary.items():
        assert 100 * value == pytest.approx(100 * half_pixel.metrics.summary[name], abs=0.1)


def test_classes_narrowed_by_name_keep_their_ap(half_pixel, coco_sample):
    found = evaluate(Detector.load(score_threshold=None, classes=["person", "chair"]), coco_sample)
    assert set(found.metrics.per_class) == {"person", "chair"}
    for name, value in found.metrics.per_class.items():
        # Not equal: with fewer classes the limit of 100 detections cuts fewer of these off.
        assert value == pytest.approx(half_pixel.metrics.per_class[name], abs=0.01)
