"""What a detector returns for one image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray

Detection = tuple[FloatArray, float, str]  # box, score, name


@dataclass(frozen=True, eq=False)
class Detections:
    """The objects found in one image, highest score first.

    A sequence of (box, score, name): ``len``, iteration and ``detections[0]`` work as those of a list, and a
    slice, a mask or indices select Detections. Two are equal when all values in them are.

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

    @overload
    def __getitem__(self, index: slice | Sequence[int] | NDArray[Any]) -> Detections: ...

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> Detection: ...

    def __getitem__(
        self, index: slice | Sequence[int] | NDArray[Any] | int | np.integer[Any]
    ) -> Detection | Detections:
        """(box, score, name) of one detection, or the Detections that a slice, a mask or indices select.

        Raises:
            IndexError: no such detection, or a mask of another length.
            ValueError: something else than these.
        """
        if isinstance(index, int | np.integer):
            number = int(index)
            if not -len(self) <= number < len(self):
                raise IndexError(f"there is no detection {number}; there are {len(self)}")
            return self.boxes[number], float(self.scores[number]), self.classes[self.labels[number]]
        if not isinstance(index, slice):
            index = np.asarray(index)
            index = index if index.size else index.astype(np.intp)  # numpy makes an empty list one of floats
            if index.ndim != 1 or index.dtype.kind not in "biu":
                raise ValueError(
                    "expected the number of a detection, a slice, a boolean mask or indices, "
                    f"got {index.dtype} of shape {index.shape}"
                )
        return Detections(self.boxes[index], self.scores[index], self.labels[index], self.classes)

    def __iter__(self) -> Iterator[Detection]:
        """(box, score, name) of each detection."""
        return iter(zip(self.boxes, self.scores.tolist(), self.names, strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detections):
            return NotImplemented
        return (
            self.classes == other.classes
            and np.array_equal(self.labels, other.labels)
            and np.array_equal(self.scores, other.scores)
            and np.array_equal(self.boxes, other.boxes)
        )

    __hash__ = None  # type: ignore[assignment]  # its arrays can be written to

    def to_dicts(self) -> list[dict[str, Any]]:
        """Plain values for JSON: name, score and box (xyxy, pixels, to a hundredth)."""
        return [
            {"name": name, "score": round(score, 4), "box": [round(float(v), 2) for v in box]}
            for box, score, name in self
        ]
