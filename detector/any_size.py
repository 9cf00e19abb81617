"""Weights of a network for another input size, without training.

Two things change with the size, and both are known without looking at data (docs/sizes.md has the why):

- **Objects keep their size in pixels**, for a convolution sees pixels. So do the anchors: their scales
  become shares of the size that the weights were made for (``AnchorSpec.reference_hw``).
- **Cells look elsewhere.** Where TensorFlow's SAME padding puts the centre of a cell's receptive field
  depends on whether the sides of all maps below it are even or odd. The network has learned by how much it is
  off its anchors at its own size. At another one it is off by another length, and the difference, the same
  for all cells of a map, is a constant on the box encodings: it is added to the biases of the box heads.

So the result is ordinary weights with an ordinary spec, and nothing that runs, writes or trains them has to
know.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.architecture import Architecture, build_architecture
from detector.input_sizes import describe_size
from detector.layers import IMAGE
from detector.spec import ModelSpec
from detector.weights import Weights


def resize_network(weights: Weights, spec: ModelSpec, input_hw: tuple[int, int]) -> tuple[Weights, ModelSpec]:
    """The same detector for inputs of another size; at its own, what was given.

    Args:
        weights: of the spec's network.
        spec: what network it is.
        input_hw: height and width of the input in pixels. At multiples of 32 the cells of the first two maps
            keep the distance between their receptive fields, and boxes fit best.

    Raises:
        ModelError: a size that no network of this project has.
    """
    resized = resize_spec(spec, input_hw)
    if resized is spec:
        return weights, spec
    shifts = centre_offsets(resized) - centre_offsets(spec)
    reference_hw = np.array(resized.anchors.reference_hw or input_hw, np.float64)
    scales = np.array(spec.box_coder_scales[:2])
    shifted = dict(weights)
    for head, shapes, shift in zip(
        build_architecture(spec).box_heads, spec.anchors.shapes(), shifts, strict=True
    ):
        scale, ratio = np.array(shapes, np.float64).T
        sides = np.stack([scale / np.sqrt(ratio), scale * np.sqrt(ratio)], axis=1) * reference_hw
        bias = np.array(weights[f"{head}/bias"], np.float64).reshape(len(shapes), 4)
        bias[:, :2] += scales * shift / sides
        shifted[f"{head}/bias"] = bias.ravel().astype(np.float32)
    return shifted, resized


def resize_spec(spec: ModelSpec, input_hw: tuple[int, int]) -> ModelSpec:
    """The spec of the same detector for inputs of another size; at its own, what was given.

    What the card says of AP was measured at the size that the weights were trained at, so ``resized_from``
    names that one.
    """
    if input_hw == spec.input_hw:
        return spec
    trained_at = spec.card.get("resized_from", describe_size(spec.input_hw))
    card = {key: text for key, text in spec.card.items() if key != "resized_from"}
    if describe_size(input_hw) != trained_at:
        card["resized_from"] = trained_at
    reference_hw = spec.anchors.reference_hw or spec.input_hw
    anchors = replace(spec.anchors, reference_hw=None if reference_hw == input_hw else reference_hw)
    return replace(spec, input_hw=input_hw, anchors=anchors, card=card)


def centre_offsets(spec: ModelSpec) -> NDArray[np.float64]:
    """How far the centres of the receptive fields lie beyond those of the anchors, in the mean over the cells
    of each feature map: (6, 2), down and to the right, in pixels of the input.
    """
    architecture = build_architecture(spec)
    offsets = []
    for name in architecture.feature_maps:
        stride, first = receptive_fields(architecture, name)
        cells = np.array(architecture[name].out_hw)
        middle = (cells - 1) / 2
        offsets.append(stride * middle + first - (middle + 0.5) * np.array(spec.input_hw) / cells)
    return np.array(offsets)


def receptive_fields(architecture: Architecture, name: str) -> tuple[int, NDArray[np.float64]]:
    """Where the cells of a layer's output look: the distance between the centres of their receptive fields,
    and the centre of the first one, down and to the right (2,), both in pixels of the input.
    """
    if name == IMAGE:
        return 1, np.array([0.5, 0.5])
    layer = architecture[name]
    stride, first = receptive_fields(architecture, layer.source)
    before = np.array(layer.padding_hw) // 2
    return stride * layer.stride, first + stride * ((layer.kernel - 1) / 2 - before)
