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


def test_it_is_a_sequence():
    assert len(DETECTIONS) == 2
    for number in (0, 1, -1, -2, np.int64(1)):
        box, score, name = DETECTIONS[number]
        expected = list(DETECTIONS)[number]
        assert (box.tolist(), score, name) == (expected[0].tolist(), *expected[1:])
    with pytest.raises(IndexError, match="there is no detection 2; there are 2"):
        DETECTIONS[2]
    with pytest.raises(IndexError, match="there is no detection 0; there are 0"):
        DETECTIONS[:0][0]
    for indices in ([1, 0], (1, 0), np.array([1, 0])):
        assert DETECTIONS[indices].names == ["cat", "dog"]
    assert DETECTIONS[[]].names == DETECTIONS[[False, False]].names == []
    for wrong in ("dog", 0.5, None, [[0]], [0.5]):
        with pytest.raises(ValueError, match="expected the number of a detection"):
            DETECTIONS[wrong]


def test_equality():
    same = Detections(
        *(DETECTIONS.__dict__[name].copy() for name in ("boxes", "scores", "labels")), ("cat", "dog")
    )
    assert same == DETECTIONS
    assert not same != DETECTIONS  # noqa: SIM202
    moved = Detections(DETECTIONS.boxes + 1, DETECTIONS.scores, DETECTIONS.labels, ("cat", "dog"))
    for other in (moved, DETECTIONS[:1], DETECTIONS[:0], None, "dog", [*DETECTIONS]):
        assert other != DETECTIONS
    assert DETECTIONS[:0] == same[:0]
    assert not DETECTIONS[:0]
    with pytest.raises(TypeError, match="unhashable"):
        hash(DETECTIONS)
