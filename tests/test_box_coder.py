import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detector.box_coder import decode, encode

SCALES = (10.0, 10.0, 5.0, 5.0)
_corners = arrays(np.float32, (5, 2), elements=st.floats(0, 0.75, width=16))
_sizes = arrays(np.float32, (5, 2), elements=st.floats(0.03125, 0.5, width=16))
with_area = st.builds(lambda c, s: np.concatenate([c, c + s], axis=1), _corners, _sizes)


@given(with_area, with_area)
def test_decode_undoes_encode(boxes, anchors):
    encodings = encode(boxes, anchors, scales=SCALES)
    np.testing.assert_allclose(decode(encodings, anchors, scales=SCALES), boxes, atol=2e-5)


def test_encode_by_hand():
    # Anchor centre (.5, .5), 0.4 x 0.2. Box centre (.6, .5), 0.4 x 0.4:
    # ty = 10 * 0 / .2, tx = 10 * .1 / .4 = 2.5, th = 5 * ln(.4 / .2) = 3.4657, tw = 0
    anchors = np.array([[0.3, 0.4, 0.7, 0.6]], np.float32)
    boxes = np.array([[0.4, 0.3, 0.8, 0.7]], np.float32)
    np.testing.assert_allclose(encode(boxes, anchors, scales=SCALES), [[0, 2.5, 3.465736, 0]], atol=1e-5)


@pytest.mark.parametrize("index", range(4))
def test_every_scale_matters(index):
    anchors = np.array([[0.3, 0.4, 0.7, 0.6]], np.float32)
    encodings = np.ones((1, 4), np.float32)
    scales = list(SCALES)
    scales[index] *= 2
    changed = decode(encodings, anchors, scales=tuple(scales))
    assert not np.allclose(changed, decode(encodings, anchors, scales=SCALES))


def test_a_box_without_area_has_no_encoding():
    anchors = np.array([[0.3, 0.4, 0.7, 0.6]], np.float32)
    with pytest.raises(ValueError, match="without area"):
        encode(np.array([[0.4, 0.4, 0.4, 0.7]], np.float32), anchors, scales=SCALES)
    with pytest.raises(ValueError, match="same shape"):
        encode(np.zeros((2, 4), np.float32), anchors, scales=SCALES)


def test_no_boxes():
    assert decode(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32), scales=SCALES).shape == (0, 4)
