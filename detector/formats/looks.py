"""One file that looks at a picture at several sizes: the same network for each, and one answer.

The picture comes in at the largest of the sizes, and the file makes the smaller ones itself. Anchors and
outputs follow one another, those of the smallest look first, as ``Postprocessor`` has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detector.architecture import anchors_of
from detector.boxes import FloatArray, area
from detector.postprocess import largest_area
from detector.spec import ModelSpec
from detector.weights import Weights

if TYPE_CHECKING:
    from detector.formats.tflite.quantization import Quantization

_NO_LIMIT = 1e4  # of a logarithm; a number that every runtime and float16 have


@dataclass(frozen=True)
class Look:
    """The network at one input size.

    Attributes:
        weights, spec: the network; those of one file differ in the biases of the box heads alone.
        quantization: how it is quantized; None for float32.
    """

    weights: Weights
    spec: ModelSpec
    quantization: Quantization | None = None


def pooled_anchors(specs: Sequence[ModelSpec]) -> FloatArray:
    """The anchors of several looks, (A, 4) xyxy."""
    return np.concatenate([anchors_of(spec) for spec in specs])


def growth_limits(specs: Sequence[ModelSpec]) -> FloatArray:
    """How far a box may outgrow its anchor, (A,) float32: the logarithm of its area over the anchor's.

    A box counts whose own is less. That is ``postprocess.largest_area`` without decoding: of an encoding the
    logarithm is ``th`` and ``tw``, each divided by its scale, together. There is no limit to the first look.
    """
    first, *others = specs
    limits = [np.full(len(anchors_of(first)), _NO_LIMIT)]
    limits += [np.log(largest_area(first, other) / area(anchors_of(other))) for other in others]
    return np.concatenate(limits).astype(np.float32)


def growth_factors(spec: ModelSpec) -> FloatArray:
    """What an encoding (ty, tx, th, tw) is multiplied by for that logarithm to be the sum, (4,) float32."""
    *_, height, width = spec.box_coder_scales
    return np.array([0, 0, 1 / height, 1 / width], np.float32)
