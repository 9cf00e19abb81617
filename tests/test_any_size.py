from dataclasses import replace

import cv2
import numpy as np
import pytest

from detector.any_size import centre_offsets, receptive_fields, resize_network, resize_spec
from detector.architecture import anchors_of, build_architecture
from detector.boxes import xyxy_to_cxcywh
from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from detector.numpy_network import NumpyNetwork
from detector.postprocess import Postprocessor
from detector.preprocess import Preprocessor
from detector.spec import ModelSpec
from detector.weights import load_weights
from tests.formats.tflite.test_writer import random_weights

RELEASED = ModelSpec("released", ("thing",))
SMALL = ModelSpec("small", ("thing",), input_hw=(96, 140), width_multiplier=0.1)
SIZES = ((300, 300), (512, 512), (384, 512), (320, 600), (333, 217), (32, 64))


def in_pixels(spec):
    return xyxy_to_cxcywh(anchors_of(spec)) * np.array([*spec.input_hw[::-1], *spec.input_hw[::-1]])


def test_the_released_network_is_off_its_anchors_by_what_its_padding_says():
    both = centre_offsets(RELEASED)
    np.testing.assert_allclose(both[:, 0], [5.5, 5.5, 21.5, 21.5, 21.5, 149.5], atol=1e-9)
    np.testing.assert_allclose(both[:, 1], both[:, 0])
    shifts = centre_offsets(resize_spec(RELEASED, (512, 512))) - both
    np.testing.assert_allclose(shifts[:, 0], [2, 10, 10, 42, 106, 106], atol=1e-9)


@pytest.mark.parametrize("side", [160, 164, 172, 150, 139])
def test_a_cell_sees_as_far_to_the_left_as_to_the_right_of_its_centre(side):
    spec = replace(SMALL, input_hw=(side, 32))
    architecture = build_architecture(spec)
    # No cell answers less to more light, and nothing is cut off, so what it sees shows.
    weights = {
        key: np.full(shape, 1e-3 if key.endswith("kernel") else 0 if "mean" in key or "beta" in key else 1)
        for key, shape in architecture.weight_shapes.items()
    }
    network = NumpyNetwork(weights, spec)
    layer = "block_6_depthwise"  # early enough to see less than the whole input
    seen = []
    for row in range(side):
        image = np.zeros((1, side, 32, 3), np.float32)
        image[0, row] = 1
        seen.append(dict(network.activations(image))[layer].sum(axis=(1, 2)) > 0)
    distance, first = receptive_fields(architecture, layer)
    cells = np.array(seen).T
    for cell, rows in enumerate(cells):
        where = np.flatnonzero(rows)
        if where[0] > 0 and where[-1] < side - 1:
            assert (where[0] + where[-1] + 1) / 2 == distance * cell + first[0]
            break
    else:
        raise AssertionError("no cell lies wholly inside")


@pytest.mark.parametrize("input_hw", SIZES)
def test_anchors_keep_their_size_in_pixels_and_squares_stay_squares(input_hw):
    own = {tuple(sides) for sides in in_pixels(RELEASED)[:, 2:].round(2).tolist()}
    resized = resize_spec(RELEASED, input_hw)
    assert {tuple(sides) for sides in in_pixels(resized)[:, 2:].round(2).tolist()} == own


@pytest.mark.parametrize("input_hw", SIZES)
def test_only_the_centres_of_boxes_move_and_only_by_a_constant(input_hw):
    weights = random_weights(RELEASED)
    resized, spec = resize_network(weights, RELEASED, input_hw)
    changed = {key for key in weights if not np.array_equal(weights[key], resized[key])}
    heads = build_architecture(RELEASED).box_heads
    assert changed <= {f"{head}/bias" for head in heads}
    shifts = centre_offsets(spec) - centre_offsets(RELEASED)
    for head, shapes, shift in zip(heads, RELEASED.anchors.shapes(), shifts, strict=True):
        moved = (resized[f"{head}/bias"] - weights[f"{head}/bias"]).reshape(-1, 4)
        assert not moved[:, 2:].any()
        for (scale, ratio), (ty, tx) in zip(shapes, moved[:, :2], strict=True):
            # Undone as the box decoder does it: by a tenth of the anchor's side, which is in pixels of 300.
            np.testing.assert_allclose(ty / 10 * 300 * scale / np.sqrt(ratio), shift[0], atol=1e-3)
            np.testing.assert_allclose(tx / 10 * 300 * scale * np.sqrt(ratio), shift[1], atol=1e-3)


def test_the_card_says_at_which_size_its_figures_were_measured():
    there = resize_spec(RELEASED, (512, 512))
    assert there.card == {**RELEASED.card, "resized_from": "300"}
    assert resize_spec(there, (384, 640)).card["resized_from"] == "300"
    assert resize_spec(there, (300, 300)) == RELEASED


def test_at_its_own_size_a_network_is_what_it_was():
    weights = random_weights(SMALL)
    assert resize_network(weights, SMALL, SMALL.input_hw) == (weights, SMALL)


@pytest.mark.parametrize("input_hw", SIZES)
def test_a_size_is_reached_by_any_way(input_hw):
    weights = random_weights(SMALL)
    direct, spec = resize_network(weights, SMALL, input_hw)
    by_another, other_spec = resize_network(*resize_network(weights, SMALL, (224, 160)), input_hw)
    assert other_spec == spec
    back, own = resize_network(direct, spec, SMALL.input_hw)
    assert own == SMALL
    for key in weights:
        np.testing.assert_allclose(by_another[key], direct[key], atol=1e-5)
        np.testing.assert_allclose(back[key], weights[key], atol=1e-5)


@pytest.mark.parametrize("input_hw", [(384, 384), (512, 512), (512, 640), (600, 600)])
def test_an_object_of_the_same_size_in_pixels_gets_the_same_box(released_weights, input_hw):
    # A small cup on grey, and the same pixels with more grey to the right and below. Without the shift its
    # box would be off by six pixels and more.
    weights, spec = load_weights(released_weights)
    photograph = load_image(SAMPLE_FOLDER / "coffee.jpg")
    small = cv2.resize(photograph, None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA)
    boxes = []
    for size in (spec.input_hw, input_hw):
        ground = np.full((*size, 3), 114, np.uint8)
        ground[40 : 40 + small.shape[0], 24 : 24 + small.shape[1]] = small
        boxes += boxes_of("cup", *resize_network(weights, spec, size), ground)[:1]
    own, box = boxes
    np.testing.assert_allclose(box[:2], own[:2], atol=5)


def boxes_of(name, weights, spec, image):
    outputs = NumpyNetwork(weights, spec).run(Preprocessor(spec)(image))
    found = Postprocessor(spec, score_threshold=0.3)(*outputs, (image.shape[1], image.shape[0]))
    return [box for box, _, each in found if each == name]
