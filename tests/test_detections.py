import numpy as np
import pytest

from detector.detections import Detections

DETECTIONS = Detections(
    boxes=np.array([[0, 1, 2, 3], [4, 5, 6, 7.123]], np.float32),
    scores=np.array([0.9, 0.5], np.float32),
    labels=np.array([1, 0]),
    classes=("cat", "dog"),
)


def test_names_and_iteration():
    assert DETECTIONS.names == ["dog", "cat"]
    assert [(box.tolist(), name) for box, _, name in DETECTIONS][:1] == [([0, 1, 2, 3], "dog")]
    assert DETECTIONS.to_dicts()[1] == {"name": "cat", "score": 0.5, "box": [4.0, 5.0, 6.0, 7.12]}


def test_selection():
    assert DETECTIONS[DETECTIONS.scores > 0.6].names == ["dog"]
    assert DETECTIONS[1:].names == ["cat"]
    assert len(DETECTIONS[:0]) == 0


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"expected boxes \(N, 4\)"):
        Detections(DETECTIONS.boxes, DETECTIONS.scores[:1], DETECTIONS.labels, ("cat", "dog"))
