"""Ways in which the four numbers of a box are written, and which of them a dataset's own boxes show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detector.boxes import FloatArray
from detector.data.dataset import Dataset

# What the four numbers hold where left, top, width, height belong, and the way back.
LAYOUTS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "": lambda boxes: boxes,
    "y, x, height, width (x and y are swapped)": lambda boxes: boxes[:, [1, 0, 3, 2]],
    "x1, y1, x2, y2 (corners, written as if they were x, y, width, height)": lambda boxes: np.hstack(
        [boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]
    ),
    "y1, x1, y2, x2 (corners with x and y swapped)": lambda boxes: np.hstack(
        [boxes[:, [1, 0]], boxes[:, [3, 2]] - boxes[:, [1, 0]]]
    ),
    "x, y, width - x, height - y (converted from corners, which they were not)": lambda boxes: np.hstack(
        [boxes[:, :2], boxes[:, 2:] + boxes[:, :2]]
    ),
    "centre x, centre y, width, height (the centre instead of the corner)": lambda boxes: np.hstack(
        [boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]]
    ),
}
# What they hold where a format has the centre in front, and its reader has made a corner of it.
CENTRED_LAYOUTS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "x, y, width, height (the corner where the centre belongs)": lambda boxes: np.hstack(
        [boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]]
    ),
    "x1, y1, x2, y2 (corners, where centre x, centre y, width, height belong)": lambda boxes: np.hstack(
        [boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:] / 2 - boxes[:, :2]]
    ),
}

# What coordinates are given in parts of, for an image (width, height).
UNITS: dict[str, Callable[[tuple[int, int]], tuple[float, float]]] = {
    "sides": lambda size_wh: size_wh,
    "longer side": lambda size_wh: (max(size_wh), max(size_wh)),
    "pixel": lambda _: (1, 1),
}
_FEWEST_CENTRED = 10  # boxes; a few that reach beyond their images may do so by themselves
_SUSPECT, _SOUND = 0.8, 0.95  # share of the boxes that lie in their image


@dataclass(frozen=True)
class BoxFault:
    """A way in which boxes are wrong.

    Attributes:
        layout: key of LAYOUTS or CENTRED_LAYOUTS; "" where the numbers are x, y, width, height.
        unit: "sides", "longer side" or "pixel", what the boxes are given in parts of; "" for none.
        factor: by what the boxes in that unit are multiplied.
    """

    layout: str = ""
    unit: str = ""
    factor: float = 1.0

    @property
    def text(self) -> str:
        """What the boxes are, to follow 'the boxes are'."""
        return " and ".join(text for text in (self.layout, self._scale_text()) if text)

    def _scale_text(self) -> str:
        if self.unit == "sides" and self.factor in (1, 100):
            return f"normalised to 0 .. {self.factor:g} instead of in pixels"
        if self.unit == "sides":
            side = round(self.factor)
            return f"in the pixels of an input of about {side} x {side} instead of the image's own"
        if self.unit == "longer side":
            return (
                f"in the pixels of an image resized to about {self.factor:.3g} at its longer side instead of "
                "the image's own"
            )
        return f"scaled by the constant {self.factor:.2g} compared with the annotations" if self.unit else ""

    def repair(self, boxes: FloatArray, size_wh: tuple[int, int] | None) -> FloatArray:
        """(N, 4) xywh in pixels of the image, from boxes that have this fault."""
        repaired = (LAYOUTS | CENTRED_LAYOUTS)[self.layout](boxes)
        if not self.unit or (size_wh is None and self.unit != "pixel"):
            return repaired
        return repaired * np.array(UNITS[self.unit](size_wh or (1, 1)) * 2, np.float32) / self.factor


_NORMALISED = BoxFault(unit="sides")


def find_layout_fault(dataset: Dataset) -> tuple[BoxFault, float] | None:
    """The fault of the dataset's boxes that shows without any detection, and the share of boxes that lie in
    their image as they are; None when they look sound. See ``fault_of_boxes``.
    """
    sizes = {image.id: image.size_wh for image in dataset.images if image.size_wh}
    annotated = [entry for entry in dataset.annotations if entry["image_id"] in sizes]
    if not annotated:
        return None
    boxes = np.array([entry["bbox"] for entry in annotated], np.float32)
    return fault_of_boxes(boxes, np.array([sizes[entry["image_id"]] for entry in annotated], np.float32))


def fault_of_boxes(
    boxes: FloatArray, sizes_wh: FloatArray, *, centred: bool = False
) -> tuple[BoxFault, float] | None:
    """The fault of boxes (N, 4), xywh, in images (N, 2), N at least 1; and the share that lie in theirs.

    Normalised boxes show in images that are larger. A wrong layout shows when repairing it brings the boxes
    back into their images.

    Args:
        centred: their format has the centres of boxes, so that others may stand in their place.
    """
    if np.percentile(np.abs(boxes).max(axis=1), 99) <= 1.5 and np.median(sizes_wh) > 10:
        return _NORMALISED, share_inside(boxes, sizes_wh)
    layouts = LAYOUTS | CENTRED_LAYOUTS if centred and len(boxes) >= _FEWEST_CENTRED else LAYOUTS
    shares = {layout: share_inside(to_xywh(boxes), sizes_wh) for layout, to_xywh in layouts.items()}
    best = max(shares, key=lambda layout: shares[layout])
    if shares[""] < _SUSPECT and shares[best] >= _SOUND:
        return BoxFault(best), shares[""]
    return None


def share_inside(boxes_xywh: FloatArray, sizes_wh: FloatArray) -> float:
    """Share of boxes (N, 4) that have area and lie in their images (N, 2), but for two pixels."""
    inside = (boxes_xywh[:, 2:] > 0) & (boxes_xywh[:, :2] >= -2)
    inside &= boxes_xywh[:, :2] + boxes_xywh[:, 2:] <= sizes_wh + 2
    return float(inside.all(axis=1).mean())
