"""How far detections of a model that has not seen the pictures can be trusted, by what they were worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, area, intersection, xywh_to_xyxy
from detector.evaluation.matching import FALSE_POSITIVE, IN_CROWD, Scene, match_scene

Doubles = NDArray[np.float64]

LEAST_SCORE = 0.05  # below, detections are all but noise, and so many that they would drown the others
_RIDGE = 1.0  # prior of each coefficient: that of so many detections
_CLASS_RIDGE = 5.0  # a class with few detections stays with all the others
_MOST = 200_000  # detections that it is fitted to, evenly taken
_ROUNDS = 50
_ENDS = 1e-4  # scores are kept so far from 0 and 1


@dataclass(frozen=True)
class Trust:
    """The probability that a detection is an object, fitted to one dataset.

    A logistic function of the score's logit, with an offset of each class and of how far other objects cover
    the detection: what lies on a neighbour is a second detection of it more often than an object of its own.

    Attributes:
        weights: (4,) of a constant, the score's logit, the cover by objects of the same and of other classes.
        offsets: of the classes, by id; one that is not there has none.
    """

    weights: Doubles
    offsets: dict[int, float]

    def __call__(self, scores: FloatArray, classes: NDArray[np.int64], cover: Doubles) -> Doubles:
        """The probabilities (N,).

        Args:
            scores: (N,).
            classes: (N,) category ids.
            cover: (N, 2) shares in [0, 1] of each box that lie in one object of the same class, and of
                another class.
        """
        offsets = np.array([self.offsets.get(each, 0.0) for each in classes.tolist()], np.float64)
        return _sigmoid(_features(scores, cover) @ self.weights + offsets)


def fit_trust(scenes: Sequence[Scene]) -> Trust:
    """The trust that detections of these scenes deserve, labels that are wrong among them or not.

    A few wrong labels lower all probabilities a little, and change their order next to not at all.
    """
    scores, classes, covers, right = [], [], [], []
    for scene in scenes:
        matched = match_scene(scene)
        cover = cover_of(scene, matched)
        used = (scene.scores >= LEAST_SCORE) & (matched != IN_CROWD)
        scores.append(scene.scores[used])
        classes.append(scene.classes[used])
        covers.append(cover[used])
        right.append(matched[used] != FALSE_POSITIVE)
    if not any(map(len, scores)):
        return Trust(np.array([0.0, 1.0, 0.0, 0.0]), {})
    every = slice(None, None, -(-sum(map(len, scores)) // _MOST))
    x = _features(np.concatenate(scores)[every], np.concatenate(covers)[every])
    ids, places = np.unique(np.concatenate(classes)[every], return_inverse=True)
    of_class = (places[:, None] == np.arange(len(ids))).astype(np.float64)
    ridge = np.array([1e-6, *[_RIDGE] * (x.shape[1] - 1), *[_CLASS_RIDGE] * len(ids)])
    prior = np.array([0.0, 1.0, 0.0, 0.0, *[0.0] * len(ids)])  # the score as it is
    fitted = _fit_logistic(
        np.hstack([x, of_class]), np.concatenate(right)[every].astype(np.float64), ridge, prior
    )
    return Trust(fitted[:4], dict(zip(ids.tolist(), fitted[4:].tolist(), strict=True)))


def cover_of(scene: Scene, own: NDArray[np.int64]) -> Doubles:
    """What share (N, 2) of each detection lies in an object of its class, and of another; not in crowds.

    Args:
        scene: with N detections.
        own: (N,) the object that is left aside for each detection; negative for none.
    """
    boxes, objects = xywh_to_xyxy(scene.boxes_xywh), xywh_to_xyxy(scene.objects_xywh)
    cover = np.zeros((len(boxes), 2))
    if not len(boxes) or not len(objects):
        return cover
    share = intersection(boxes, objects) / np.maximum(area(boxes), 1e-9)[:, None]
    has_own = np.flatnonzero(own >= 0)
    share[has_own, own[has_own]] = 0
    share[:, scene.crowd] = 0
    same = scene.classes[:, None] == scene.object_classes
    cover[:, 0] = np.where(same, share, 0).max(axis=1)
    cover[:, 1] = np.where(same, 0, share).max(axis=1)
    return np.minimum(cover, 1)


def _features(scores: FloatArray, cover: Doubles) -> Doubles:
    near = np.clip(scores.astype(np.float64), _ENDS, 1 - _ENDS)
    return np.column_stack([np.ones(len(near)), np.log(near / (1 - near)), cover])


def _fit_logistic(x: Doubles, y: Doubles, ridge: Doubles, prior: Doubles) -> Doubles:
    """The coefficients (F,) of a logistic regression, drawn to a prior; by Newton's method."""
    weights = prior.copy()
    for _ in range(_ROUNDS):
        p = _sigmoid(x @ weights)
        gradient = x.T @ (p - y) + ridge * (weights - prior)
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))  # Newton's method overshoots where p is flat
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def _sigmoid(x: Doubles) -> Doubles:
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))
