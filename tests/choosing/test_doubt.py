"""How much a model doubts what it sees."""

from __future__ import annotations

import numpy as np
import pytest

from detector.choosing.doubt import disagreement, doubt_of_scores, mirrored
from detector.detections import Detections

CLASSES = ("cat", "dog")


def detections(*found: tuple[list[float], float, int]) -> Detections:
    boxes = np.array([box for box, _, _ in found], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score, _ in found], np.float32)
    return Detections(boxes, scores, np.array([label for *_, label in found], np.int64), CLASSES)


def doubt(*scores: float, threshold: float = 0.4) -> float:
    return doubt_of_scores(np.array(scores, np.float32), np.full(len(scores), threshold, np.float32))


def test_doubt_is_greatest_at_the_threshold() -> None:
    assert doubt() == 0
    assert doubt(0.4) == pytest.approx(1)
    assert doubt(0.2) == pytest.approx(0.5)
    assert doubt(0.7) == pytest.approx(0.5)
    assert doubt(0.0, 1.0) == pytest.approx(0)
    assert doubt(0.4, 0.7) == pytest.approx(1.5)
    assert doubt(0.4, threshold=0.8) == pytest.approx(0.5)


BOX, OTHER = [10.0, 10, 50, 50], [60.0, 60, 90, 90]


def test_equal_looks_agree() -> None:
    look = detections((BOX, 0.9, 0), (OTHER, 0.5, 1))
    assert disagreement(look, look) == pytest.approx(0, abs=1e-6)
    assert disagreement(detections(), detections()) == 0


def test_what_one_look_has_alone_counts_with_its_score() -> None:
    both, one = detections((BOX, 0.9, 0), (OTHER, 0.5, 1)), detections((BOX, 0.9, 0))
    assert disagreement(both, one) == pytest.approx(0.5)
    assert disagreement(one, both) == pytest.approx(0.5)
    assert disagreement(one, detections()) == pytest.approx(0.9)


def test_other_scores_boxes_and_classes_disagree() -> None:
    look = detections((BOX, 0.9, 0))
    assert disagreement(look, detections((BOX, 0.6, 0))) == pytest.approx(0.3)
    moved = disagreement(look, detections(([10.0, 10, 50, 45], 0.9, 0)))
    assert moved == pytest.approx(1.8 * (1 - 35 / 40))
    assert disagreement(look, detections((BOX, 0.9, 1))) == pytest.approx(1.8)


def test_an_object_is_matched_once() -> None:
    double = detections((BOX, 0.9, 0), ([10.0, 10, 50, 49], 0.8, 0))
    assert disagreement(double, detections((BOX, 0.9, 0))) == pytest.approx(0.8)
    assert disagreement(detections((BOX, 0.9, 0)), double) == pytest.approx(0.8)


def test_a_mirror_image_is_turned_back() -> None:
    found = detections(([10.0, 20, 30, 40], 0.9, 0))
    back = mirrored(found, 100)
    assert back.boxes.tolist() == [[70, 20, 90, 40]]
    assert disagreement(mirrored(back, 100), found) == pytest.approx(0, abs=1e-6)
