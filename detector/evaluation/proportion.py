"""Shares of what was counted, with their intervals: Wilson's, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from detector.evaluation.bootstrap import Interval

_Z = 1.959964  # of the normal distribution: 95 % lie so many standard deviations around its mean


def share(right: int, count: int) -> Interval:
    """The share ``right / count`` with Wilson's interval; NaN where nothing was counted.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    if not count:
        return Interval(math.nan, math.nan, math.nan)
    value, room = right / count, _Z**2 / count
    middle = (value + room / 2) / (1 + room)
    half = _Z / (1 + room) * math.sqrt(value * (1 - value) / count + room / (4 * count))
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


def chance_of_fewer(first: tuple[int, int], second: tuple[int, int]) -> float:
    """How likely the first is right so seldom, or more seldom still, if it were as often right as the second;
    each is ``right, count``.

    Source: Fisher's exact test, one-sided; intervals promise too much where one of the shares is nearly 1.
    """
    right, count = first
    total, rights = count + second[1], right + second[0]
    least = max(0, rights - second[1])
    whole = _log_choose(total, count)
    return min(
        1.0,
        math.fsum(
            math.exp(_log_choose(rights, k) + _log_choose(total - rights, count - k) - whole)
            for k in range(least, right + 1)
        ),
    )


def _log_choose(count: int, chosen: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(chosen + 1) - math.lgamma(count - chosen + 1)


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
    half = _Z * math.sqrt((up + down - (up - down) ** 2) / (count + 2))
    return Interval((won - lost) / count, max(-1.0, up - down - half), min(1.0, up - down + half))
