"""Images that a dataset has more than once, left out where nothing is lost with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from detector.boxes import FloatArray
from detector.data.dataset import Dataset, DatasetImage
from detector.data.duplicates import ImageFacts, group_copies, look_at_files
from detector.data.findings import FindingLog
from detector.data.shared_images import as_read
from detector.errors import ImageError

_KEPT = ("test", "val", "train")  # of copies in several parts, that in the first of these stays
_MOST_COPIES = 10  # that look alike; more are frames of a fixed camera
_APART = 0.02  # of the image's sides by which the boxes of copies may differ

Objects = list[tuple[int, int, FloatArray]]  # category, iscrowd, box in fractions of the image


def leave_out_copies(parts: Mapping[str, Dataset], log: FindingLog) -> dict[str, Dataset]:
    """The parts without images that a part of more weight has too, or that the same part has twice.

    Left out are images that are equal, and, where another part has them, those that look alike. Their objects
    have to be the same; of equal images with different objects all are kept, and noted.
    """
    entries = [(name, image) for name in _KEPT if name in parts for image in parts[name].images]
    found = look_at_files([as_read(image) for _, image in entries])
    facts: dict[int, ImageFacts] = {n: f for n, f in enumerate(found) if not isinstance(f, ImageError)}
    groups = group_copies(facts, {number: entries[number][1].name for number in facts})
    objects = {name: _objects_of(part) for name, part in parts.items()}
    dropped: dict[str, set[int]] = {name: set() for name in parts}
    for group in groups:
        for number, kept in _copies(sorted(group), facts, entries, objects, log):
            (name, image), (first_part, first) = entries[number], entries[kept]
            kind = f"images left out of {name}, which has them already"
            if name != first_part:
                kind = f"images left out of {name}, which {first_part} has too"
            dropped[name].add(image.id)
            log.add(kind, f"{image.name}, a copy of {first.name}")
    return {
        name: part.select({image.id for image in part.images} - dropped[name])
        if len(dropped[name]) < len(part.images)
        else Dataset(part.source, (), (), part.categories, name)
        for name, part in parts.items()
    }


def _copies(
    group: Sequence[int],
    facts: Mapping[int, ImageFacts],
    entries: Sequence[tuple[str, DatasetImage]],
    objects: Mapping[str, Mapping[int, Objects]],
    log: FindingLog,
) -> Iterator[tuple[int, int]]:
    """Which images of a group of look-alikes are copies of which."""
    kept: dict[bytes, list[int]] = {}
    for number in group:
        name, image = entries[number]
        equal = kept.setdefault(facts[number].digest, [])
        others = [n for each in kept.values() for n in each if entries[n][0] != name]
        alike = others if len(group) <= _MOST_COPIES else []
        for other in (*equal, *alike):
            other_name, other_image = entries[other]
            if _agree(objects[name][image.id], objects[other_name][other_image.id]):
                yield number, other
                break
        else:
            if equal:
                first_name, first = entries[equal[0]]
                example = f"{image.name} in {name} and {first.name} in {first_name}"
                log.add("equal images with different objects, kept: leave out the wrong ones", example)
            equal.append(number)


def _objects_of(part: Dataset) -> dict[int, Objects]:
    """The objects of each image, in the order of their classes and places."""
    sizes = {image.id: np.array((image.size_wh or (1, 1)) * 2, np.float32) for image in part.images}
    objects: dict[int, Objects] = {image.id: [] for image in part.images}
    for each in part.annotations:
        box = np.array(each["bbox"], np.float32) / sizes[each["image_id"]]
        objects[each["image_id"]].append((each["category_id"], each["iscrowd"], box))
    for found in objects.values():
        found.sort(key=lambda each: (each[0], each[1], *each[2].tolist()))
    return objects


def _agree(one: Objects, other: Objects) -> bool:
    """Whether each object of one image has one of the same class at the same place in the other."""
    left = list(other)
    for label, crowd, box in one:
        for number, (its_label, its_crowd, its_box) in enumerate(left):
            if (label, crowd) == (its_label, its_crowd) and np.abs(box - its_box).max() <= _APART:
                del left[number]
                break
        else:
            return False
    return not left
