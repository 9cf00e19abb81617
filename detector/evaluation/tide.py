"""What kinds of errors there are, and how much AP50 each costs: TIDE.

Source: Bolya, Foley, Hays and Hoffman, TIDE: A General Toolbox for Identifying Object Detection Errors,
2020, sections 2.2 and 2.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from detector.evaluation.assignment import Assignment, found_at_iou50
from detector.evaluation.precision_recall import average_precision
from detector.evaluation.tables import MATCH_IOU, Doubles, Flags, Ints, Tables

ERRORS = ("classification", "localisation", "both", "duplicate", "background", "missed")
_CLASSIFICATION, _LOCALISATION, _BOTH, _DUPLICATE, _BACKGROUND = range(5)
_NO_ERROR = -1


@dataclass(frozen=True)
class ErrorCosts:
    """AP50 in [0, 1], and what correcting every error of one kind, and no other, would add to it.

    Attributes:
        ap50: as it is.
        counts: number of errors of each kind.
        costs: AP50 that each kind costs.
        false_positives_cost: the same for all false positives left out.
        misses_cost: the same for all objects that are not found no longer asked for.
    """

    ap50: float
    counts: dict[str, int]
    costs: dict[str, float]
    false_positives_cost: float
    misses_cost: float


@dataclass(frozen=True)
class _Ranking:
    """What AP50 is computed from: detections that are right or wrong, and objects by class."""

    label: Ints
    score: Doubles
    right: Flags
    objects: Ints
    classes: Ints  # labels of those that have objects, also where these are forgotten


def find_error_costs(tables: Tables, assignment: Assignment) -> ErrorCosts:
    """The errors at IoU .5 and their costs, over all scores as in AP.

    A false positive is a localisation error when it overlaps an object of its class at IoU .1 to .5, a
    classification error when it overlaps one of another class at .5 or more, a duplicate when it overlaps
    an object of its class that is found already, background below .1 with everything, and both otherwise.
    An object that is not found is missed unless a localisation or classification error points at it.

    Args:
        assignment: with the crowds ignored and nothing else.
    """
    # Each kind is corrected alone, always from the detections as they are, and AP50 is computed anew: what it
    # rises by is the cost. Errors of place or class become right, but of several at one object only that of
    # the highest score, as the others would be its duplicates; duplicates, background and what is wrong in
    # both ways are left out; objects that are missed are no longer asked for, since no score can be made up
    # for a detection that is not there. Costs do not add up: one correction lifts precision for the next.
    found = tables.found
    matched, in_crowd = found_at_iou50(tables, assignment)
    object_found = np.zeros(len(tables.objects.image), np.bool_)
    object_found[matched[matched >= 0]] = True
    kind, target = _classify(tables, (matched < 0) & ~in_crowd, object_found)
    missed = ~object_found & ~tables.objects.crowd
    missed[target[(kind == _LOCALISATION) | (kind == _CLASSIFICATION)]] = False

    objects = np.bincount(tables.objects.label[~tables.objects.crowd], minlength=len(tables.classes))
    ranking = _Ranking(found.label, found.score, matched >= 0, objects, np.flatnonzero(objects))
    counted = ~in_crowd
    ap50 = _mean_ap(ranking, counted)
    costs = {}
    for number, name in enumerate(ERRORS[:-1]):
        wrong = kind == number
        if number in (_LOCALISATION, _CLASSIFICATION):
            fixed, kept = _correct(tables, ranking, wrong, target, object_found)
            costs[name] = _mean_ap(fixed, counted & kept) - ap50
        else:
            costs[name] = _mean_ap(ranking, counted & ~wrong) - ap50
    costs["missed"] = _mean_ap(_forget(tables, ranking, missed), counted) - ap50
    never_found = ~object_found & ~tables.objects.crowd
    return ErrorCosts(
        ap50=ap50,
        counts={
            **{name: int((kind == number).sum()) for number, name in enumerate(ERRORS[:-1])},
            "missed": int(missed.sum()),
        },
        costs=costs,
        false_positives_cost=_mean_ap(ranking, counted & ranking.right) - ap50,
        misses_cost=_mean_ap(_forget(tables, ranking, never_found), counted) - ap50,
    )


def _classify(tables: Tables, wrong: Flags, object_found: Flags) -> tuple[Ints, Ints]:
    """(D,) each: the kind of error, or -1, and the object that it is about, or -1."""
    same, same_object = _best(tables, own_class=True)
    other, other_object = _best(tables, own_class=False)
    used = np.zeros(len(same), np.bool_)
    used[same_object >= 0] = object_found[same_object[same_object >= 0]]
    kind = np.full(len(wrong), _BOTH, np.int64)
    kind[np.maximum(same, other) == 0] = _BACKGROUND  # pairs below .1 are not in the tables
    kind[(same >= MATCH_IOU) & used] = _DUPLICATE
    kind[other >= MATCH_IOU] = _CLASSIFICATION
    kind[(same > 0) & (same < MATCH_IOU)] = _LOCALISATION
    kind[~wrong] = _NO_ERROR
    target = np.where(kind == _CLASSIFICATION, other_object, same_object)
    target[(kind != _CLASSIFICATION) & (kind != _LOCALISATION)] = -1
    return kind, target


def _best(tables: Tables, *, own_class: bool) -> tuple[Doubles, Ints]:
    """(D,) each: the greatest IoU with an object of the own class, or of another, and that object."""
    pairs, found, objects = tables.overlaps, tables.found, tables.objects
    same = found.label[pairs.detection] == objects.label[pairs.object]
    pairs = pairs[(same == own_class) & ~objects.crowd[pairs.object]]
    order = np.argsort(pairs.iou, kind="stable")  # the last one written is the greatest
    iou, object_ = np.zeros(len(found.score)), np.full(len(found.score), -1, np.int64)
    iou[pairs.detection[order]] = pairs.iou[order]
    object_[pairs.detection[order]] = pairs.object[order]
    return iou, object_


def _correct(
    tables: Tables, ranking: _Ranking, wrong: Flags, target: Ints, object_found: Flags
) -> tuple[_Ranking, Flags]:
    """The ranking with these errors made right, and which detections stay.

    Only the highest score of those that point at an object that is not found becomes right; the others go.
    """
    kept, right, label = ~wrong, ranking.right.copy(), ranking.label.copy()
    at = np.flatnonzero(wrong)
    at = at[np.argsort(-ranking.score[at], kind="stable")]
    at = at[~object_found[target[at]]]
    _, first = np.unique(target[at], return_index=True)
    fixed = at[first]
    kept[fixed], right[fixed] = True, True
    label[fixed] = tables.objects.label[target[fixed]]
    return replace(ranking, label=label, right=right), kept


def _forget(tables: Tables, ranking: _Ranking, objects: Flags) -> _Ranking:
    """The ranking without some objects."""
    gone = np.bincount(tables.objects.label[objects], minlength=len(ranking.objects))
    return replace(ranking, objects=ranking.objects - gone)


def _mean_ap(ranking: _Ranking, counted: Flags) -> float:
    """AP50: the mean over the classes that have objects; 0 if none has.

    A class whose objects are all forgotten is perfect if it has no detection, either, and 0 otherwise.
    """
    values: list[float] = []
    for label in ranking.classes.tolist():
        own = np.flatnonzero(counted & (ranking.label == label))
        if not ranking.objects[label]:
            values.append(float(not len(own)))
            continue
        count = int(ranking.objects[label])
        values.append(average_precision(ranking.score[own], ranking.right[own], count))
    return float(np.mean(values)) if values else 0.0
