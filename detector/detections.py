"""What a detector returns for one image."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, overload

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.errors import DetectorError
from detector.system.html_table import html_table
from detector.system.invocation import install
from detector.system.terminal import counted, printable

if TYPE_CHECKING:
    import pandas
    import supervision

Detection = tuple[FloatArray, float, str]  # box, score, name
AnyInteger = np.integer[Any]
Selection = slice | Sequence[int] | NDArray[np.generic]

_MOST_SHOWN = 5


class _Found(TypedDict):
    name: str
    score: float
    box: list[float]


class PlainDetection(_Found, total=False):
    """A detection as plain values: ``box`` is xyxy, pixels; ``track`` is there where objects are tracked."""

    track: int | None


@dataclass(frozen=True, eq=False, repr=False)
class Detections:
    """The objects found in one image, highest score first.

    A sequence of (box, score, name): ``len``, iteration and ``detections[0]`` work as those of a list, and a
    slice, a mask or indices select Detections. Two are equal when all values in them are.

    >>> from detector import Detector
    >>> from detector.data.sample import SAMPLE_FOLDER
    >>> detections = Detector.load().detect(SAMPLE_FOLDER / "coffee.jpg")
    >>> detections
    <Detections: 2 objects: cup 0.96 [174 22 415 247], dining table 0.68 [0 3 600 396]>
    >>> for box, score, name in detections:
    ...     print(name, round(score, 1), box.shape)
    cup 1.0 (4,)
    dining table 0.7 (4,)
    >>> detections[detections.scores > 0.9].names
    ['cup']

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
    def __getitem__(self, index: Selection) -> Detections: ...

    @overload
    def __getitem__(self, index: int | AnyInteger) -> Detection: ...

    def __getitem__(self, index: Selection | int | AnyInteger) -> Detection | Detections:
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

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{printable(name)} {score:.2f} [{' '.join(f'{value:.0f}' for value in box)}]"
            for box, score, name in self[:_MOST_SHOWN]
        )
        more = f" and {len(self) - _MOST_SHOWN:,} more" if len(self) > _MOST_SHOWN else ""
        return f"<Detections: {counted(len(self), 'object')}{shown and ': '}{shown}{more}>"

    def _repr_html_(self) -> str:
        rows = (
            (name, f"{score:.2f}", ", ".join(f"{value:.1f}" for value in box)) for box, score, name in self
        )
        return html_table(counted(len(self), "object"), ("class", "score", "box: x1, y1, x2, y2"), rows)

    def to_dicts(self) -> list[PlainDetection]:
        """Plain values for JSON: name, score and box (xyxy, pixels, to a hundredth)."""
        return [
            {"name": name, "score": round(score, 4), "box": [round(float(v), 2) for v in box]}
            for box, score, name in self
        ]

    def to_supervision(self) -> supervision.Detections:
        """The same for the package supervision; its ``data["class_name"]`` has the names.

        Raises:
            DetectorError: the package is not installed.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what it has to say to its own developers
                import supervision
        except ImportError as error:
            raise DetectorError(
                f"to_supervision needs the package supervision ({error}): {install('supervision<0.30')}."
            ) from error
        return supervision.Detections(
            xyxy=self.boxes,
            confidence=self.scores,
            class_id=self.labels,
            data={"class_name": np.array(self.names, np.str_)},
        )

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each detection: ``name``, ``score``, ``x1``, ``y1``, ``x2``, ``y2`` in pixels.

        Raises:
            DetectorError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise DetectorError(
                f"to_dataframe needs the package pandas ({error}): {install('pandas')}."
            ) from error
        corners = {corner: self.boxes[:, column] for column, corner in enumerate(("x1", "y1", "x2", "y2"))}
        return pandas.DataFrame({"name": self.names, "score": self.scores, **corners})
