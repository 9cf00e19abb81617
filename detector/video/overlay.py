"""The live picture: boxes, tracks, lines and zones, and the figures and keys on top of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.colours import class_colour
from detector.drawing import Label, draw_labelled, draw_text, drawing_scale, text_size_wh
from detector.images import Image
from detector.video.counting import CountLine, CountZone
from detector.video.frames import UNTRACKED, Count, LiveFrame
from detector.video.meter import LiveStats

KEYS = "space pause    s snapshot    + - threshold    < > input size    q quit"
_BORDER = (255, 200, 0)  # of lines and zones, BGR
_STRIP = (30, 26, 24)  # around the picture
_TEXT_PIXELS = 14  # of figures beside a picture 640 pixels long


def live_drawer(counters: Sequence[CountLine | CountZone] = ()) -> Callable[[LiveFrame], Image]:
    """A function that draws what a pipeline with these counters has found, onto a copy of the frame.

    What it drew last is kept, so that several who ask for the same frame get the same picture; none of them
    may draw on it.
    """

    @lru_cache(maxsize=1)
    def draw(live: LiveFrame) -> Image:
        ids = [UNTRACKED] * len(live.detections) if live.track_ids is None else live.track_ids.tolist()
        texts = [
            f"{name} {score:.0%}" if id_ == UNTRACKED else f"{name} {id_}  {score:.0%}"
            for (name, score), id_ in zip(live.detections.shown_names, ids, strict=True)
        ]
        colours = [class_colour(name, live.detections.classes) for name in live.detections.names]
        picture = draw_labelled(live.image, live.detections.boxes, texts, colours)
        for counter, count in zip(counters, live.counts, strict=True):
            _draw_counter(picture, counter.vertices((picture.shape[1], picture.shape[0])), count)
        return picture

    return draw


def _draw_counter(picture: Image, vertices: NDArray[np.float64], count: Count) -> None:
    scale = drawing_scale(picture)
    thickness = max(1, round(2 * scale))
    corners = np.round(vertices).astype(np.int32)
    cv2.polylines(picture, [corners], count.inside is not None, _BORDER, thickness, cv2.LINE_AA)
    text = f"{count.name}  in {count.entered}  out {count.left}"
    if count.inside is None:
        middle, along = vertices.mean(axis=0), vertices[1] - vertices[0]
        inwards = np.array([-along[1], along[0]]) / max(1.0, float(np.hypot(*along)))
        tip = middle + 30 * scale * inwards
        start, end = (tuple(np.round(point).astype(int).tolist()) for point in (middle, tip))
        cv2.arrowedLine(picture, start, end, _BORDER, thickness, cv2.LINE_AA, tipLength=0.4)
    else:
        text += f"  inside {count.inside}"
    Label.above(text, (float(vertices[0, 0]), float(vertices[0, 1])), _BORDER, picture).draw(picture)


def add_figures(
    picture: Image,
    stats: LiveStats,
    *,
    score_threshold: float,
    input_size: str,
    notice: str | None,
    keys: str,
) -> Image:
    """The picture between a strip of figures and a strip that explains keys, with a notice over its middle.

    Args:
        picture: (H, W, 3) uint8, BGR.
        stats: of the last frames.
        score_threshold: as it is now.
        input_size: that the frame was looked at with; empty where there is no frame yet.
        notice: why there is no new picture, if there is none.
        keys: what they do.
    """
    size = min(max(11, round(_TEXT_PIXELS * drawing_scale(picture))), 18)
    figures = [f"{stats.fps:.1f} fps"] if stats.fps else []
    if stats.age_p50 is not None:
        figures.append(f"age {stats.age_p50:.0f} ms, p95 {stats.age_p95:.0f}")
    figures += [f"{name} {value:.1f} ms" for name, value in stats.stages.items() if name != "capture"]
    figures += [f"input {input_size}"] if input_size else []
    figures.append(f"score over {score_threshold:.2f}")
    strip = round(1.7 * size)
    framed = cv2.copyMakeBorder(picture, strip, strip, 0, 0, cv2.BORDER_CONSTANT, value=_STRIP)
    _write_line(framed[:strip], "    ".join(figures), size)
    _write_line(framed[-strip:], keys, size)
    if notice:
        middle = framed.shape[0] // 2
        band = framed[middle - strip : middle + strip]
        np.right_shift(band, 2, out=band)
        _write_line(band, notice, round(1.2 * size), centred=True)
    return np.asarray(framed, np.uint8)


def _write_line(strip: Image, text: str, size: int, *, centred: bool = False) -> None:
    """Write white text into a strip, smaller where it would not fit."""
    width = text_size_wh(text, size)[0]
    room = strip.shape[1] - size
    if width > room > 0:
        size = max(8, int(size * room / width))
        width = text_size_wh(text, size)[0]
    left = max(0, (strip.shape[1] - width) // 2) if centred else size // 2
    draw_text(strip, text, (left, (strip.shape[0] - round(1.3 * size)) // 2), size, (255, 255, 255))
