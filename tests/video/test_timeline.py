import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.video.timeline import LONGEST_GAP, Timeline


@given(st.lists(st.floats(), min_size=1), st.sampled_from([None, 1.0, 25.0, 240.0]))
def test_time_begins_at_zero_goes_on_and_never_far(told, rate):
    timeline = Timeline(rate)
    times = [timeline.next(value) for value in told]
    assert times[0] == 0
    assert all(0 < after - before <= LONGEST_GAP + 1e-6 for before, after in pairwise(times))


@given(st.floats(-1e4, 1e6), st.lists(st.floats(0.01, 4), max_size=20))
def test_times_that_can_be_true_are_kept_from_wherever_they_start(start, steps):
    timeline = Timeline(25)
    told, expected = [start], [0.0]
    for step in steps:
        told.append(told[-1] + step)
        expected.append(expected[-1] + step)
    assert [timeline.next(value) for value in told] == pytest.approx(expected, abs=1e-6)
    assert timeline.remark is None


def test_a_gap_is_shortened_and_said():
    timeline = Timeline(10)
    assert [timeline.next(told) for told in (0, 0.1, 95_443.1, 95_443.2)] == pytest.approx([0, 0.1, 5.1, 5.2])
    assert timeline.remark == "its times have a gap of 95,443 s, shortened to 5 s"
    timeline.next(1e6)
    assert "2 gaps, the longest of 904,557 s" in timeline.remark


@pytest.mark.parametrize("told", [[5, 5, 5], [5, 4, 3], [5, math.nan, math.nan], [math.nan] * 3])
def test_where_a_file_has_no_times_its_rate_goes_on(told):
    timeline = Timeline(10)
    assert [timeline.next(value) for value in told] == pytest.approx([0, 0.1, 0.2])


@given(st.sampled_from([1.0, 10.0, 25.0]), st.lists(st.integers(1, 9), min_size=5), st.randoms())
def test_times_in_another_order_take_no_longer(rate, sizes, random):
    """Groups of frames whose times come in the order of decoding, each group after the one before."""
    order, begin = [], 0
    for size in sizes:
        order += random.sample(range(begin, begin + size), size)
        begin += size
    timeline = Timeline(rate)
    times = [timeline.next(n / rate) for n in order]
    assert all(before < after for before, after in pairwise(times))
    assert times[-1] <= (begin + 16) / rate + 1e-3


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([0, 0.2, 0.1, 0.3, 0.4], [0, 0.2, 0.3, 0.3, 0.4]),
        ([0, 0, 0.2, 0.2, 0.4], [0, 0.1, 0.2, 0.3, 0.4]),  # two frames have one time
        ([0, math.nan, 0.2, math.nan, 0.4], [0, 0.1, 0.2, 0.3, 0.4]),
        ([7, 7.1, 0, 0.1, 0.2], [0, 0.1, 0.2, 0.3, 0.4]),  # begins again
        ([0, *[math.nan] * 99, 10, 10.1], [n / 10 for n in range(102)]),
    ],
)
def test_what_has_no_time_of_its_own_makes_a_file_no_longer(told, expected):
    timeline = Timeline(10)
    assert [timeline.next(value) for value in told] == pytest.approx(expected, abs=1e-4)
    assert timeline.remark is None


def test_another_clock():
    timeline = Timeline(10)
    assert [timeline.next(3), timeline.restart(), timeline.next(50), timeline.next(50.5)] == [
        0, None, pytest.approx(0.1), pytest.approx(0.6),
    ]  # fmt: skip
