"""What a detector returns for one image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray


@dataclass(frozen=True)
class Detections:
    """The objects found in one image, highest score first.

    Attributes:
        boxes: (N, 4) float32, xyxy, absolute continuous pixels of the original image, inside its frame.
        scores: (N,) float32 in [0, 1].
        labels: (N,) int64, indices into ``classes``.
        classes: name of each label.
    """

    boxes: FloatArray
    scores: FloatArray
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not (self.boxes.shape == (len(self.scores), 4) and self.labels.shape == self.scores.shape):
            raise ValueError(
                "expected boxes (N, 4), scores (N,) and labels (N,), got "
                f"{self.boxes.shape}, {self.scores.shape} and {self.labels.shape}"
            )

    @property
    def names(self) -> list[str]:
        """Class name of each detection."""
        return [self.classes[label] for label in self.labels]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: slice | NDArray[Any]) -> Detections:
        """The detections that a slice, a boolean mask or an array of indices selects."""
        return Detections(self.boxes[index], self.scores[index], self.labels[index], self.classes)

    def __iter__(self) -> Iterator[tuple[FloatArray, float, str]]:
        """(box, score, name) of each detection."""
        return iter(zip(self.boxes, self.scores.tolist(), self.names, strict=True))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Plain values for JSON: name, score and box (xyxy, pixels, to a hundredth)."""
        return [
            {"name": name, "score": round(score, 4), "box": [round(float(v), 2) for v in box]}
            for box, score, name in self
        ]
