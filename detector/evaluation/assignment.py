"""Which detection finds which object, at every IoU threshold, by COCO's rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector.evaluation.tables import Flags, Ints, Tables, position_in_run

# As pycocotools makes them, to the last bit.
IOU_THRESHOLDS = np.linspace(0.5, 0.95, int(np.round((0.95 - 0.5) / 0.05)) + 1, endpoint=True)


@dataclass(frozen=True)
class Assignment:
    """The objects that detections find; detections that fit no object are not listed.

    Attributes:
        detection: (M,) indices of detections, ascending.
        object: (M, T) index of the object that each finds at each IoU threshold; -1 for none.
    """

    detection: Ints
    object: Ints


def assign(tables: Tables, ignored: Flags) -> Assignment:
    """The assignment of pycocotools' ``evaluateImg``, for all images and classes at once.

    In each image and class the highest score chooses first. It takes the object that it overlaps most and
    that nobody has taken; one that is ignored only if no other is left; of equals the last. A crowd can be
    taken any number of times.

    Args:
        ignored: (G,) objects that are not to be found: crowds, and what is outside of a range.
    """
    # pycocotools walks image by image, class by class, detection by detection, and looks at every object.
    # Here only the pairs that overlap by half are walked, in the order in which it would meet them: by
    # score, then what counts before what is ignored, then the greater overlap, then the later object. A pair
    # is taken when the detection has nothing yet and the object is free; as no two groups (an image and a
    # class) share a detection or an object, the first pairs of all groups are decided in one step, then the
    # second ones, and so on: as many steps as the largest group has pairs.
    pairs, objects, found = tables.fitting, tables.objects, tables.found
    group = found.image[pairs.detection] * len(tables.classes) + found.label[pairs.detection]
    order = np.lexsort((-pairs.object, -pairs.iou, ignored[pairs.object], pairs.detection, group))
    object_, iou, group = pairs.object[order], pairs.iou[order], group[order]
    detection, row = np.unique(pairs.detection[order], return_inverse=True)
    enough = iou[:, None] >= np.minimum(IOU_THRESHOLDS, 1 - 1e-10)
    matched = np.full((len(detection), len(IOU_THRESHOLDS)), -1, np.int64)
    taken = np.zeros((len(objects.image), len(IOU_THRESHOLDS)), np.bool_)
    # Groups have nothing to do with each other: the n-th pairs of all groups are decided together.
    step = position_in_run(group)
    by_step = np.argsort(step, kind="stable")
    edges = np.searchsorted(step[by_step], np.arange(step.max(initial=-1) + 2))
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        chosen = by_step[start:end]
        wanted = object_[chosen]
        free = ~taken[wanted] | objects.crowd[wanted][:, None]
        pair, threshold = np.nonzero(enough[chosen] & free & (matched[row[chosen]] < 0))
        matched[row[chosen[pair]], threshold] = wanted[pair]
        taken[wanted[pair], threshold] = True
    return Assignment(detection, matched)


def found_at_iou50(tables: Tables, assignment: Assignment) -> tuple[Ints, Flags]:
    """(D,) each: the object that a detection finds at IoU .5, or -1; and whether it lies in a crowd instead.

    Args:
        assignment: with the crowds ignored and nothing else.
    """
    found = np.full(len(tables.found.score), -1, np.int64)
    found[assignment.detection] = assignment.object[:, 0]
    in_crowd = found >= 0
    in_crowd[in_crowd] = tables.objects.crowd[found[in_crowd]]
    found[in_crowd] = -1
    return found, in_crowd
