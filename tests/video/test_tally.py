import numpy as np
import pytest

from detector.classification import NamedScore
from detector.detections import Detections
from detector.video import tally as tally_module
from detector.video.frames import UNTRACKED, Count, Frame, LiveFrame
from detector.video.tally import Tally

NAMES = ("person", "cat", "dog", "cup", "bus", "car", "cow")


def live(labels, ids=None, counts=(), kinds=None):
    boxes = np.zeros((len(labels), 4), np.float32)
    detections = Detections(boxes, np.ones(len(labels), np.float32), np.array(labels, np.int64), NAMES, kinds)
    frame = Frame(np.zeros((4, 4, 3), np.uint8), 0, 0.0, 0.0)
    return LiveFrame(frame, detections, None if ids is None else np.array(ids, np.int64), counts)


def tally_of(*frames):
    tally = Tally()
    for frame in frames:
        tally.add(frame)
    return tally


def test_without_tracks_there_are_frames_and_the_most_at_once():
    tally = tally_of(live([0, 0, 1]), live([0]), live([]), live([0, 0, 0]))
    assert tally.to_dict() == {
        "counts": [],
        "classes": {
            "person": {"frames": 3, "most_at_once": 3, "tracks": None},
            "cat": {"frames": 1, "most_at_once": 1, "tracks": None},
        },
    }
    assert tally.sentences() == ["Found: person in 3 frames, up to 3 at once; cat in 1 frame."]


def test_a_track_is_one_object_of_the_class_that_it_is_first_taken_for():
    tally = tally_of(
        live([0, 1], [UNTRACKED, 1]), live([0, 1], [2, 1]), live([1, 2], [2, 1]), live([0, 0], [3, 2])
    )
    assert {name: each["tracks"] for name, each in tally.to_dict()["classes"].items()} == {
        "person": 2,
        "cat": 1,
        "dog": 0,
    }
    assert tally.sentences() == ["Tracked: person 2, cat 1."]


def test_lines_and_zones_are_as_in_the_last_frame():
    first, last = (
        (Count("line", 1, 0), Count("zone", 0, 0, 1)),
        (Count("line", 1200, 2), Count("zone", 3, 4, 0)),
    )
    tally = tally_of(live([0], [1], first), live([0], [1], last))
    assert tally.to_dict()["counts"] == [count.to_dict() for count in last]
    assert tally.sentences()[0] == ("Counted: line 1,200 in, 2 out; zone 3 in, 4 out, 0 inside at the end.")


@pytest.mark.parametrize(
    ("classes", "rest"), [(5, ""), (6, ", and 1 more class"), (7, ", and 2 more classes")]
)
def test_many_classes_are_not_all_named(classes, rest):
    (sentence,) = tally_of(live(range(classes), range(classes))).sentences()
    assert sentence == f"Tracked: person 1, cat 1, dog 1, cup 1, bus 1{rest}."


def test_nothing_is_said_as_well():
    assert tally_of(live([])).sentences() == ["Found: nothing over the threshold."]
    assert tally_of(live([], [])).sentences() == ["Found: nothing over the threshold."]
    assert tally_of(live([0], [UNTRACKED])).sentences() == ["Tracked: nothing for long enough."]


def test_a_long_run_needs_no_more_memory_and_what_is_in_view_is_not_forgotten(monkeypatch):
    monkeypatch.setattr(tally_module, "_REMEMBERED", 10)
    tally = tally_of(*(live([0, 0], [0, number]) for number in range(1, 500)))
    assert len(tally._known) == 10
    assert tally.to_dict()["classes"]["person"]["tracks"] == 500


def kinds(*names):
    return tuple(name and NamedScore(name, 0.9) for name in names)


def test_a_track_is_of_the_kind_that_it_was_last_known_by():
    tally = tally_of(
        live([1, 1], [UNTRACKED, 1], kinds=kinds(None, None)),
        live([1, 1, 0], [2, 1, 3], kinds=kinds("tabby", "lynx", None)),
        live([1, 1], [2, 1], kinds=kinds("tabby", "tabby")),
        live([1, 1], [2, 4], kinds=kinds(None, "lynx")),
    )
    classes = tally.to_dict()["classes"]
    assert classes["cat"]["kinds"] == {
        "lynx": {"frames": 2, "tracks": 1},
        "tabby": {"frames": 2, "tracks": 2},
    }
    assert "kinds" not in classes["person"]
    assert tally.sentences() == ["Tracked: cat 3 (tabby 2, lynx 1), person 1."]


def test_without_tracks_the_frames_of_each_kind_are_counted():
    tally = tally_of(live([1, 1], kinds=kinds("tabby", "tabby")), live([1], kinds=kinds("lynx")), live([1]))
    assert tally.to_dict()["classes"]["cat"]["kinds"]["tabby"] == {"frames": 1, "tracks": None}
    assert tally.sentences() == ["Found: cat in 3 frames, up to 2 at once (tabby in 1, lynx in 1)."]


def test_classes_with_kinds_are_said_first():
    many = live([0, 0, 0, 1], [1, 2, 3, 4], kinds=kinds(None, None, None, "tabby"))
    assert tally_of(many).sentences() == ["Tracked: cat 1 (tabby 1), person 3."]
