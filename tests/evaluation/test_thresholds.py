import numpy as np
import pytest

from detector.evaluation.assignment import assign
from detector.evaluation.tables import build_tables
from detector.evaluation.thresholds import GRID, f1_curve, find_best, find_operating_points, judge
from tests.evaluation.noisy_detections import build_dataset, with_noise


def test_the_best_threshold_is_that_of_a_search_through_all():
    generator = np.random.default_rng(0)
    for _ in range(50):
        score = np.round(generator.random(30), 2)
        right = generator.random(30) < score
        if not right.any():
            continue
        best = find_best(score, right, 40)
        by_hand = {
            t: 2 * right[score >= t].sum() / ((score >= t).sum() + 40) for t in np.unique(score).tolist()
        }
        assert best.f1 == pytest.approx(max(by_hand.values()))
        # ... and what is taken at the threshold gives it.
        taken = score >= best.threshold
        assert 2 * right[taken].sum() / (taken.sum() + 40) == pytest.approx(best.f1)
        assert best.precision == pytest.approx(right[taken].mean())
        assert best.recall == pytest.approx(right[taken].sum() / 40)


def test_the_threshold_lies_between_what_is_taken_and_what_is_not():
    best = find_best(np.array([0.9, 0.8, 0.3, 0.2]), np.array([True, True, False, False]), 2)
    assert (best.threshold, best.f1, best.precision, best.recall) == (0.55, 1, 1, 1)


def test_no_right_detection_gives_no_threshold():
    assert find_best(np.array([0.9]), np.array([False]), 3) is None
    assert find_best(np.zeros(0), np.zeros(0, np.bool_), 3) is None


def test_the_curve_is_f1_at_each_threshold():
    score, right = np.array([0.1, 0.5, 0.9]), np.array([False, True, True])
    f1, precision, recall = f1_curve(score, right, 4)
    for place, threshold in ((0, 0), (10, 0.1), (30, 0.3), (50, 0.5), (90, 0.9), (100, 1)):
        taken = score >= GRID[place]
        true = right[taken].sum()
        assert f1[place] == pytest.approx(2 * true / (taken.sum() + 4)), threshold
        assert precision[place] == pytest.approx(true / taken.sum() if taken.any() else 1)
        assert recall[place] == pytest.approx(true / 4)


def test_each_class_has_its_own_threshold_and_rare_ones_have_none():
    truth = build_dataset(60)
    # Dogs are found with scores below .5, all others above.
    found = [{**d, "score": d["score"] / 2} if d["category_id"] == 5 else d for d in with_noise(truth)]
    tables = build_tables(truth, found, truth.categories)
    _, classes = find_operating_points(judge(tables, assign(tables, tables.objects.crowd)))
    assert classes[3].threshold < 0.25
    assert all(best.threshold > 0.25 for best in classes[:3])
    few = truth.select({image.id for image in truth.images[:3]})
    tables = build_tables(few, found, few.categories)
    overall, classes = find_operating_points(judge(tables, assign(tables, tables.objects.crowd)))
    assert classes == [None] * 4
    assert overall.f1 > 0.9
