"""Few out of many."""

from __future__ import annotations

import numpy as np

from detector.choosing.selection import select

NONE = np.zeros((0, 2), np.float32)


def places(*points: tuple[float, float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(points, np.float32).reshape(-1, 2)


def picked(
    worth: list[float], points: list[tuple[float, float]], count: int, *there: tuple[float, float]
) -> list[int]:
    picks = select(np.array(worth, np.float32), places(*points), places(*there), count)
    return [pick.position for pick in picks]


def test_the_first_is_the_worthiest_where_nothing_is_there() -> None:
    assert picked([1, 3, 2], [(0, 0), (1, 0), (2, 0)], 1) == [1]


def test_equal_worth_goes_to_the_farthest() -> None:
    points = [(1.0, 0.0), (5.0, 0.0), (9.0, 0.0), (9.5, 0.0)]
    assert picked([1, 1, 1, 1], points, 2, (0.0, 0.0)) == [3, 1]


def test_worth_outweighs_distance_by_their_product() -> None:
    assert picked([1, 2.5], [(2.0, 0.0), (1.0, 0.0)], 1, (0.0, 0.0)) == [1]
    assert picked([1, 1.5], [(2.0, 0.0), (1.0, 0.0)], 1, (0.0, 0.0)) == [0]


def test_copies_come_last_and_nothing_comes_twice() -> None:
    points = [(0.0, 0.0), (0.0, 0.0), (3.0, 0.0), (4.0, 4.0)]
    order = picked([9, 9, 1, 1], points, 4)
    assert order[0] == 0
    assert order[-1] == 1
    assert sorted(order) == [0, 1, 2, 3]


def test_the_first_of_equal_ones_is_taken() -> None:
    assert picked([1, 1, 1], [(0, 0), (0, 0), (0, 0)], 3) == [0, 1, 2]


def test_worthless_ones_are_taken_where_no_others_are_left() -> None:
    assert picked([0, 0, 1], [(0, 0), (1, 0), (2, 0)], 3)[0] == 2
    assert sorted(picked([0, 0, 1], [(0, 0), (1, 0), (2, 0)], 3)) == [0, 1, 2]


def test_many_that_are_there_are_all_seen() -> None:
    there = [(0.0, float(number)) for number in range(700)]
    points = [(1.0, 699.0), (2.0, 300.0), (1.5, 0.0)]
    assert picked([1, 1, 1], points, 3, *there) == [1, 2, 0]


def test_ranks_tell_who_is_far() -> None:
    picks = select(np.ones(3, np.float32), places((1, 0), (2, 0), (9, 0)), places((0, 0)), 1)
    assert picks[0].position == 2
    assert picks[0].rank == np.float64(2 / 3)
