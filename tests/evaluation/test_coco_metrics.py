import json
from dataclasses import replace

import numpy as np
import pytest

from detector.evaluation import METRICS, compute_metrics

# official_model.md of the released model: measured with the official graph on the same 103 images
REFERENCE = dict(
    zip(
        METRICS,
        (32.28, 49.34, 34.85, 5.91, 26.07, 68.23, 28.28, 39.17, 40.33, 7.67, 35.68, 75.07),
        strict=True,
    )
)


def as_detections(dataset, **changes):
    return [
        {
            "image_id": annotation["image_id"],
            "category_id": annotation["category_id"],
            "bbox": annotation["bbox"],
            "score": 1.0,
            **changes,
        }
        for annotation in dataset.annotations
        if not annotation["iscrowd"]
    ]


def test_the_official_detections_give_the_reference_numbers(coco_sample, golden_detections):
    detections = json.loads(golden_detections.read_text())
    metrics = compute_metrics(coco_sample, detections, list(coco_sample.categories))
    # The file leaves out detections under .001, which costs up to .02.
    for name, value in REFERENCE.items():
        assert 100 * metrics.summary[name] == pytest.approx(value, abs=0.05)


def test_truth_as_detections_scores_1(coco_sample):
    metrics = compute_metrics(coco_sample, as_detections(coco_sample), list(coco_sample.categories))
    for name in ("AP", "AP50", "AP75", "APs", "APm", "APl"):
        assert metrics.summary[name] == pytest.approx(1)
    present = {
        annotation["category_id"] for annotation in coco_sample.annotations if not annotation["iscrowd"]
    }
    for id_, name in coco_sample.categories.items():
        assert metrics.per_class[name] == pytest.approx(1 if id_ in present else -1)


def test_labels_shifted_by_one_destroy_it(coco_sample):
    ids = sorted(coco_sample.categories)
    after = dict(zip(ids, [*ids[1:], ids[0]], strict=True))
    shifted = [{**d, "category_id": after[d["category_id"]]} for d in as_detections(coco_sample)]
    assert compute_metrics(coco_sample, shifted, ids).summary["AP"] < 0.02


def test_no_detections_give_0_and_no_truth_gives_minus_1(coco_sample):
    ids = list(coco_sample.categories)
    nothing = compute_metrics(coco_sample, [], ids)
    assert [nothing.summary[name] for name in METRICS] == [0] * 12
    without_truth = replace(coco_sample, annotations=())
    assert compute_metrics(without_truth, as_detections(coco_sample), ids).summary["AP"] == -1


def test_detections_in_a_crowd_are_neither_right_nor_wrong(coco_sample):
    crowd = next(annotation for annotation in coco_sample.annotations if annotation["iscrowd"])
    ids = list(coco_sample.categories)
    ghost = {"image_id": crowd["image_id"], "category_id": crowd["category_id"], "score": 2.0}
    x, y, width, height = crowd["bbox"]
    in_crowd = {**ghost, "bbox": [x + width / 4, y + height / 4, width / 8, height / 8]}
    elsewhere = {**ghost, "bbox": [x - 3000, y, width / 8, height / 8]}
    truth = as_detections(coco_sample)
    assert compute_metrics(coco_sample, [in_crowd, *truth], ids).summary["AP"] == pytest.approx(1)
    assert compute_metrics(coco_sample, [elsewhere, *truth], ids).summary["AP"] < 1


def test_the_datasets_own_objects_are_not_touched(coco_sample):
    before = json.dumps(coco_sample.annotations)
    compute_metrics(coco_sample, as_detections(coco_sample), [1])
    assert json.dumps(coco_sample.annotations) == before


def test_per_class_ap_averages_to_ap(coco_sample, golden_detections):
    detections = json.loads(golden_detections.read_text())
    metrics = compute_metrics(coco_sample, detections, list(coco_sample.categories))
    values = [value for value in metrics.per_class.values() if value >= 0]
    assert np.mean(values) == pytest.approx(metrics.summary["AP"], abs=1e-9)
