"""Shares of what was counted, with their intervals: Wilson's, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from detector.evaluation.bootstrap import Interval

_CONFIDENCE = 0.95


def share(right: int, count: int, confidence: float = _CONFIDENCE) -> Interval:
    """The share ``right / count`` with Wilson's interval; NaN where nothing was counted.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    if not count:
        return Interval(math.nan, math.nan, math.nan)
    z = _z(confidence)
    value, room = right / count, z**2 / count
    middle = (value + room / 2) / (1 + room)
    half = z / (1 + room) * math.sqrt(value * (1 - value) / count + room / (4 * count))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Interval(value, min(low, value), max(high, value))


def mean_share(shares: Sequence[Interval]) -> Interval:
    """The mean of shares that were counted apart, with its interval; NaN where there is none.

    Source: Zou and Donner, Construction of confidence limits about effect measures (MOVER), 2008.
    """
    if not shares:
        return Interval(math.nan, math.nan, math.nan)
    value = sum(each.value for each in shares) / len(shares)
    below = math.hypot(*(each.value - each.low for each in shares)) / len(shares)
    above = math.hypot(*(each.high - each.value for each in shares)) / len(shares)
    return Interval(value, max(0.0, value - below), min(1.0, value + above))


def difference_of_shares(first: tuple[int, int], second: tuple[int, int], confidence: float) -> Interval:
    """The first share less the second, of things that were counted apart; each is ``right, count``.

    Source: Newcombe, Interval estimation for the difference between independent proportions, 1998, method 10.
    """
    one, other = share(*first, confidence), share(*second, confidence)
    value = one.value - other.value
    return Interval(
        value,
        value - math.hypot(one.value - one.low, other.high - other.value),
        value + math.hypot(one.high - one.value, other.value - other.low),
    )


def paired_difference(lost: int, won: int, count: int) -> Interval:
    """How much greater a share is the second time, of the same things, with its interval.

    Args:
        lost: how many were right the first time alone.
        won: how many were right the second time alone.
        count: of all things.

    Source: Bonett and Price, Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based
    on Paired Data, 2012.
    """
    if not count:
        return Interval(math.nan, math.nan, math.nan)
    up, down = (won + 1) / (count + 2), (lost + 1) / (count + 2)
    half = _z(_CONFIDENCE) * math.sqrt((up + down - (up - down) ** 2) / (count + 2))
    return Interval((won - lost) / count, max(-1.0, up - down - half), min(1.0, up - down + half))


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
