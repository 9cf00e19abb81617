"""What goes through the live pipeline: frames, and frames with what was found in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.images import Image
from detector.input_sizes import SizeHW, describe_sizes

UNTRACKED = -1


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        number: frames of the source before this one, those that were never looked at included.
        timestamp: seconds since the source began: by the clock for a live source, by the file's own time
            for a file.
        captured_at: ``time.monotonic()`` when the source gave it.
    """

    image: Image
    number: int
    timestamp: float
    captured_at: float


@dataclass(frozen=True)
class Count:
    """What has crossed a line, or gone into and out of a zone, and what is inside now.

    Attributes:
        name: what the line or zone is called on screen.
        entered, left: how many tracks have crossed in each direction since the start.
        inside: tracks inside now; None for a line.
    """

    name: str
    entered: int
    left: int
    inside: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        counts = {"name": self.name, "in": self.entered, "out": self.left}
        return counts if self.inside is None else {**counts, "inside": self.inside}


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """A frame and what was found in it.

    Attributes:
        frame: the picture and its times.
        detections: what is shown: of the chosen classes, over the threshold, or over half of it where they
            continue a track.
        track_ids: (N,) int64, one for each detection, the same number for the same object from frame to
            frame, -1 for an object that is seen for the first time; None without tracking.
        counts: lines and zones, in the order they were given.
        input_sizes: height and width of each input that the frame was looked at with.
        weak: what else was found, down to half of the threshold, and is not shown; None where it is not
            wanted.
    """

    frame: Frame
    detections: Detections
    track_ids: NDArray[np.int64] | None = None
    counts: tuple[Count, ...] = ()
    input_sizes: tuple[SizeHW, ...] = ()
    weak: Detections | None = None

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8, BGR, as the source gave it."""
        return self.frame.image

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: frame number, timestamp, size, detections with track ids and kinds, counts,
        and the input size that found them.
        """
        objects = self.detections.to_dicts()
        if self.track_ids is not None:
            for found, track_id in zip(objects, self.track_ids.tolist(), strict=True):
                found["track"] = track_id if track_id != UNTRACKED else None
        return {
            "frame": self.frame.number,
            "timestamp": round(self.frame.timestamp, 4),
            "width": self.image.shape[1],
            "height": self.image.shape[0],
            "detections": objects,
            "counts": [count.to_dict() for count in self.counts],
            "input_size": describe_sizes(self.input_sizes),
        }
