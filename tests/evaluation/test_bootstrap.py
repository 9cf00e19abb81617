import numpy as np
import pytest

from detector.evaluation.bootstrap import Interval, bootstrap, draw_resamples, interval_of
from detector.evaluation.tables import build_tables
from tests.evaluation.noisy_detections import build_dataset, with_noise


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


def test_the_bias_of_the_rounds_is_taken_off_and_shares_stay_shares():
    samples = np.linspace(0.6, 0.8, 41)
    assert interval_of(0.5, samples) == Interval(0.5, pytest.approx(0.405), pytest.approx(0.595))
    assert interval_of(0.02, samples - 0.5) == Interval(0.02, 0, pytest.approx(0.115))
    assert interval_of(0.98, samples) == Interval(0.98, pytest.approx(0.885), 1)
    below_zero = interval_of(0.02, np.linspace(-0.1, 0.1, 41))  # a difference may be on either side
    assert below_zero.low == pytest.approx(-0.075)


@pytest.mark.parametrize("images", [20, 320])
def test_intervals_hold_their_values_and_shrink_with_the_root_of_the_images(images):
    truth = build_dataset(images)
    tables = build_tables(truth, with_noise(truth), truth.categories)
    sampled = bootstrap(tables, draw_resamples(images, 200))
    for column in range(12):
        value = float(sampled.whole.summary[0, column])
        interval = interval_of(value, sampled.rounds.summary[:, column])
        if not np.isnan(value):
            assert interval.low <= value <= interval.high
    ap = interval_of(float(sampled.whole.summary[0, 0]), sampled.rounds.summary[:, 0])
    expected = {20: 0.1, 320: 0.025}[images]
    assert expected / 2 < ap.high - ap.low < expected * 2
