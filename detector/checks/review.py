"""What ``ssdlite data check`` looks for beyond what a training needs to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from detector.data.duplicates import ImageFacts
from detector.data.findings import FindingLog
from detector.data.raw_labels import RawImage, RawLabels, relative_name

_RARE_SHARE = 0.005  # of all objects; a class with fewer is suspected


def review_labels(
    labels: RawLabels, root: Path, facts: Mapping[int, ImageFacts], log: FindingLog
) -> RawLabels:
    """The labels as they are; images that EXIF turns and classes with suspiciously few objects are noted."""
    for position, known in facts.items():
        _note_orientation(labels.images[position], known, root, log)
    _note_rare_classes(labels, log)
    return labels


def _note_orientation(image: RawImage, known: ImageFacts, root: Path, log: FindingLog) -> None:
    """EXIF turns pictures, and not every tool follows it."""
    if known.orientation == 1:
        return
    name = f"{relative_name(image.path, root)}: orientation {known.orientation}"
    if known.as_stored:
        log.add("images that EXIF turns, labelled as they are stored", name)
    else:
        log.add("images that EXIF turns, taken as they are shown", name)


def _note_rare_classes(labels: RawLabels, log: FindingLog) -> None:
    """A class with next to no objects is a slip of the keyboard more often than a class."""
    places: dict[int, list[str]] = {}
    for image in labels.images:
        for each in image.objects:
            places.setdefault(each.label, []).append(str(each.where))
    counts = Counter({label: len(where) for label, where in places.items()})
    most = max(1, int(_RARE_SHARE * counts.total()))
    common = [labels.classes[label] for label, count in counts.items() if count > 5 * most]
    for label, count in counts.items():
        if count > most or not common:
            continue
        name = labels.classes[label]
        alike = get_close_matches(name, common, 1)
        guess = f"; meant may be {alike[0]!r}" if alike else ""
        kind = "objects of a class that hardly occurs, kept"
        if labels.names_pictures:
            kind = "images of a class that hardly occurs, kept"
        for place in places[label]:
            log.add(kind, f"{place}: {name!r}{guess}")
