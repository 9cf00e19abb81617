import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask

from detector.boxes import (
    area,
    clip,
    cxcywh_to_xyxy,
    intersection_over_union,
    xywh_to_xyxy,
    xyxy_to_cxcywh,
    xyxy_to_xywh,
)

_corners = arrays(np.float32, (7, 2), elements=st.floats(0, 500, width=16))
_sizes = arrays(np.float32, (7, 2), elements=st.floats(0, 500, width=16))
boxes_strategy = st.builds(lambda c, s: np.concatenate([c, c + s], axis=1), _corners, _sizes)


@given(boxes_strategy)
def test_formats_round_trip(boxes):
    np.testing.assert_allclose(xywh_to_xyxy(xyxy_to_xywh(boxes)), boxes, atol=1e-3)
    np.testing.assert_allclose(cxcywh_to_xyxy(xyxy_to_cxcywh(boxes)), boxes, atol=1e-3)


@given(boxes_strategy, boxes_strategy)
def test_iou_is_that_of_pycocotools(boxes_a, boxes_b):
    iou = intersection_over_union(boxes_a, boxes_b)
    assert iou.min() >= 0
    assert iou.max() <= 1
    both_flat = (area(boxes_a)[:, None] == 0) & (area(boxes_b) == 0)
    reference = mask.iou(
        xyxy_to_xywh(boxes_a).astype(float), xyxy_to_xywh(boxes_b).astype(float), [0] * len(boxes_b)
    )
    np.testing.assert_allclose(iou[~both_flat], reference[~both_flat], atol=1e-5)
    assert not iou[both_flat].any()


def test_iou_by_hand():
    # 4 x 4 and 4 x 2 overlap on 2 x 2: 4 / (16 + 8 - 4) = 0.2
    a = np.array([[0, 0, 4, 4]], np.float32)
    b = np.array([[2, 2, 6, 4], [4, 0, 8, 4], [0, 0, 4, 4]], np.float32)
    np.testing.assert_allclose(intersection_over_union(a, b), [[0.2, 0, 1]], rtol=1e-6)


def test_area_of_a_box_turned_inside_out_is_0():
    assert area(np.array([[4, 4, 0, 0]], np.float32)).tolist() == [0]


def test_clip_uses_width_for_x_and_height_for_y():
    boxes = np.array([[-5, -6, 700, 500]], np.float32)
    assert clip(boxes, 640, 480).tolist() == [[0, 0, 640, 480]]
    assert boxes[0, 0] == -5
