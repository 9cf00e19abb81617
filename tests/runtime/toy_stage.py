"""A detector and a classifier that know what they are to say, for tests of the second stage."""

from types import SimpleNamespace

import numpy as np

from detector.classification import Classification
from detector.detections import Detections

CLASSES = ("bird", "cat")
NAMES = ("robin", "wren")


class ToyClassifier:
    """Takes red for a robin and blue for a wren, as sure as the picture is red or blue; notes what it saw."""

    def __init__(self, seconds=0.0, clock=None, names=NAMES):
        self.classes = names
        self.spec = SimpleNamespace(name="toy")
        self.seen = []
        self._seconds, self._clock = seconds, clock

    def classify(self, picture):
        self.seen.append(picture.shape[:2])
        if self._clock:
            self._clock.now += self._seconds
        blue, _, red = picture.reshape(-1, 3).mean(axis=0) / 255
        scores = np.zeros(len(self.classes), np.float32)
        scores[:2] = np.array([red, blue]) / max(red + blue, 1e-6)
        return Classification(scores, self.classes)

    def classify_crops(self, image, boxes):
        raise NotImplementedError


class ToyDetector:
    spec = SimpleNamespace(classes=(*CLASSES, "dog"))
    classes = CLASSES
    input_sizes = ((300, 300),)

    def __init__(self, found):
        self._found = found

    def detect(self, image):
        return self._found

    def detect_batch(self, images):
        return (self._found for _ in images)


def scene(*objects):
    """A picture, and detections of (name, (left, top, right, bottom), share of red)."""
    image = np.full((200, 300, 3), 128, np.uint8)
    for _, (left, top, right, bottom), red in objects:
        margin_x, margin_y = (right - left) // 10, (bottom - top) // 10
        rows = slice(max(0, top - margin_y), bottom + margin_y)
        columns = slice(max(0, left - margin_x), right + margin_x)
        image[rows, columns] = (round(255 * (1 - red)), 0, round(255 * red))
    labels = [CLASSES.index(name) for name, _, _ in objects]
    boxes = np.array([box for _, box, _ in objects], np.float32).reshape(-1, 4)
    return image, Detections(boxes, np.full(len(boxes), 0.9), labels, CLASSES)
