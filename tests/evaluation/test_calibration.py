import numpy as np
import pytest

from detector.evaluation.bootstrap import draw_resamples
from detector.evaluation.calibration import calibrate
from detector.evaluation.thresholds import Judged


def judged(score, right, images):
    count = len(score)
    labels = np.zeros(count, np.int64)
    return Judged(np.arange(count) % images, labels, score, right, np.array([count]))


@pytest.mark.parametrize(("power", "error"), [(1, 0), (2, 1 / 6)])
def test_scores_that_are_probabilities_have_no_error(power, error):
    """Where the share that is right is the square of the score, the mean distance is 1/2 - 1/3."""
    generator = np.random.default_rng(0)
    score = generator.random(40_000)
    right = generator.random(40_000) < score**power
    found = calibrate(judged(score, right, 200), 200, draw_resamples(200, 100))
    assert found.error.value == pytest.approx(error, abs=0.01)
    assert found.error.low <= found.error.value <= found.error.high
    for each in found.bins:
        assert each.precision.value == pytest.approx(each.score**power, abs=0.03)
        assert each.precision.low < each.precision.value < each.precision.high
    assert sum(each.count for each in found.bins) == (score >= 0.05).sum()


def test_no_detections_have_no_bins():
    found = calibrate(judged(np.zeros(0), np.zeros(0, np.bool_), 3), 3, draw_resamples(3, 10))
    assert found.bins == []
    assert np.isnan(found.error.value)


def test_a_score_of_exactly_1_is_in_the_last_bin():
    found = calibrate(judged(np.ones(4), np.ones(4, np.bool_), 2), 2, draw_resamples(2, 10))
    assert [(each.low, each.count, each.precision.value) for each in found.bins] == [(0.9, 4, 1)]
