import json

import numpy as np
import pytest

from detector.evaluation.assignment import assign
from detector.evaluation.outcomes import build_matrix, find_outcomes
from detector.evaluation.tables import build_tables
from tests.evaluation.noisy_detections import build_dataset
from tests.evaluation.test_coco_metrics import as_detections


def judge(dataset, detections, threshold=0.5):
    tables = build_tables(dataset, detections, dataset.categories)
    assignment = assign(tables, tables.objects.crowd)
    outcomes = find_outcomes(tables, assignment, np.full(len(tables.classes), threshold))
    return tables, outcomes, build_matrix(tables, outcomes)


def test_truth_is_a_diagonal():
    dataset = build_dataset()
    _, outcomes, matrix = judge(dataset, as_detections(dataset))
    assert matrix.sum() == np.trace(matrix) == len(dataset.annotations)
    assert not outcomes.missed.any()
    assert not outcomes.false_positives.any()


def test_rows_are_what_it_is_and_columns_what_it_is_detected_as():
    dataset = build_dataset()
    taken = [
        {**d, "category_id": 2 if d["category_id"] == 1 else d["category_id"]} for d in as_detections(dataset)
    ]
    names, (_, outcomes, matrix) = list(dataset.categories.values()), judge(dataset, taken)
    ants = sum(a["category_id"] == 1 for a in dataset.annotations)
    ant, bee = names.index("ant"), names.index("bee")
    assert matrix[ant, bee] == ants > 0
    assert matrix[bee, ant] == matrix[ant, ant] == 0
    assert matrix[-1].sum() == matrix[:, -1].sum() == 0
    assert outcomes.object_confused.sum() == ants


def test_missed_objects_are_in_the_last_column_and_ghosts_in_the_last_row():
    dataset = build_dataset()
    found = as_detections(dataset)
    ghost = {**found[0], "bbox": [5000.0, 5000.0, 10.0, 10.0]}
    _, outcomes, matrix = judge(dataset, [*found[1:], ghost])
    label = sorted(dataset.categories).index(found[0]["category_id"])
    assert matrix[label, -1] == matrix[:, -1].sum() == 1
    assert matrix[-1, label] == matrix[-1].sum() == 1
    assert outcomes.missed.sum() == outcomes.false_positives.sum() == 1


def test_what_scores_under_the_threshold_is_not_shown():
    dataset = build_dataset()
    weak = [{**d, "score": 0.49} for d in as_detections(dataset)]
    _, outcomes, matrix = judge(dataset, weak)
    assert not outcomes.shown.any()
    assert matrix[:, -1].sum() == matrix.sum() == len(dataset.annotations)


def test_a_second_detection_of_an_object_is_a_ghost():
    dataset = build_dataset()
    found = as_detections(dataset)
    _, _, matrix = judge(dataset, [*found, {**found[0], "score": 0.6}])
    assert matrix[-1].sum() == 1
    assert np.trace(matrix[:-1, :-1]) == len(found)


def test_every_shown_detection_and_every_object_is_counted_once(coco_sample, golden_detections):
    detections = json.loads(golden_detections.read_text())
    tables, outcomes, matrix = judge(coco_sample, detections, 0.3)
    assert matrix[:-1].sum() == (~tables.objects.crowd).sum()
    assert matrix[:, :-1].sum() == (outcomes.shown & ~outcomes.aside).sum()
    assert outcomes.aside.sum() > 0
    # The diagonal is what COCO's matching finds.
    found = outcomes.found[outcomes.found >= 0]
    assert len(found) == len(set(found.tolist())) == np.trace(matrix)


@pytest.mark.parametrize("order", [1, -1])
def test_the_higher_score_takes_the_object_of_another_class(order):
    dataset = build_dataset(images=1)
    truth = as_detections(dataset)[:1]
    wrong = [c for c in dataset.categories if c != truth[0]["category_id"]][:2]
    scores = (0.9, 0.8)[::order]
    rivals = [{**truth[0], "category_id": c, "score": s} for c, s in zip(wrong, scores, strict=True)]
    tables, outcomes, _ = judge(dataset, rivals)
    (winner,) = np.flatnonzero(outcomes.confused >= 0)
    assert tables.found.score[winner] == 0.9
    assert outcomes.false_positives.sum() == 1
