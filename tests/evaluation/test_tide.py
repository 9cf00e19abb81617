"""Each kind of error alone: the whole loss lands on it, and on no other."""

import numpy as np
import pytest

from detector.evaluation.assignment import assign
from detector.evaluation.tables import build_tables
from detector.evaluation.tide import ERRORS, find_error_costs
from tests.evaluation.noisy_detections import build_dataset
from tests.evaluation.test_coco_metrics import as_detections


def costs(dataset, detections):
    tables = build_tables(dataset, detections, dataset.categories)
    return find_error_costs(tables, assign(tables, tables.objects.crowd))


@pytest.fixture(scope="module")
def apart():
    """Objects far from each other: what is meant for one has nothing to do with another."""
    dataset = build_dataset()
    for number, annotation in enumerate(dataset.annotations):
        first = next(a for a in dataset.annotations if a["image_id"] == annotation["image_id"])
        annotation["bbox"] = [100.0 * (annotation["id"] - first["id"]), 50.0, 60.0, 60.0]
        annotation["area"] = 3600.0 + number
    return dataset


def only_misses(truth):
    return truth[::2]


def only_shifted(truth):
    """Moved by 30 of 60 pixels: IoU 30 / 90."""
    return [
        {**d, "bbox": [d["bbox"][0] + 30 * (k % 2), *d["bbox"][1:]], "score": 1 - k % 2 / 2}
        for k, d in enumerate(truth)
    ]


def only_wrong_classes(truth):
    after = {1: 2, 2: 4, 4: 5, 5: 1}
    return [
        {**d, "category_id": after[d["category_id"]] if k % 2 else d["category_id"]}
        for k, d in enumerate(truth)
    ]


def only_duplicates(truth):
    # In the order of scores every detection is followed by its repetition, so precision falls.
    return [{**d, "score": 1 - k / 1000 - again / 2000} for k, d in enumerate(truth) for again in (0, 1)]


def only_ghosts(truth):
    ghosts = [{**d, "bbox": [d["bbox"][0], 300.0, 60.0, 60.0], "score": 1.1} for d in truth]
    return [*truth, *ghosts]


def only_both(truth):
    """Wrong class and moved by half."""
    moved = [{**d, "bbox": [d["bbox"][0] + 30, *d["bbox"][1:]], "score": 1.1} for d in truth]
    return [*truth, *only_wrong_classes([d for d in moved for _ in (0, 1)])[1::2]]


CASES = {
    "missed": only_misses,
    "localisation": only_shifted,
    "classification": only_wrong_classes,
    "duplicate": only_duplicates,
    "background": only_ghosts,
    "both": only_both,
}


@pytest.mark.parametrize("kind", CASES)
def test_the_whole_loss_lands_on_the_right_type(apart, kind):
    found = costs(apart, CASES[kind](as_detections(apart)))
    assert 0 < found.ap50 < 0.9
    assert found.costs[kind] == pytest.approx(1 - found.ap50)
    for other in ERRORS:
        if other != kind:
            assert found.costs[other] == pytest.approx(0), other
            assert found.counts[other] == 0, other
    assert found.counts[kind] > 0


def test_no_errors_cost_nothing(apart):
    found = costs(apart, as_detections(apart))
    assert found.ap50 == pytest.approx(1)
    assert set(found.counts.values()) == {0}
    assert (found.false_positives_cost, found.misses_cost) == (0, 0)


def test_nothing_at_all_is_missed(apart):
    found = costs(apart, [])
    assert found.ap50 == 0
    assert found.counts["missed"] == len(apart.annotations)
    assert found.costs["missed"] == found.misses_cost == 1


def test_an_object_that_an_error_points_at_is_not_missed_too(apart):
    found = costs(apart, only_shifted(as_detections(apart)))
    assert found.counts["localisation"] == len(apart.annotations) // 2
    assert found.counts["missed"] == 0
    assert found.misses_cost > 0


def test_only_the_best_of_two_errors_on_one_object_is_put_right(apart):
    truth = as_detections(apart)
    shifted = [{**d, "bbox": [d["bbox"][0] + 30, *d["bbox"][1:]]} for d in truth]
    found = costs(apart, [*shifted, *({**d, "score": 0.5} for d in shifted)])
    assert found.ap50 == 0
    assert found.costs["localisation"] == pytest.approx(1)


def test_detections_in_crowds_are_no_errors(coco_sample):
    crowd = next(a for a in coco_sample.annotations if a["iscrowd"])
    x, y, width, height = crowd["bbox"]
    inside = {
        "image_id": crowd["image_id"],
        "category_id": crowd["category_id"],
        "bbox": [x + width / 4, y + height / 4, width / 8, height / 8],
        "score": 2.0,
    }
    without = costs(coco_sample, as_detections(coco_sample))
    found = costs(coco_sample, [inside, *as_detections(coco_sample)])
    assert found.counts == without.counts
    assert found.ap50 == pytest.approx(without.ap50)


def test_costs_are_never_negative_but_for_rounding(coco_sample, golden_detections):
    import json

    found = costs(coco_sample, json.loads(golden_detections.read_text()))
    assert all(value > -1e-9 for value in found.costs.values())
    assert found.misses_cost >= found.costs["missed"]
    assert np.isclose(found.ap50, 0.4934, atol=1e-4)
