"""Labels that look wrong beside what models have found that did not see the pictures.

All of it is relative to the dataset at hand: how far a score can be trusted, how well boxes usually fit, how
often classes are taken for each other and objects are missed come from the same detections, so that no
threshold is tuned to one dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detector.boxes import area, intersection, intersection_over_union, xywh_to_xyxy
from detector.checks.box_fit import Fit, fit_boxes
from detector.checks.trust import LEAST_SCORE, Doubles, Trust, cover_of, fit_trust
from detector.evaluation.matching import IN_CROWD, Scene, match_scene

Kind = Literal["forgotten", "badly placed", "swapped", "unsupported"]
LEAST_SURE = 0.5  # of what is told
KINDS: tuple[Kind, ...] = ("forgotten", "badly placed", "swapped", "unsupported")

_TOUCHES = 0.1  # IoU from which a detection has to do with a label
_SUPPORTS = 0.3  # IoU from which a detection speaks for a label, well placed or not
_FITS = 0.5  # IoU from which a detection is of the label's object, under whatever name
_ONE_OBJECT = 0.5  # IoU from which two detections are two names for one thing
_UNUSUAL = 1.5  # spreads by which a box that is trusted has to differ to be suspected by .5
_PEERS = 40  # labels of the same class and about the same size that one is compared with


@dataclass(frozen=True)
class Suspect:
    """A label that looks wrong, or one that seems to be missing.

    Attributes:
        kind: ``forgotten`` has no label, ``unsupported`` maybe no detection.
        scene: number of the scene.
        label: index of the object; None for none.
        detection: index of the detection; None for none.
        sure: how sure, in [0, 1]; comparable within a kind.
    """

    kind: Kind
    scene: int
    label: int | None
    detection: int | None
    sure: float


def shortlist(suspects: Sequence[Suspect], most: int) -> list[Suspect]:
    """The first of each kind that are more probably wrong than not, in their order."""
    likely = [each for each in suspects if each.sure >= LEAST_SURE]
    return [each for kind in KINDS for each in [one for one in likely if one.kind == kind][:most]]


@dataclass(frozen=True)
class _View:
    """A scene as it is asked: overlaps, and which label each detection is about."""

    scene: Scene
    iou: Doubles  # (N, G)
    real: NDArray[np.bool_]  # (G,) labels that are no crowd
    nearest: NDArray[np.int64]  # (N,) the label that a detection overlaps most; -1 for none
    trust: Doubles  # (N,) that it is an object, its own label left aside
    cover: Doubles  # (N, 2) by all labels, as of ``cover_of``
    alone: Doubles  # (N,) that it is an object beside all labels


def find_suspects(scenes: Sequence[Scene]) -> list[Suspect]:
    """The labels that look wrong, of each kind the surest first.

    Args:
        scenes: images with their labels, and the detections of a model that has not seen them, down to low
            scores. Crowds and ignored objects are neither judged nor a reason to miss a label.
    """
    if not scenes:
        return []
    trust = fit_trust(scenes)
    views = [_view(scene, trust) for scene in scenes]
    fit = fit_boxes(scenes, [_pairs(view) for view in views])
    mistaken = _confusion(views)
    recall = _Support(views)
    found: list[Suspect] = []
    for number, view in enumerate(views):
        found += _swapped(number, view, mistaken)
        found += _badly_placed(number, view, fit)
        found += _forgotten(number, view, trust)
        found += recall.judge(number)
    order = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(found, key=lambda each: (order[each.kind], -each.sure))


def _view(scene: Scene, trust: Trust) -> _View:
    boxes, labels = xywh_to_xyxy(scene.boxes_xywh), xywh_to_xyxy(scene.objects_xywh)
    iou = intersection_over_union(boxes, labels).astype(np.float64)
    nearest = np.full(len(boxes), -1, np.int64)
    if iou.size:
        best = iou.argmax(axis=1)
        nearest = np.where(iou.max(axis=1) >= _TOUCHES, best, -1)
    cover = cover_of(scene, np.full(len(boxes), -1, np.int64))
    alone = trust(scene.scores, scene.classes, cover)
    own = trust(scene.scores, scene.classes, cover_of(scene, nearest))
    return _View(scene, iou, ~scene.crowd, nearest, own, cover, alone)


def _forgotten(number: int, view: _View, trust: Trust) -> list[Suspect]:
    """Detections that no label touches as if it were theirs, the surest of each place.

    Once one is taken, it covers others as a label does: a part of a forgotten object is not another one.
    """
    if not len(view.alone):
        return []
    boxes, scene = xywh_to_xyxy(view.scene.boxes_xywh), view.scene
    excused = match_scene(scene) == IN_CROWD
    beside = (view.iou.max(axis=1, initial=0) < _SUPPORTS) & ~excused
    free = np.flatnonzero(beside & (scene.scores >= LEAST_SCORE))
    share = intersection(boxes, boxes) / np.maximum(area(boxes), 1e-9)[:, None]
    overlap = intersection_over_union(boxes, boxes)
    taken: list[int] = []
    suspects = []
    for each in free[np.argsort(-view.alone[free], kind="stable")].tolist():
        if (overlap[each, taken] >= _ONE_OBJECT).any():
            continue
        same = scene.classes[taken] == scene.classes[each]
        by_taken = [share[each, taken][chosen].max(initial=0) for chosen in (same, ~same)]
        cover = np.maximum(view.cover[each], by_taken)[None]
        (sure,) = trust(scene.scores[[each]], scene.classes[[each]], cover)
        suspects.append(Suspect("forgotten", number, None, each, float(sure)))
        taken.append(each)
    return suspects


def _pairs(view: _View) -> list[tuple[int, int]]:
    """Labels with the detection of their class that is most probably of the same object."""
    pairs = []
    for label in np.flatnonzero(view.real).tolist():
        same = (view.scene.classes == view.scene.object_classes[label]) & (view.nearest == label)
        same &= view.iou[:, label] >= _SUPPORTS
        if same.any():
            # Two detections at one place: the surer one, unless it overlaps the label much less.
            worth = np.where(same, view.trust * view.iou[:, label], -1)
            pairs.append((label, int(worth.argmax())))
    return pairs


def _badly_placed(number: int, view: _View, fit: Fit) -> list[Suspect]:
    """Labels whose detection differs from them by more than is usual."""
    suspects = []
    for label, detection in _pairs(view):
        worth = float(view.trust[detection]) * fit.deviation(view.scene, label, detection)
        if worth > 0:
            sure = worth / (worth + _UNUSUAL)
            suspects.append(Suspect("badly placed", number, label, detection, sure))
    return suspects


def _swapped(number: int, view: _View, mistaken: dict[tuple[int, int], float]) -> list[Suspect]:
    """Labels on which a detection of another class fits, and none of their own."""
    suspects = []
    for label in np.flatnonzero(view.real).tolist():
        class_ = int(view.scene.object_classes[label])
        fits = (view.iou[:, label] >= _FITS) & (view.nearest == label)
        other = fits & (view.scene.classes != class_)
        if not other.any():
            continue
        own = float(view.trust[fits & ~other].max(initial=0))
        detection = int(np.where(other, view.trust, -1).argmax())
        usual = mistaken.get((class_, int(view.scene.classes[detection])), 0.0)
        sure = float(view.trust[detection]) * (1 - own) * (1 - usual)
        suspects.append(Suspect("swapped", number, label, detection, sure))
    return suspects


def _confusion(views: Sequence[_View]) -> dict[tuple[int, int], float]:
    """How often a label of a class has its surest fitting detection under another name, for pairs of them.

    A class of few labels is held to be taken for another now and then, whatever they say.
    """
    counts: dict[int, int] = {}
    taken: dict[tuple[int, int], int] = {}
    for view in views:
        for label in np.flatnonzero(view.real).tolist():
            fits = (view.iou[:, label] >= _FITS) & (view.nearest == label)
            if fits.any():
                class_ = int(view.scene.object_classes[label])
                said = int(view.scene.classes[int(np.where(fits, view.trust, -1).argmax())])
                counts[class_] = counts.get(class_, 0) + 1
                if said != class_:
                    taken[class_, said] = taken.get((class_, said), 0) + 1
    return {pair: (count + 0.5) / (counts[pair[0]] + 2) for pair, count in taken.items()}


class _Support:
    """What speaks for each label, beside what speaks for others of its class and size."""

    def __init__(self, views: Sequence[_View]) -> None:
        self._of: list[list[tuple[int, float, float]]] = []
        by_class: dict[int, list[tuple[float, float]]] = {}
        for view in views:
            own = []
            for label in np.flatnonzero(view.real).tolist():
                near = view.iou[:, label] >= _SUPPORTS
                support = float(view.trust[near].max(initial=0))
                width, height = view.scene.objects_xywh[label, 2:].tolist()
                size = float(np.log(max(width * height, 1e-9)))
                own.append((label, size, support))
                by_class.setdefault(int(view.scene.object_classes[label]), []).append((size, support))
            self._of.append(own)
        self._views = views
        self._peers = {id_: np.array(each) for id_, each in by_class.items()}

    def judge(self, number: int) -> list[Suspect]:
        """The labels of a scene with how sure it is that nothing supports them, though it usually would."""
        view, suspects = self._views[number], []
        for label, size, support in self._of[number]:
            peers = self._peers[int(view.scene.object_classes[label])]
            near = peers[np.argsort(np.abs(peers[:, 0] - size), kind="stable")[:_PEERS]]
            usual = float((near[:, 1] > max(support, 0.5)).sum()) / (len(near) + 1)
            suspects.append(Suspect("unsupported", number, label, None, (1 - support) * usual))
        return suspects
