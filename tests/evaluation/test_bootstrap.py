import json
from dataclasses import replace

import numpy as np
import pytest

from detector.evaluation import compute_metrics
from detector.evaluation.bootstrap import _ap, compare_detections
from detector.evaluation.coco_metrics import match_detections, silenced


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


def test_a_resampled_ap_is_that_of_a_dataset_in_which_images_repeat(coco_sample, detections):
    chosen = np.random.default_rng(0).integers(0, 103, 103)
    with silenced():
        matched = match_detections(coco_sample, detections, list(coco_sample.categories), ap_only=True)
        found = _ap(matched, chosen)
    images, annotations, repeated = [], [], []
    for new_id, index in enumerate(chosen, start=1):
        image = coco_sample.images[index]
        images.append(replace(image, id=new_id))
        annotations += [
            {**a, "image_id": new_id} for a in coco_sample.annotations if a["image_id"] == image.id
        ]
        repeated += [{**d, "image_id": new_id} for d in detections if d["image_id"] == image.id]
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    dataset = replace(coco_sample, images=tuple(images), annotations=tuple(annotations))
    expected = compute_metrics(dataset, repeated, list(coco_sample.categories)).summary["AP"]
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_same_detections_differ_by_nothing(coco_sample, detections):
    difference = compare_detections(coco_sample, detections, detections, rounds=10).difference
    assert (difference.low, difference.value, difference.high) == (0, 0, 0)


def test_a_clear_loss_is_beyond_chance(coco_sample, detections):
    worse = [{**d, "bbox": [d["bbox"][0] + 20, *d["bbox"][1:]]} for d in detections]
    difference = compare_detections(coco_sample, detections, worse, rounds=30).difference
    assert difference.high < 0
