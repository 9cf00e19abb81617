"""What of a model's detections is proposed."""

from __future__ import annotations

import numpy as np
import pytest

from detector.data.writers.proposals import propose
from detector.detections import Detections

CLASSES = ("cat", "dog")


def _detections(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64), CLASSES)


def test_thresholds_are_those_of_each_class() -> None:
    detections = _detections((0, 0, 9, 9, 0.6, 0), (20, 0, 29, 9, 0.6, 1), (40, 0, 49, 9, 0.2, 0))
    proposals = propose(detections, least={"cat": 0.3, "dog": 0.1}, sure={"cat": 0.5, "dog": 0.7})
    assert [(each.name, each.unsure) for each in proposals] == [("cat", False), ("dog", True)]
    assert proposals[0].box == (0, 0, 9, 9)
    assert proposals[0].score == pytest.approx(0.6)


# Two names for one thing are one correction; two things of one place are two, and so is what is sure.
def test_an_unsure_second_name_of_a_thing_is_left_out() -> None:
    def names(*rows: tuple[float, float, float, float, float, int]) -> list[str]:
        least, sure = dict.fromkeys(CLASSES, 0.1), dict.fromkeys(CLASSES, 0.5)
        return [each.name for each in propose(_detections(*rows), least, sure)]

    box, near, half = (0, 0, 10, 10), (0, 0, 10, 9), (0, 0, 10, 5)
    assert names((*box, 0.9, 0), (*near, 0.3, 1)) == ["cat"]
    assert names((*box, 0.9, 0), (*near, 0.6, 1)) == ["cat", "dog"]
    assert names((*box, 0.9, 0), (*half, 0.3, 1)) == ["cat", "dog"]
    assert names((*box, 0.9, 0), (*near, 0.3, 0)) == ["cat", "cat"]


def test_nothing_found_is_nothing_proposed() -> None:
    assert propose(_detections(), dict.fromkeys(CLASSES, 0.1), dict.fromkeys(CLASSES, 0.5)) == ()


# Where a model is asked for some of its classes alone, labels are counted among these.
def test_labels_are_places_among_the_classes_asked_for() -> None:
    (proposal,) = propose(_detections((0, 0, 9, 9, 0.9, 1)), {"dog": 0.1}, {"dog": 0.5})
    assert (proposal.label, proposal.name) == (0, "dog")
