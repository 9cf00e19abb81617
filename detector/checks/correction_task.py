"""The pictures whose labels look wrong, as a task for a labelling tool: with their labels as they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from detector.boxes import FloatArray
from detector.checks.wrong_labels import Suspect
from detector.data.findings import Box
from detector.data.writers.proposals import Proposal
from detector.evaluation.matching import Scene


def propose_corrections(
    scenes: Sequence[Scene], suspects: Sequence[Suspect], names: Mapping[int, str]
) -> dict[int, tuple[Proposal, ...]]:
    """The objects of each scene that has a suspect, by the scene's number.

    Labels are as they are, with the score 1; where they look wrong they are marked as unsure, with the lower
    a score the surer that is. Objects that look forgotten are added as the model finds them, unsure, too.
    Crowds and ignored objects are left out.
    """
    of_scene: dict[int, list[Suspect]] = defaultdict(list)
    for each in suspects:
        of_scene[each.scene].append(each)
    place = {id_: number for number, id_ in enumerate(names)}
    proposals = {}
    for number, own in sorted(of_scene.items()):
        scene = scenes[number]
        doubted = {each.label: each.sure for each in own if each.label is not None}
        rows = [
            (int(scene.object_classes[label]), box, 1 - doubted.get(label, 0.0), label in doubted)
            for label, box in enumerate(scene.objects_xywh)
            if not scene.crowd[label]
        ]
        rows += [
            (int(scene.classes[each.detection]), scene.boxes_xywh[each.detection], each.sure, True)
            for each in own
            if each.label is None and each.detection is not None
        ]
        width, height = scene.image.size_wh or (0, 0)
        proposals[number] = tuple(
            Proposal(place[class_], names[class_], _inside(box, width, height), score, unsure)
            for class_, box, score, unsure in rows
        )
    return proposals


def _inside(box_xywh: FloatArray, width: int, height: int) -> Box:
    """The corners, cut to the image: a detection may reach beyond it."""
    x, y, wide, high = box_xywh.astype(float).tolist()
    left, top = min(max(x, 0.0), width), min(max(y, 0.0), height)
    return left, top, min(max(x + wide, left), width), min(max(y + high, top), height)
