import cv2
import numpy as np
import pytest

from detector.preprocess import Preprocessor
from detector.spec import ModelSpec

SPEC = ModelSpec("test", ("thing",), input_hw=(3, 4))


def test_rgb_order_range_and_shape():
    image = np.zeros((50, 80, 3), np.uint8)
    image[..., 0] = 255  # blue in BGR
    for resize in ("half-pixel", "tf1"):
        network_input = Preprocessor(SPEC, resize)(image)
        assert network_input.shape == (1, 3, 4, 3)
        assert network_input.dtype == np.float32
        np.testing.assert_allclose(network_input[0, 0, 0], [-1, -1, 1], atol=1e-6)


def test_normalisation_is_that_of_the_spec():
    image = np.full((9, 9, 3), 100, np.uint8)
    np.testing.assert_allclose(Preprocessor(SPEC)(image), 100 * 2 / 255 - 1, atol=1e-6)
    other = ModelSpec("test", ("thing",), input_hw=(3, 4), pixel_scale=0.5, pixel_offset=7.0)
    np.testing.assert_allclose(Preprocessor(other)(image), 57, atol=1e-5)


def test_tf1_resize_by_hand():
    # 2 -> 4 without half-pixel centres reads 0, .5, 1, 1.5 (the last clamped): 0, 50, 100, 100
    image = np.zeros((3, 2, 3), np.uint8)
    image[:, 1] = 100
    row = Preprocessor(SPEC, "tf1")(image)[0, 0, :, 0]
    np.testing.assert_allclose((row + 1) * 127.5, [0, 50, 100, 100], atol=1e-4)
    # With half-pixel centres: -.25, .25, .75, 1.25 (the ends clamped): 0, 25, 75, 100
    row = Preprocessor(SPEC, "half-pixel")(image)[0, 0, :, 0]
    np.testing.assert_allclose((row + 1) * 127.5, [0, 25, 75, 100], atol=0.51)


def test_tf1_resize_gives_the_official_graphs_input(golden, coco_sample):
    spec = ModelSpec("released", ("thing",))
    preprocess = Preprocessor(spec, "tf1")
    for image in coco_sample.images:
        key = f"{image.id}/input"
        if key in golden:
            pixels = cv2.imread(str(image.path))
            assert np.abs(preprocess(pixels)[0] - golden[key]).max() < 1e-4


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 700), (2000, 3), (300, 300)])
def test_odd_sizes(size_hw):
    image = np.full((*size_hw, 3), 255, np.uint8)
    for resize in ("half-pixel", "tf1"):
        np.testing.assert_allclose(Preprocessor(SPEC, resize)(image), 1, atol=1e-5)


def test_an_unknown_resize_is_refused():
    with pytest.raises(ValueError, match="half-pixel"):
        Preprocessor(SPEC, "bicubic")
