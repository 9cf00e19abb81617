"""Objects that are found under another class's name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detector.evaluation.matching import Scene, compute_ap50, match_scene

Pairs = Counter[tuple[int, int]]  # how often an object of the first class is detected as the second

_PATTERN_SHARE = 0.8  # of the exchanged objects that a pattern has to explain


@dataclass(frozen=True)
class Exchange:
    """The one-to-one renaming of detected classes that fits best.

    Attributes:
        ap50: with the detections renamed.
        pairs: how often an object of the first class is detected as the second.
        moved: those of them that the renaming changes.
    """

    ap50: float
    pairs: Pairs
    moved: Pairs


def find_exchange(scenes: Sequence[Scene]) -> Exchange:
    """The best renaming of the detected classes; one that ``moved`` nothing when the names are right."""
    pairs = _count_pairs(scenes)
    true_of: dict[int, int] = {}
    for true, said in sorted(pairs, key=lambda pair: (-pairs[pair], pair)):  # the most common first
        if said not in true_of and true not in true_of.values():
            true_of[said] = true
    renamed = [
        replace(scene, classes=np.array([true_of.get(said, -1) for said in scene.classes.tolist()], np.int64))
        for scene in scenes
    ]
    moved = Counter({(true, said): pairs[true, said] for said, true in true_of.items() if said != true})
    return Exchange(compute_ap50(renamed), pairs, moved)


def _count_pairs(scenes: Sequence[Scene]) -> Pairs:
    pairs: Pairs = Counter()
    for scene in scenes:
        matched = match_scene(scene, by_class=False)
        found = matched >= 0
        objects = scene.object_classes[matched[found]]
        pairs.update(zip(objects.tolist(), scene.classes[found].tolist(), strict=True))
    return pairs


def explain_exchange(moved: Pairs, names: Mapping[int, str]) -> str:
    """What most of the exchanged classes have in common; "" when it is nothing."""
    place = {id_: number for number, id_ in enumerate(sorted(names))}
    needed = _PATTERN_SHARE * sum(moved.values())
    for first in (0, 1):
        if sum(count for (true, said), count in moved.items() if said == place[true] + first) >= needed:
            return (
                f"category_id holds the class's place in the list, counted from {first}, not the dataset's id"
            )
    shifts: Counter[int] = Counter()
    for (true, said), count in moved.items():
        if said in place:
            shifts[(place[said] - place[true]) % len(place)] += count
    if len(place) < 3 or not shifts:  # of two, exchanged and shifted are the same
        return ""
    step, count = shifts.most_common(1)[0]
    if count < needed:
        return ""
    step = step if step <= len(place) / 2 else step - len(place)
    return "class names look shifted by " + ("one" if abs(step) == 1 else f"{abs(step)}")
