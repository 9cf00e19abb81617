"""The outputs of an image and of its mirror image, averaged, for ``postprocessing`` alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.architecture import anchors_of
from detector.boxes import FloatArray
from detector.spec import ModelSpec

Outputs = tuple[FloatArray, FloatArray]  # box_encodings (A, 4) and class_logits (A, K + 1)


def mirror(network_input: FloatArray) -> FloatArray:
    """The input (1, H, W, 3) with left and right exchanged."""
    return np.ascontiguousarray(network_input[:, :, ::-1])


def find_twins(spec: ModelSpec) -> NDArray[np.int64]:
    """The anchor (A,) that each anchor becomes in the mirror."""
    anchors = anchors_of(spec)
    mirrored = np.stack([1 - anchors[:, 2], anchors[:, 1], 1 - anchors[:, 0], anchors[:, 3]], axis=1)
    # Row by row: all pairs at once would be much memory.
    return np.array([np.abs(anchors - each).max(axis=1).argmin() for each in mirrored], np.int64)


def average_outputs(outputs: Outputs, mirrored: Outputs, twins: NDArray[np.int64]) -> Outputs:
    """The mean of the outputs of an image and, turned back, of those of its mirror image."""
    encodings = mirrored[0][twins] * np.array([1, -1, 1, 1], np.float32)  # tx points the other way
    half = np.float32(0.5)
    return (outputs[0] + encodings) * half, (outputs[1] + mirrored[1][twins]) * half
