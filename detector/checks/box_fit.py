"""How well labels usually fit the detections on them, and how unusual a fit is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.checks.trust import Doubles
from detector.evaluation.matching import Scene

_RIDGE = 3.0  # prior of each coefficient: that of so many pairs
_FEW = 8  # pairs; with fewer nothing is usual
_LEAST_SPREAD = 0.02  # of a side; boxes in whole pixels differ by that at random
_LEAST_NOISE = 0.35  # of that logarithm: as much as four normal numbers together have
_MIDDLING = 4.0  # logarithm of a side in pixels, so that the constant is that of a usual box
_ROUNDS = 20
_HUBER = 1.5  # spreads from which a pair counts for less
_ROBUST = 1.4826  # standard deviations in a median absolute deviation, of a normal distribution


@dataclass(frozen=True)
class Fit:
    """The usual differences of labels and detections.

    A pair differs in four numbers: how far each edge of the label lies from that of the detection, in sides
    of the detection. How large they usually are together depends on the size of the box and on the class.

    Attributes:
        middle: (4,) medians: some label with a margin throughout.
        spread: (4,) of each edge.
        weights: of the logarithm of the four together.
        noise: how far that logarithm usually is from what the weights give.
        classes: ids, in the order of the weights.
    """

    middle: Doubles
    spread: Doubles
    weights: Doubles
    noise: float
    classes: tuple[int, ...]

    def deviation(self, scene: Scene, label: int, detection: int) -> float:
        """How much worse a pair fits than its like, in spreads of the logarithm of the difference; 0 where
        there are too few pairs to know.
        """
        if not self.noise:
            return 0.0
        size = _size((_difference(scene, label, detection) - self.middle) / self.spread)
        usual = _context(scene, label, detection, self.classes) @ self.weights
        return float((np.log(size) - usual) / self.noise)


def fit_boxes(scenes: Sequence[Scene], pairs: Sequence[Sequence[tuple[int, int]]]) -> Fit:
    """What is usual in these scenes.

    Args:
        scenes: images with labels and detections.
        pairs: of each scene: a label and the detection that is on it.
    """
    known = [(scene, *pair) for scene, own in zip(scenes, pairs, strict=True) for pair in own]
    classes = tuple(sorted({int(scene.object_classes[label]) for scene, label, _ in known}))
    if len(known) < _FEW:
        return Fit(np.zeros(4), np.ones(4), np.zeros(2 + len(classes)), 0.0, classes)
    differences = np.array([_difference(*each) for each in known])
    middle = np.median(differences, axis=0)
    spread = np.maximum(_ROBUST * np.median(np.abs(differences - middle), axis=0), _LEAST_SPREAD)
    sizes = np.log(_size((differences - middle) / spread))
    x = np.array([_context(*each, classes) for each in known])
    weights = np.zeros(x.shape[1])
    noise = 1.0
    ridge = np.diag([1e-6, *[_RIDGE] * (x.shape[1] - 1)])
    for _ in range(_ROUNDS):  # Huber's weights: what fits far worse than the others is what is looked for
        rest = sizes - x @ weights
        noise = max(_ROBUST * float(np.median(np.abs(rest - np.median(rest)))), _LEAST_NOISE)
        trusted = np.minimum(1, _HUBER * noise / np.maximum(np.abs(rest), 1e-9))
        weights = np.linalg.solve((x * trusted[:, None]).T @ x + ridge, x.T @ (trusted * sizes))
    return Fit(middle, spread, weights, noise, classes)


def _difference(scene: Scene, label: int, detection: int) -> Doubles:
    """How far the left, top, right and bottom (4,) of a label lie from a detection's, in its sides."""
    own, found = (
        np.concatenate([box[:2], box[:2] + box[2:]])
        for box in (scene.objects_xywh[label], scene.boxes_xywh[detection])
    )
    sides = np.maximum(scene.boxes_xywh[detection, 2:], 1e-6).astype(np.float64)
    return (own - found).astype(np.float64) / np.concatenate([sides, sides])


def _size(standardised: Doubles) -> Doubles:
    """The root mean square of the four numbers; never 0."""
    return np.sqrt((standardised**2).mean(axis=-1) + 1e-2)


def _context(scene: Scene, label: int, detection: int, classes: Sequence[int]) -> Doubles:
    """What the fit depends on: a constant, the logarithm of the side, the class."""
    side = np.log(np.maximum(scene.boxes_xywh[detection, 2:].astype(np.float64), 1e-6)).mean()
    own = int(scene.object_classes[label])
    return np.array([1.0, side - _MIDDLING, *(own == each for each in classes)])
