import numpy as np
import pytest

from detector.errors import DetectorError
from detector.video.counting import CountLine, CountZone

SIZE_WH = (200, 100)  # the margin is 1 % of 200: 2 pixels


def move(counter, *centres, track=1):
    for x, y in centres:
        box = np.array([[x - 5, y - 5, x + 5, y + 5]], np.float32)
        count = counter.update(box, np.array([track]), SIZE_WH)
    return count.entered, count.left, count.inside


# From (0, 50) to (200, 50): seen from its first end, right is down, where y grows.
def test_a_line_counts_both_directions():
    line = CountLine([0, 50, 200, 50])
    assert move(line, (100, 20), (100, 80)) == (1, 0, None)
    assert move(line, (100, 20)) == (1, 1, None)
    assert move(line, (100, 80)) == (2, 1, None)


def test_the_reversed_line_counts_the_other_way_round():
    assert move(CountLine([200, 50, 0, 50]), (100, 20), (100, 80)) == (0, 1, None)


def test_only_between_the_ends_of_the_line():
    line = CountLine([0, 50, 100, 50])
    assert move(line, (150, 20), (150, 80)) == (0, 0, None)
    # From (150, 80) to (50, 20) the way meets y = 50 halfway, at x = 100: just at the end.
    assert move(line, (50, 20)) == (0, 1, None)
    # From (50, 20) to (180, 80) it meets y = 50 at x = 115: beyond it.
    assert move(line, (180, 80)) == (0, 1, None)


def test_a_box_that_trembles_on_the_line_counts_once():
    line = CountLine([0, 50, 200, 50])
    assert move(line, (100, 40), *[(100, 49 + i % 3) for i in range(60)], (100, 60)) == (1, 0, None)


def test_shares_of_the_frame_are_the_same_line_as_pixels():
    shares, pixels = CountLine([0, 0.5, 1, 0.5]), CountLine([0, 50, 200, 50])
    assert np.array_equal(shares.vertices(SIZE_WH), pixels.vertices(SIZE_WH))
    assert np.array_equal(shares.vertices((20, 10)), [[0, 5], [20, 5]])


@pytest.mark.parametrize("kind", [CountLine, CountZone])
def test_pixels_are_those_of_the_frames_and_hold_for_smaller_pictures_of_them(kind):
    counter = kind([50, 20, 150, 20, 150, 80][: 4 if kind is CountLine else 6])
    move(counter, (100, 50))  # in a frame of 200 x 100
    assert counter.vertices((20, 10))[:2] == pytest.approx(np.array([[5, 2], [15, 2]]))


def test_tracks_are_counted_one_by_one_and_the_untracked_not_at_all():
    line = CountLine([0, 50, 200, 50])
    for y in (20, 80):
        boxes = np.array([[10, y - 5, 20, y + 5], [60, y - 5, 70, y + 5], [90, y - 5, 99, y + 5]], np.float32)
        count = line.update(boxes, np.array([4, 7, -1]), SIZE_WH)
    assert (count.entered, count.left) == (2, 0)


ZONE = [50, 20, 150, 20, 150, 80, 50, 80]


def test_a_zone_counts_in_out_and_inside():
    zone = CountZone(ZONE)
    assert move(zone, (20, 50)) == (0, 0, 0)
    assert move(zone, (100, 50)) == (1, 0, 1)
    assert move(zone, (180, 50)) == (1, 1, 0)


def test_what_appears_inside_has_not_come_in_and_what_vanishes_has_not_left():
    zone = CountZone(ZONE)
    assert move(zone, (100, 50)) == (0, 0, 1)
    count = zone.update(np.empty((0, 4), np.float32), np.empty(0, np.int64), SIZE_WH)
    assert (count.entered, count.left, count.inside) == (0, 0, 0)


def test_a_zone_need_not_be_convex():
    zone = CountZone([0, 0, 200, 0, 200, 100, 100, 50, 0, 100])  # its lower edge is pushed in
    assert move(zone, (100, 20)) == (0, 0, 1)
    assert move(zone, (100, 90)) == (0, 1, 0)


def test_forgotten_tracks_cost_no_memory():
    zone = CountZone(ZONE)
    for track in range(5000):
        move(zone, (100, 50), track=track)
    assert len(zone._sides._of) <= 2000


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        (CountLine, []),
        (CountLine, [1, 2, 3]),
        (CountLine, [1, 2, 3, 4, 5, 6]),
        (CountLine, [1, 2, 1, 2]),
        (CountLine, [1, 2, float("nan"), 4]),
        (CountZone, [1, 2, 3, 4]),
        (CountZone, [1, 2, 3, 4, 1, 2]),
        (CountZone, [1, 2, 3, 4, 5]),
    ],
)
def test_points_that_make_no_line_or_zone(kind, points):
    with pytest.raises(DetectorError, match=r"A (line|zone) "):
        kind(points)
