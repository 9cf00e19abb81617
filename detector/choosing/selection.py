"""Picks few out of many: what is worth much and unlike what is picked, or there, already."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray

_BLOCK = 256


@dataclass(frozen=True)
class Pick:
    """One of those that are picked.

    Attributes:
        position: which.
        rank: share of those left that were nearer than it to what was there; 0 where nothing was.
    """

    position: int
    rank: float


def select(worth: FloatArray, descriptions: FloatArray, labelled: FloatArray, count: int) -> list[Pick]:
    """So many picks, in order, without one twice.

    Each is the one whose worth times its distance to the nearest that is there is greatest: farthest-point
    selection, weighted. Of equal ones the first is taken.

    Args:
        worth: (N,) from 0 on.
        descriptions: (N, D).
        labelled: (M, D), of those that are there already; M may be 0.
        count: how many, at most N.

    Source: k-center greedy of Sener and Savarese, Active Learning for Convolutional Neural Networks, 2018.
    """
    nearest = _distance_to_nearest(descriptions, labelled)
    left = np.ones(len(worth), np.bool_)
    picks: list[Pick] = []
    while len(picks) < count:
        distance = np.where(np.isinf(nearest), 1.0, nearest)
        best = int(np.argmax(np.where(left, worth * distance, -1.0)))
        picks.append(Pick(best, float((distance[left] < distance[best]).mean())))
        left[best] = False
        nearest = np.minimum(nearest, _distances(descriptions, descriptions[best]))
    return picks


def _distance_to_nearest(descriptions: FloatArray, others: FloatArray) -> NDArray[np.float64]:
    """(N,) distances, infinite where there are no others."""
    nearest = np.full(len(descriptions), np.inf)
    squares = np.square(descriptions).sum(axis=1)
    for start in range(0, len(others), _BLOCK):  # products of matrices: thousands have thousands of numbers
        block = others[start : start + _BLOCK]
        apart = squares[:, None] + np.square(block).sum(axis=1) - 2 * descriptions @ block.T
        nearest = np.minimum(nearest, np.sqrt(np.maximum(apart, 0)).min(axis=1))
    return nearest


def _distances(descriptions: FloatArray, one: FloatArray) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(descriptions - one, axis=1), np.float64)
