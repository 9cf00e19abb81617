"""Finds out how to quantize a network, from images that it will see.

Ranges are the least and greatest numbers that occurred. What rounding the kernels adds to each channel on
average is taken off the biases: without it, channels drift apart through the depthwise layers.

Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019, section
4.2, with measured means in place of derived ones. docs/export.md compares it with other variants.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from detector.architecture import Architecture, layers_of
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.formats.tflite.quantization import Quantization, dequantize_kernel, quantize_kernel
from detector.layers import IMAGE, Layer, Layers
from detector.numpy_network import NumpyLayers
from detector.spec import ModelSpec
from detector.weights import Weights, fold_batch_norm


def calibrate(
    weights: Weights,
    spec: ModelSpec | ClassifierSpec,
    network_inputs: Iterable[FloatArray],
    *,
    integer_heads: bool = False,
) -> Quantization:
    """How to quantize a network whose inputs are like these.

    Args:
        weights: of the spec's network.
        spec: what network it is.
        network_inputs: (1, H, W, 3) float32 each, as ``Preprocessor`` makes them; at least one.
        integer_heads: see ``Quantization``; of a detector alone.

    Raises:
        ValueError: no input.
    """
    layers = layers_of(spec)
    box_heads = layers.box_heads if isinstance(layers, Architecture) else ()
    class_heads = layers.class_heads if isinstance(layers, Architecture) else ()
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    sums: dict[str, FloatArray] = {}
    network = NumpyLayers(weights, spec)
    count = 0
    for network_input in network_inputs:
        count += 1
        for name, activation in network.activations(network_input):
            mean = activation.mean(axis=(0, 1), dtype=np.float32)
            sums[name] = sums[name] + mean if name in sums else mean
            if name in class_heads:
                # The background's logits are the largest and never looked at.
                activation = activation.reshape(-1, len(spec.classes) + 1)[:, 1:]
            lows[name] = min(float(activation.min()), lows.get(name, 0.0))
            highs[name] = max(float(activation.max()), highs.get(name, 0.0))
    if not count:
        raise ValueError("calibration needs at least one image")
    ranges = {name: (low, highs[name]) for name, low in lows.items()}
    ranges[IMAGE] = (spec.pixel_offset, 255 * spec.pixel_scale + spec.pixel_offset)
    if integer_heads:
        for heads in (box_heads, class_heads):
            common = (min(lows[name] for name in heads), max(highs[name] for name in heads))
            ranges |= dict.fromkeys(heads, common)
    means = {name: total / np.float32(count) for name, total in sums.items()}
    return Quantization(
        ranges,
        bias_corrections=_correct_biases(weights, layers, means),
        integer_heads=integer_heads,
    )


def share_ranges(quantizations: Sequence[Quantization]) -> list[Quantization]:
    """The same for several looks of one network, each with the ranges of all of them: what is rare and large
    in the calibration images of one look may well come in another. docs/export.md has what it gives.
    """
    ranges = {
        name: (
            min(each.ranges[name][0] for each in quantizations),
            max(each.ranges[name][1] for each in quantizations),
        )
        for name in quantizations[0].ranges
    }
    return [replace(each, ranges=ranges) for each in quantizations]


def _correct_biases(weights: Weights, layers: Layers, means: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """What to add to each layer's bias so that its mean output is that of the kernel before rounding."""
    folded = fold_batch_norm(weights, layers)
    return {
        layer.name: -_mean_output(layer, _rounding(layer, folded[layer.name][0]), means[layer.source])
        for layer in layers.layers
        if layer.kind != "mean"
    }


def _rounding(layer: Layer, kernel: FloatArray) -> FloatArray:
    """What rounding adds to a kernel."""
    axis = 3 if layer.kind == "conv" else 2  # of the output channels
    rounding: FloatArray = dequantize_kernel(*quantize_kernel(kernel, axis), axis) - kernel
    return rounding


def _mean_output(layer: Layer, kernel: FloatArray, mean_input: FloatArray) -> FloatArray:
    """(channels,) the mean output, but for what the padding at the borders takes away."""
    if layer.kind == "conv":
        return np.asarray(mean_input @ kernel.sum(axis=(0, 1)), np.float32)
    return np.asarray(mean_input * kernel.sum(axis=(0, 1))[:, 0], np.float32)
