"""Looks at pictures in order to choose among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector.architecture import build_architecture
from detector.boxes import FloatArray
from detector.choosing.description import describe
from detector.choosing.doubt import disagreement, doubt_of_scores, mirrored
from detector.detections import Detections
from detector.errors import ArgumentError
from detector.images import Image
from detector.input_sizes import SizeHW, describe_size, read_size
from detector.runtime import Detector
from detector.spec import DEFAULT_SCORE_THRESHOLD, ModelSpec

_OTHER = 1.3  # times the own input size is the other one
_CELL = 32
_LEAST = 0.25  # of a class's threshold: what scores less is nothing to be unsure of


@dataclass(frozen=True)
class Look:
    """What a model makes of a picture.

    Attributes:
        doubt: of its scores, see ``doubt_of_scores``.
        mirror: disagreement with its mirror image.
        size: disagreement with another input size; 0 where the model has one alone.
        description: see ``describe``.
    """

    doubt: float
    mirror: float
    size: float
    description: FloatArray


class Looker:
    """Looks at whole pictures, one at a time.

    Args:
        detector: what is to be asked; its settings stay as they are.

    Attributes:
        other_hw: input size of the second look, or None where there is none.
    """

    def __init__(self, detector: Detector) -> None:
        first, *others = detector.input_sizes
        wanted = others[-1] if others else _other_size(first) if detector.any_size else None
        self._own = detector.resized(describe_size(first)) if others else detector.share()
        self._own.tile = None
        spec = self._own.spec
        own = spec.class_thresholds
        self._thresholds = np.array(
            [own.get(name, DEFAULT_SCORE_THRESHOLD) for name in spec.classes], np.float32
        ).clip(0.01, 0.99)
        self._own.score_threshold = _LEAST * float(self._thresholds.min())
        self._other = None if wanted is None else self._own.resized(describe_size(wanted))
        self.other_hw = wanted
        self._cells = _cells(spec)

    def look(self, image: Image) -> Look:
        """What the model makes of a picture (H, W, 3)."""
        outputs = self._outputs(image)
        found = self._found(*outputs, image)
        description = describe(*outputs, self._cells)
        other = mirrored(self._found(*self._outputs(image[:, ::-1]), image), image.shape[1])
        larger = None if self._other is None else self._certain(self._other.detect(image))
        return Look(
            doubt_of_scores(found.scores, self._thresholds[found.labels]),
            disagreement(found, other),
            0.0 if larger is None else disagreement(found, larger),
            description,
        )

    def describe(self, image: Image) -> FloatArray:
        """What a picture (H, W, 3) looks like to the model."""
        return describe(*self._outputs(image), self._cells)

    def _outputs(self, image: Image) -> tuple[FloatArray, FloatArray]:
        backend = self._own.backend
        boxes, logits = backend.run(self._own.preprocess(np.ascontiguousarray(image), out=backend.input))
        return boxes.copy(), logits.copy()

    def _found(self, boxes: FloatArray, logits: FloatArray, image: Image) -> Detections:
        return self._certain(self._own.postprocess(boxes, logits, (image.shape[1], image.shape[0])))

    def _certain(self, found: Detections) -> Detections:
        return found[found.scores >= _LEAST * self._thresholds[found.labels]]


def _other_size(own_hw: SizeHW) -> SizeHW | None:
    """A size so near that what was learned at the own one holds there, too; None where that is too large."""
    height, width = (max(_CELL, _CELL * round(_OTHER * side / _CELL)) for side in own_hw)
    try:
        return read_size(f"{height}x{width}")
    except ArgumentError:
        return None


def _cells(spec: ModelSpec) -> list[tuple[int, int]]:
    sizes = build_architecture(spec).feature_map_sizes_hw
    return [
        (height * width, count) for (height, width), count in zip(sizes, spec.anchors.per_cell(), strict=True)
    ]
