"""int8: which numbers the integers of each tensor stand for, and which layers stay in float32.

Kernels have a scale for each output channel and no offset, activations one scale and an offset.

Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference, 2018; the 8-bit quantization specification of TensorFlow Lite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.formats.tflite.graph import Scale

GREATEST_BIAS = 2**30  # as an integer; as much again is left for what is added to it
_LEAST = 1e-8  # of a scale


@dataclass(frozen=True)
class Quantization:
    """How a network is quantized.

    Attributes:
        ranges: least and greatest number of each activation; the names are those of
            ``NumpyNetwork.activations``.
        float_layers: layers that are computed in float32.
        bias_corrections: (channels,) what to add to the bias of a layer, by its name.
        integer_heads: join the heads' outputs as integers, for devices that compute nothing else; their
            ranges must then be the same.
    """

    ranges: Mapping[str, tuple[float, float]]
    float_layers: frozenset[str] = frozenset()
    bias_corrections: Mapping[str, FloatArray] = field(default_factory=dict)
    integer_heads: bool = False


def range_to_scale(low: float, high: float) -> Scale:
    """Scale and offset with which int8 spans a range; 0 is always one of the numbers."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / 255, _LEAST)
    return Scale(np.array([scale], np.float32), int(np.clip(round(-128 - low / scale), -128, 127)))


def quantize_kernel(
    kernel: FloatArray, axis: int, least: FloatArray | float = 0
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """The kernel as int8 in [-127, 127], and the scale of each channel along ``axis``: ``least`` at least."""
    others = tuple(other for other in range(kernel.ndim) if other != axis)
    scales = (np.abs(kernel).max(axis=others) / 127).astype(np.float32)
    scales[scales < _LEAST] = 1 / 127  # a channel of zeros
    scales = np.maximum(scales, least).astype(np.float32)
    return np.round(kernel / _along(scales, axis)).astype(np.int8), scales


def dequantize_kernel(integers: NDArray[np.int8], scales: NDArray[np.float32], axis: int) -> FloatArray:
    """The numbers that ``quantize_kernel``'s integers stand for."""
    return np.asarray(integers * _along(scales, axis), np.float32)


def _along(scales: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The scales in a shape that multiplies kernels (of four axes) along ``axis``."""
    return scales.reshape([-1 if other == axis else 1 for other in range(4)])
