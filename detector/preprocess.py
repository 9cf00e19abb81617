"""From a BGR image of any size to the network's input."""

from __future__ import annotations

import threading
from typing import Any, Literal

import cv2
import numpy as np

from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.images import Image
from detector.spec import ModelSpec

Resize = Literal["half-pixel", "tf1"]

# Of a box's sides, on all sides: what a classifier of cut out objects sees of their surroundings, when it is
# trained and when it runs.
CROP_MARGIN = 0.1
_MIDDLE = 7 / 8  # of the shorter side: the part of a picture at which ImageNet is evaluated
_MUCH_SMALLER = 2  # from this factor on, linear interpolation would skip pixels


class Preprocessor:
    """Turns images into network inputs: squashed to the input size, RGB, normalised.

    Args:
        spec: gives input size and normalisation.
        resize: ``"half-pixel"`` is the bilinear resize of OpenCV and of today's frameworks. ``"tf1"`` is
            that of the released TensorFlow 1 graph, which has no half-pixel centres: with it, and only with
            it, outputs equal the released graph's.

    Attributes:
        spec, resize: as given.
        input_hw: height and width of the network's input.
    """

    def __init__(self, spec: ModelSpec, resize: Resize = "half-pixel") -> None:
        if resize not in ("half-pixel", "tf1"):
            raise ValueError(f"resize must be 'half-pixel' or 'tf1', not {resize!r}")
        self.spec = spec
        self.input_hw = self._height, self._width = spec.input_hw
        self._scale, self._offset = spec.pixel_scale, spec.pixel_offset
        self.resize: Resize = resize
        self._kept = threading.local()

    def __reduce__(self) -> tuple[type[Preprocessor], tuple[ModelSpec, Resize]]:
        return Preprocessor, (self.spec, self.resize)  # what a thread keeps stays in its process

    def __call__(self, image: Image, out: FloatArray | None = None) -> FloatArray:
        """(1, H, W, 3) float32 RGB from an image (h, w, 3) uint8 BGR.

        Args:
            image: of any size.
            out: (1, H, W, 3) float32 to write into, such as a backend's input; a new array if none is given.
        """
        if out is None:
            out = np.empty((1, self._height, self._width, 3), np.float32)
        rgb: np.ndarray[Any, Any]
        if self.resize == "tf1":
            rgb = cv2.cvtColor(_resize_tf1(image, self._height, self._width), cv2.COLOR_BGR2RGB)
        else:
            # Into arrays that each thread keeps: new ones cost as much as converting the colours.
            resized, rgb = self._scratch()
            cv2.resize(image, (self._width, self._height), dst=resized, interpolation=cv2.INTER_LINEAR)
            cv2.cvtColor(resized, cv2.COLOR_BGR2RGB, dst=rgb)
        # rgb * scale + rgb * 0 + offset: OpenCV's one pass from bytes to scaled floats.
        cv2.addWeighted(rgb, self._scale, rgb, 0.0, self._offset, dst=out[0], dtype=cv2.CV_32F)
        return out

    def _scratch(self) -> tuple[Image, Image]:
        """Two images of the input size that belong to the calling thread."""
        arrays: tuple[Image, Image] | None = getattr(self._kept, "arrays", None)
        if arrays is None:
            shape = (self._height, self._width, 3)
            arrays = self._kept.arrays = (np.empty(shape, np.uint8), np.empty(shape, np.uint8))
        return arrays


class ClassifierPreprocessor:
    """Turns images into a classifier's input, when it is trained and when it runs: what its spec says that it
    looks at, squashed to the input size, RGB. Any number of threads may share one.

    Args:
        spec: gives input size and view.

    Attributes:
        spec: as given.
    """

    def __init__(self, spec: ClassifierSpec) -> None:
        self.spec = spec

    def __call__(self, image: Image) -> Image:
        """(1, H, W, 3) uint8 RGB, a new array, from an image (h, w, 3) uint8 BGR of any size."""
        height, width = self.spec.input_hw
        if self.spec.view == "middle":
            image = _middle(image)
        shrinking = max(image.shape[0] / height, image.shape[1] / width)
        interpolation = cv2.INTER_AREA if shrinking > _MUCH_SMALLER else cv2.INTER_LINEAR
        resized = cv2.resize(image, (width, height), interpolation=interpolation)
        return np.asarray(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB), np.uint8)[None]


def crop_object(image: Image, box: FloatArray) -> Image | None:
    """The part of an image, uncopied, that a classifier is shown of an object: its box with ``CROP_MARGIN``
    around it. None where that lies outside of the image.

    Args:
        image: (H, W, 3).
        box: (4,) xyxy in pixels.
    """
    left, top, right, bottom = (float(side) for side in box)
    across, down = CROP_MARGIN * (right - left), CROP_MARGIN * (bottom - top)
    rows = slice(max(0, round(top - down)), max(0, round(bottom + down)))
    columns = slice(max(0, round(left - across)), max(0, round(right + across)))
    cut = image[rows, columns]
    return cut if cut.size else None


def _middle(image: Image) -> Image:
    """The square in the middle of an image whose side is 7/8 of the shorter one."""
    height, width = image.shape[:2]
    side = max(1, round(_MIDDLE * min(height, width)))
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def _resize_tf1(image: Image, height: int, width: int) -> FloatArray:
    """TensorFlow 1's ``resize_bilinear(align_corners=False)``: output cell i reads input ``i * in / out``."""
    rows, next_rows, row_weights = _tf1_taps(image.shape[0], height)
    columns, next_columns, column_weights = _tf1_taps(image.shape[1], width)
    pixels = image.astype(np.float32)
    weights = column_weights[:, None]
    top, bottom = pixels[rows], pixels[next_rows]
    top = top[:, columns] + (top[:, next_columns] - top[:, columns]) * weights
    bottom = bottom[:, columns] + (bottom[:, next_columns] - bottom[:, columns]) * weights
    resized: FloatArray = top + (bottom - top) * row_weights[:, None, None]
    return resized


def _tf1_taps(size_in: int, size_out: int) -> tuple[np.ndarray, np.ndarray, FloatArray]:
    positions = np.arange(size_out, dtype=np.float32) * np.float32(size_in / size_out)
    lower = np.floor(positions).astype(np.int64)
    return lower, np.minimum(lower + 1, size_in - 1), positions - lower.astype(np.float32)
