"""Frames of a fixed camera with objects that are put into them."""

from __future__ import annotations

import time

import numpy as np

from detector.detections import Detections
from detector.images import Image
from detector.video.frames import Frame, LiveFrame

CLASSES = ("person", "dog")
_SHADES = np.random.default_rng(0).integers(0, 200, (6, 8, 3)).astype(np.uint8)
SCENE: Image = np.kron(_SHADES, np.ones((40, 40, 1), np.uint8))  # 320 x 240

Object = tuple[str, float, tuple[float, float, float, float]]


def detections(*objects: Object) -> Detections:
    return Detections(
        np.array([box for _, _, box in objects], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in objects], np.float32),
        np.array([CLASSES.index(name) for name, _, _ in objects], np.int64),
        CLASSES,
    )


def live_frame(
    number: int, *objects: Object, weak: tuple[Object, ...] = (), image: Image = SCENE, period: float = 0.1
) -> LiveFrame:
    frame = Frame(image, number, period * number, time.monotonic())
    return LiveFrame(frame, detections(*objects), weak=detections(*weak))


def other_scene(number: int) -> Image:
    shades = np.random.default_rng(1 + number).integers(0, 200, (6, 8, 3)).astype(np.uint8)
    return np.asarray(np.kron(shades, np.ones((40, 40, 1), np.uint8)), np.uint8)
