"""Classes whose names differ in accents alone: one, or two."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace

from detector.data.findings import FindingLog
from detector.data.raw_labels import RawLabels
from detector.labels import normalise_name

# In Latin script alone: the marks of other scripts are vowels and letters of their own.
_ACCENT = re.compile("(?<=[A-Za-z])[\u0300-\u036f]+")


def merge_accents(labels: RawLabels, log: FindingLog) -> RawLabels:
    """The labels, classes of one name but for accents (``cafe`` and ``café``) merged into the first of them.

    An accent can also make another word (``ano`` and ``año``). So both stay classes where they are in one
    image, since whoever labelled that has told them apart, and where their names are single letters. Classes
    of which not both have objects are left as they are.

    Args:
        labels: of all images of a folder, so that all of its splits come to the same.
        log: where it is noted what was merged, and what was not.
    """
    if labels.names_pictures:  # folders side by side were told apart by whoever made them
        return labels
    of_image = [{each.label for each in image.objects} for image in labels.images]
    used = sorted(set().union(*of_image))
    alike: dict[str, list[int]] = {}
    for label in used:
        name = normalise_name(labels.classes[label])
        plain = unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFD", name)))
        alike.setdefault(plain if len(plain) > 1 else name, []).append(label)
    taken_for: dict[int, int] = {}
    for group in alike.values():
        if len(group) < 2:
            continue
        names = [f"{labels.classes[label]!r:.80}" for label in group]
        if any(len(found.intersection(group)) > 1 for found in of_image):
            kind = "names of classes that differ in accents alone and are in one image, kept apart"
            log.add(kind, " and ".join(names))
            continue
        taken_for |= dict.fromkeys(group[1:], group[0])
        for name in names[1:]:
            log.add(
                "class names that differ only in accents, merged (another word in one keeps them apart)",
                f"{name} is taken for {names[0]}",
            )
    return _merged(labels, taken_for) if taken_for else labels


def _merged(labels: RawLabels, taken_for: Mapping[int, int]) -> RawLabels:
    """The labels with some classes taken for others and not listed any more."""
    kept = [label for label in range(len(labels.classes)) if label not in taken_for]
    place = {label: number for number, label in enumerate(kept)}
    images = tuple(
        replace(
            image,
            objects=tuple(
                replace(each, label=place[taken_for.get(each.label, each.label)]) for each in image.objects
            ),
        )
        for image in labels.images
    )
    return replace(labels, classes=tuple(labels.classes[label] for label in kept), images=images)
