"""What a detector returns for one image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from detector import detection_tables
from detector.boxes import FloatArray
from detector.classification import NamedScore
from detector.colours import class_colour
from detector.detection import Detection, PlainDetection
from detector.drawing import draw_labelled
from detector.errors import DetectorError
from detector.image_kinds import ImageLike, to_image
from detector.image_memory import ImageMemory
from detector.images import Image, save_image
from detector.system.bounds import as_path
from detector.system.html_table import html_table
from detector.system.terminal import counted, printable

if TYPE_CHECKING:
    import pandas
    import supervision

AnyInteger = np.integer[Any]
Selection = slice | Sequence[int] | NDArray[np.generic]

_MOST_SHOWN = 5  # in one line
_MOST_ROWS = 20
_PICTURE_SIDE = 800  # pixels; a notebook shows no more


@dataclass(frozen=True, eq=False, repr=False)
class Detections:
    """The objects found in one image, highest score first.

    A sequence of ``Detection`` (box, score, name): ``len``, iteration and ``detections[0]`` work as those of
    a list, and a slice, a mask or indices select Detections. Two are equal when all values in them are.
    ``print`` shows a table, a notebook the picture.

    It knows the image that it was found in, but does not keep its pixels: a path is read again, an array or a
    Pillow image is there as long as the program has it, of an address the file is kept. An image that has
    changed meanwhile is refused. What is pickled knows its path alone.

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
        kinds: the finer name of each, and how likely that is, where a classifier has looked at it (see
            ``SecondStage``); None for one without; None altogether where there is no classifier.
    """

    boxes: FloatArray
    scores: FloatArray
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    kinds: tuple[NamedScore | None, ...] | None = None
    _memory: ImageMemory | None = None

    def __post_init__(self) -> None:
        for name, kind in (("boxes", np.float32), ("scores", np.float32), ("labels", np.int64)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), kind))
        object.__setattr__(self, "classes", tuple(self.classes))
        if not (self.boxes.shape == (len(self.scores), 4) and self.labels.shape == self.scores.shape):
            raise ValueError(
                "expected boxes (N, 4), scores (N,) and labels (N,), got "
                f"{self.boxes.shape}, {self.scores.shape} and {self.labels.shape}"
            )
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise ValueError(
                f"expected labels from 0 to {len(self.classes) - 1}, those of {len(self.classes)} classes"
            )
        if self.kinds is not None and len(self.kinds) != len(self.scores):
            raise ValueError(f"expected {len(self.scores)} kinds, one for each score, got {len(self.kinds)}")

    @property
    def image(self) -> Image | None:
        """The image that they were found in, (H, W, 3) uint8, BGR; None where it is not known or no more.

        Raises:
            ImageError: its file cannot be read any more, or it is another image by now.
        """
        return None if self._memory is None else self._memory.recall()

    def draw(self, image: ImageLike | None = None) -> Image:
        """A copy of the image with boxes, names and scores; see ``draw_detections``.

        Args:
            image: the one to draw onto, if not that which they were found in.

        Raises:
            ImageError: its file cannot be read, or it is another image by now.
            ValueError: their own image is not known, or no more in memory.
        """
        image = self.image if image is None else image
        if image is None:
            raise ValueError(
                "the image of these detections is no more in memory; give it: draw(image), save(path, image)"
            )
        return draw_detections(image, self)

    def save(self, path: str | Path, image: ImageLike | None = None) -> Path:
        """Write the picture that ``draw`` makes into a file, and return its path.

        Args:
            path: ends in ``.jpg``, ``.png`` or another format that OpenCV writes; missing folders are made.
            image: as for ``draw``.

        Raises:
            DetectorError: no such format, or the file cannot be written; and as ``draw``.
            ValueError: as ``draw``.
        """
        path = as_path("the picture's file", path)
        save_image(path, self.draw(image))
        return path

    @property
    def names(self) -> list[str]:
        """Class name of each detection."""
        return [self.classes[label] for label in self.labels]

    @property
    def shown_names(self) -> list[NamedScore]:
        """What each is called in pictures: its kind where it has one, otherwise its class, with the score."""
        own = [NamedScore(name, score) for _, score, name in self]
        return (
            own if self.kinds is None else [kind or each for kind, each in zip(self.kinds, own, strict=True)]
        )

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
            box, score = self.boxes[number].copy(), float(self.scores[number])
            return Detection(box, score, self.classes[self.labels[number]])
        if not isinstance(index, slice):
            index = np.asarray(index)
            index = index if index.size else index.astype(np.intp)  # numpy makes an empty list one of floats
            if index.ndim != 1 or index.dtype.kind not in "biu":
                raise ValueError(
                    "expected the number of a detection, a slice, a boolean mask or indices, "
                    f"got {index.dtype} of shape {index.shape}"
                )
        boxes, scores, labels = self.boxes[index], self.scores[index], self.labels[index]
        kinds = self.kinds and tuple(self.kinds[number] for number in np.arange(len(self))[index])
        return Detections(boxes, scores, labels, self.classes, kinds, self._memory)

    def __iter__(self) -> Iterator[Detection]:
        """(box, score, name) of each detection."""
        return map(Detection, self.boxes.copy(), self.scores.tolist(), self.names)

    def __contains__(self, wanted: object) -> bool:
        """Whether an object of a class, or this very detection, is among them."""
        return wanted in self.names if isinstance(wanted, str) else any(each == wanted for each in self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detections):
            return NotImplemented
        return (
            (self.classes, self.kinds) == (other.classes, other.kinds)
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

    def __str__(self) -> str:
        rows = [
            f"{score:5.2f}  {' '.join(f'{value:6.0f}' for value in box)}  {printable(name)}"
            for box, score, name in self[:_MOST_ROWS]
        ]
        more = [f"and {len(self) - _MOST_ROWS:,} more"] if len(self) > _MOST_ROWS else []
        head = [f"score  {'x1':>6} {'y1':>6} {'x2':>6} {'y2':>6}  class"] if rows else []
        return "\n".join([counted(len(self), "object"), *head, *rows, *more])

    def __format__(self, form: str) -> str:
        return format(str(self), form)

    def _image_to_show(self) -> Image | None:
        try:
            return self.image
        except DetectorError:
            return None

    def _repr_png_(self) -> bytes | None:
        image = self._image_to_show()
        if image is None:
            return None
        drawn = draw_detections(image, self)
        share = min(1.0, _PICTURE_SIDE / max(drawn.shape))
        size_wh = [max(1, round(share * side)) for side in drawn.shape[1::-1]]
        small = cv2.resize(drawn, size_wh, interpolation=cv2.INTER_AREA)
        return bytes(cv2.imencode(".png", small)[1])

    def _repr_html_(self) -> str | None:
        if self._image_to_show() is not None:  # a notebook would show this in the picture's place
            return None
        rows = (
            (name, f"{score:.2f}", ", ".join(f"{value:.1f}" for value in box)) for box, score, name in self
        )
        return html_table(counted(len(self), "object"), ("class", "score", "box: x1, y1, x2, y2"), rows)

    def to_dicts(self) -> list[PlainDetection]:
        """Plain values for JSON: name, score and box (xyxy, pixels, to a hundredth), and where a classifier
        has looked at them ``kind`` and ``kind_score``, None for one without.
        """
        return detection_tables.plain_values(self)

    def to_supervision(self) -> supervision.Detections:
        """The same for the package supervision; its ``data["class_name"]`` has the names, and where a
        classifier has looked at them ``data["kind"]`` and ``data["kind_score"]`` what it says.

        Raises:
            DetectorError: the package is not installed.
        """
        return detection_tables.supervision_table(self)

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each detection: ``name``, ``score``, ``x1``, ``y1``, ``x2``, ``y2`` in pixels, and where
        a classifier has looked at them ``kind`` and ``kind_score``.

        Raises:
            DetectorError: pandas is not installed.
        """
        return detection_tables.data_frame(self)


def draw_detections(image: ImageLike, detections: Detections) -> Image:
    """A copy of the image with boxes, names and scores, readable at any size and on any background.

    >>> from detector import Detector, draw_detections, load_image
    >>> from detector.data.sample import SAMPLE_FOLDER
    >>> image = load_image(SAMPLE_FOLDER / "coffee.jpg")
    >>> picture = draw_detections(image, Detector.load().detect(image))
    >>> picture.shape == image.shape
    True

    Args:
        image: an array (H, W, 3) of uint8, BGR, a path, or a Pillow image; see ``to_image``.
        detections: in this image's pixels; drawn from the lowest score to the highest.

    Raises:
        ImageError: a file that cannot be read.
        ValueError: something that is no image, or no Detections.
    """
    if not isinstance(detections, Detections):
        raise ValueError(f"expected Detections, got {type(detections).__name__}")
    texts = [f"{name} {score:.0%}" for name, score in detections.shown_names]
    colours = [class_colour(name, detections.classes) for name in detections.names]
    return draw_labelled(to_image(image), detections.boxes, texts, colours)
