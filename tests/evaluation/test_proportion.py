"""Intervals of shares, against published values and against chance itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detector.evaluation.bootstrap import Interval
from detector.evaluation.proportion import chance_of_fewer, mean_share, paired_difference, share


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_the_published_one(right: int, count: int, low: float, high: float) -> None:
    # Source: Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I, method 3.
    found = share(right, count)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.value == right / count


def test_the_exact_test_is_the_published_one() -> None:
    # Source: Fisher, The Design of Experiments, 1935, the lady tasting tea: 1 and 17 of 70 ways.
    assert chance_of_fewer((1, 4), (3, 4)) == pytest.approx(17 / 70)
    assert chance_of_fewer((0, 4), (4, 4)) == pytest.approx(1 / 70)
    assert chance_of_fewer((4, 4), (0, 4)) == pytest.approx(1)
    assert chance_of_fewer((82, 83), (1054, 1054)) == pytest.approx(83 / 1137)


def test_nothing_counted_is_no_share() -> None:
    for found in (share(0, 0), mean_share([]), paired_difference(0, 0, 0)):
        assert all(map(math.isnan, (found.value, found.low, found.high)))


@pytest.mark.parametrize("true", [0.5, 0.8, 0.97])
def test_intervals_hold_what_they_promise(true: float) -> None:
    generator = np.random.default_rng(0)
    classes, count, draws = 4, 30, 2000
    rights = generator.binomial(count, true, (draws, classes))
    held = np.zeros(2)
    for row in rights.tolist():
        shares = [share(right, count) for right in row]
        for place, found in enumerate((shares[0], mean_share(shares))):
            held[place] += found.low <= true <= found.high
    assert ((held / draws > (0.925, 0.9)) & (held / draws < 0.99)).all()


@pytest.mark.parametrize(("up", "down"), [(0.1, 0.1), (0.12, 0.02), (0.03, 0.0)])
def test_the_paired_interval_holds_what_it_promises(up: float, down: float) -> None:
    draws = np.random.default_rng(1).multinomial(200, [up, down, 1 - up - down], 2000)
    found = [paired_difference(int(lost), int(won), 200) for won, lost, _ in draws]
    held = np.mean([each.low <= up - down <= each.high for each in found])
    assert 0.93 < held < 0.99
    assert paired_difference(3, 3, 200).value == 0
    assert paired_difference(0, 9, 200).low > 0


def test_an_interval_holds_its_value() -> None:
    for count in (1, 7, 500):
        for right in (0, count // 2, count):
            found = share(right, count)
            assert 0 <= found.low <= found.value <= found.high <= 1
    assert mean_share([Interval(1, 0.5, 1)] * 3).high == 1
