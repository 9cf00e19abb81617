from dataclasses import replace

import numpy as np
import pytest

from detector.colours import class_colour
from detector.detections import Detections
from detector.video.counting import CountLine, CountZone
from detector.video.frames import Count, Frame, LiveFrame
from detector.video.meter import LiveStats
from detector.video.overlay import KEYS, add_figures, live_drawer

STATS = LiveStats(100, 100, 3, 10.0, 29.97, 12.0, 17.0, {"capture": 33.0, "detect": 5.2, "display": 1.2})


def live_frame(size_hw, counts=(), ids=None):
    height, width = size_hw
    image = np.full((height, width, 3), 128, np.uint8)
    boxes = np.array([[0.2 * width, 0.3 * height, 0.6 * width, 0.8 * height]], np.float32)
    detections = Detections(boxes, np.array([0.9], np.float32), np.array([0]), ("dog",))
    return LiveFrame(Frame(image, 0, 0.0, 0.0), detections, ids, counts)


@pytest.mark.parametrize("size_hw", [(480, 640), (24, 32), (2160, 3840), (640, 90)])
def test_the_picture_has_boxes_and_the_frame_stays_as_it_was(size_hw):
    live = live_frame(size_hw)
    picture = live_drawer()(live)
    assert picture.shape == live.image.shape
    assert (live.image == 128).all()
    assert (picture == class_colour("dog", ("dog",))).all(axis=2).any()
    framed = add_figures(picture, STATS, score_threshold=0.4, input_size="300", notice=None, keys=KEYS)
    strip = (framed.shape[0] - picture.shape[0]) // 2
    assert (framed[strip:-strip] == picture).all()  # nothing of the picture is hidden
    for part in (framed[:strip], framed[-strip:]):
        assert len(np.unique(part.reshape(-1, 3), axis=0)) > 2
    noted = add_figures(picture, STATS, score_threshold=0.4, input_size="300", notice="no picture", keys=KEYS)
    assert (noted != framed).any()


def test_the_same_frame_is_drawn_once():
    draw, live = live_drawer(), live_frame((48, 64))
    assert draw(live) is draw(live)
    assert draw(live_frame((48, 64))) is not draw(live)


def test_track_ids_change_what_is_written():
    plain, tracked, unseen = (
        live_drawer()(live_frame((480, 640), ids=ids)) for ids in (None, np.array([17]), np.array([-1]))
    )
    assert (plain != tracked).any()
    assert (plain == unseen).all()


def test_lines_and_zones_are_drawn_with_their_counts():
    counters = [CountLine([0, 0.1, 1, 0.1]), CountZone([0.7, 0.3, 0.9, 0.3, 0.9, 0.9])]
    draw = live_drawer(counters)
    few = draw(live_frame((480, 640), (Count("line", 0, 0), Count("zone", 0, 0, 0))))
    many = draw(live_frame((480, 640), (Count("line", 21, 0), Count("zone", 0, 9, 4))))
    assert (few[48] != 128).any(axis=1).mean() > 0.95  # the line crosses the whole picture at 10 % of 480
    assert (few != many).any()


def test_the_age_of_a_files_frames_is_not_shown():
    pictures = []
    for stats in (STATS, replace(STATS, age_p50=None, age_p95=None)):
        picture = np.zeros((480, 640, 3), np.uint8)
        pictures.append(
            add_figures(picture, stats, score_threshold=0.4, input_size="300", notice=None, keys="")
        )
    assert pictures[0].sum() > pictures[1].sum() > 0
