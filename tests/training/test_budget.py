"""A limited time: how many steps fit into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.training.budget import EVALUATIONS, Budget, Costs, Speed, fit_steps, still_rises

COSTS = Costs(step=0.1, evaluation=2.0, end=5.0)


def test_what_is_left_is_for_steps_evaluations_and_the_end() -> None:
    # 100 s = 5 s for the end, 8 x 2 s for evaluations, 790 steps
    assert fit_steps(100.0, COSTS, step=0, planned=5000, most=5000, evaluate_every=625) == 790
    # half-way, with four evaluations to come: (100 - 5 - 8) / 0.1 = 870 more
    assert fit_steps(100.0, COSTS, step=500, planned=1000, most=5000, evaluate_every=125) == 1370


def test_a_run_is_no_longer_than_it_would_be_without_a_limit() -> None:
    assert fit_steps(10_000.0, COSTS, step=10, planned=400, most=600, evaluate_every=50) == 600


def test_a_small_difference_changes_nothing() -> None:
    assert fit_steps(100.0, COSTS, step=0, planned=800, most=5000, evaluate_every=100) == 800


@given(
    left=st.floats(-100, 10_000),
    step=st.integers(0, 1000),
    more=st.integers(0, 1000),
    beyond=st.integers(0, 5000),
    seconds=st.floats(0.001, 10),
)
def test_steps_that_are_done_are_never_taken_back(
    left: float, step: int, more: int, beyond: int, seconds: float
) -> None:
    planned = step + more
    costs = Costs(seconds, 1.0, 5.0)
    every = max(1, -(-planned // EVALUATIONS))
    steps = fit_steps(left, costs, step=step, planned=planned, most=planned + beyond, evaluate_every=every)
    assert max(step, 1) <= max(steps, 1) <= max(planned + beyond, 1)
    if steps > planned:
        evaluations = max(1, -(-more // every))
        assert (steps - step) * seconds + evaluations + 5.0 <= left + 1e-6


def test_time_before_an_interruption_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.training.budget.time.monotonic", lambda: 1000.0)
    budget = Budget(2, spent=30)
    monkeypatch.setattr("detector.training.budget.time.monotonic", lambda: 1015.0)
    assert budget.seconds == 45
    assert budget.left == 75
    assert Budget().left is None


def test_a_sample_takes_as_long_as_it_has_pixels() -> None:
    speed = Speed(0.01, 2)
    assert speed.seconds_per_sample((600, 600)) == pytest.approx(4 * speed.seconds_per_sample((300, 300)))
    assert Speed(0.01, 4).seconds_per_sample((300, 300)) < speed.seconds_per_sample((300, 300))


RISING = [(step, 0.1 + step / 1000) for step in range(100, 801, 100)]


@pytest.mark.parametrize("seen", range(9))
def test_ap_still_rises_where_it_was_never_as_great_as_late_in_the_run(seen: int) -> None:
    assert still_rises(RISING[:seen], 800) is (seen >= 6)  # 600 of 800 steps


@given(later=st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_what_comes_later_changes_nothing(later: list[float]) -> None:
    after = [(700, later[0]), (800, later[1])]
    assert still_rises(RISING[:6] + after, 800)
    assert not still_rises([*RISING[:5], (600, 0.2), *after], 800)


def test_too_few_evaluations_and_that_of_the_last_step_show_nothing() -> None:
    assert not still_rises([(300, 0.1), (600, 0.2)], 800)
    assert not still_rises([(100, 0.1), (200, 0.2), (300, 0.3), (800, 0.4)], 800)
    assert not still_rises([], 800)
