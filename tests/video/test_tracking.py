import numpy as np
import pytest

from detector.detections import Detections
from detector.video.frames import UNTRACKED
from detector.video.tracking import Tracker

CLASSES = ("person", "dog")


def found(*rows):
    """Detections from (x, y, score, label): boxes of 20 x 40 pixels."""
    table = np.array(rows, np.float64).reshape(-1, 4)
    boxes = np.stack([table[:, 0], table[:, 1], table[:, 0] + 20, table[:, 1] + 40], axis=1)
    return Detections(
        boxes.astype(np.float32), table[:, 2].astype(np.float32), table[:, 3].astype(np.int64), CLASSES
    )


def test_ids_stay_with_objects_that_meet_and_part():
    tracker = Tracker()
    ids = {}
    for step in range(40):
        # Two people walk towards each other, on different levels, and past each other.
        detections, track_ids = tracker(
            found((10 + 5 * step, 50, 0.9, 0), (210 - 5 * step, 110, 0.8, 0)), step / 30, 0.4
        )
        for y, track in zip(detections.boxes[:, 1].tolist(), track_ids.tolist(), strict=True):
            ids.setdefault(y, set()).add(track)
    assert len(ids[50] - {UNTRACKED}) == len(ids[110] - {UNTRACKED}) == 1
    assert ids[50] != ids[110]


def test_ids_belong_to_the_rows_they_are_given_with():
    tracker = Tracker()
    seen = []
    for step in range(6):
        rows = [(10, 50, 0.9, 0), (110, 50, 0.8, 0), (210, 50, 0.7, 0)]
        if step % 2:
            rows = [(x, y, 1.6 - score, label) for x, y, score, label in rows[::-1]]
        detections, track_ids = tracker(found(*rows), step / 30, 0.4)
        seen.append(dict(zip(detections.boxes[:, 0].tolist(), track_ids.tolist(), strict=True)))
    assert len(set(seen[2].values())) == 3
    assert all(ids == seen[2] for ids in seen[2:])


def test_a_weak_detection_is_shown_only_where_it_continues_a_track():
    tracker = Tracker()
    for step in range(3):
        _, ids = tracker(found((10, 50, 0.9, 0)), step / 30, 0.4)
    detections, weak_ids = tracker(found((11, 50, 0.25, 0), (200, 50, 0.25, 0)), 0.1, 0.4)
    assert detections.boxes[:, 0].tolist() == [11]
    assert weak_ids.tolist() == ids.tolist()


def test_classes_are_never_taken_for_one_another():
    tracker = Tracker()
    for step in range(3):
        _, before = tracker(found((10, 50, 0.9, 0)), step / 30, 0.4)
    for step in range(3, 6):
        _, after = tracker(found((10, 50, 0.9, 1)), step / 30, 0.4)
    assert before[0] != UNTRACKED
    assert after[0] not in (UNTRACKED, before[0])


@pytest.mark.parametrize("score_threshold", [0.3, 0.6])
def test_the_threshold_may_change_at_any_time(score_threshold):
    tracker = Tracker()
    for step in range(4):
        detections, _ = tracker(found((10, 50, 0.45, 0)), step / 30, score_threshold)
    assert len(detections) == (score_threshold < 0.45)


def test_no_detections_and_times_that_stand_still():
    tracker = Tracker()
    for _ in range(3):
        detections, ids = tracker(found(), 1.0, 0.4)
        assert len(detections) == len(ids) == 0
    for _ in range(3):
        _, ids = tracker(found((10, 50, 0.9, 0)), 1.0, 0.4)
    assert ids[0] != UNTRACKED
