import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.boxes import intersection_over_union
from detector.nms import non_maximum_suppression


def plain_nms(boxes, labels, iou_threshold, max_detections):
    """Class by class, box by box, as the rule is told."""
    overlap = intersection_over_union(boxes, boxes)
    kept = []
    for label in set(labels.tolist()):
        mine = []
        for index in np.flatnonzero(labels == label):
            if all(overlap[index, k] <= iou_threshold for k in mine) and len(mine) < max_detections:
                mine.append(index)
        kept += mine
    return sorted(kept)[:max_detections]


def random_boxes(seed, count):
    generator = np.random.default_rng(seed)
    corners = generator.random((count, 2)) * 0.5
    return (
        np.concatenate([corners, corners + 0.1 + generator.random((count, 2)) * 0.4], axis=1).astype(
            np.float32
        ),
        generator.integers(0, 3, count),
    )


@given(st.integers(0, 10**6), st.sampled_from([0, 1, 7, 60, 300]), st.sampled_from([0.3, 0.5, 0.6, 0.9]))
def test_it_is_the_plain_rule(seed, count, iou_threshold):
    boxes, labels = random_boxes(seed, count)
    for most in (1, 10, 1000):
        kept = non_maximum_suppression(boxes, labels, iou_threshold=iou_threshold, max_detections=most)
        assert kept.tolist() == plain_nms(boxes, labels, iou_threshold, most)


def test_survivors_survive_again():
    boxes, labels = random_boxes(0, 500)
    kept = non_maximum_suppression(boxes, labels, iou_threshold=0.5, max_detections=500)
    assert 0 < len(kept) < 500
    again = non_maximum_suppression(boxes[kept], labels[kept], iou_threshold=0.5, max_detections=500)
    assert again.tolist() == list(range(len(kept)))


def test_the_result_does_not_depend_on_how_classes_are_mixed():
    boxes, labels = random_boxes(1, 200)
    order = np.argsort(labels, kind="stable")
    mixed = non_maximum_suppression(boxes, labels, iou_threshold=0.5, max_detections=200)
    sorted_ = non_maximum_suppression(boxes[order], labels[order], iou_threshold=0.5, max_detections=200)
    assert sorted(order[sorted_].tolist()) == mixed.tolist()


@pytest.mark.parametrize(("threshold", "survivors"), [(0.49, [0]), (0.5, [0, 1])])
def test_an_overlap_of_exactly_the_threshold_survives(threshold, survivors):
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 0.5]], np.float32)  # IoU is exactly 1/2
    labels = np.zeros(2, np.int64)
    kept = non_maximum_suppression(boxes, labels, iou_threshold=threshold, max_detections=10)
    assert kept.tolist() == survivors


def test_other_classes_are_not_suppressed():
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 1]], np.float32)
    kept = non_maximum_suppression(boxes, np.array([0, 1]), iou_threshold=0.5, max_detections=10)
    assert kept.tolist() == [0, 1]
