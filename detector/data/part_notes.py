"""What is worth knowing about the parts of a dataset: copies in two of them, classes without objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from detector.data.cleaning import Annotations
from detector.data.duplicates import ImageFacts, group_copies
from detector.data.findings import FindingLog
from detector.data.listing import Listing
from detector.data.raw_labels import RawLabels, relative_name
from detector.data.splits import Choice
from detector.errors import DatasetError
from detector.heif import SUFFIXES as HEIF_SUFFIXES


def note_parts(
    labels: RawLabels,
    root: Path,
    parts: Mapping[str, Sequence[int]],
    facts: Mapping[int, ImageFacts],
    annotations: Mapping[int, Annotations],
    log: FindingLog,
) -> None:
    """Note what the parts share, what they lack, and which images are in none of them.

    Raises:
        DatasetError: there is nothing to train or to validate on.
    """
    counts = {
        name: Counter(
            each["category_id"] for position in part for each in annotations[position] if not each["iscrowd"]
        )
        for name, part in parts.items()
    }
    if not counts["train"]:
        lack = "are in no class" if labels.names_pictures else "have no object with a box"
        raise DatasetError(
            f"There is nothing to train on: the {len(parts['train']):,} training images of {root} {lack}."
            f"{log.causes()}"
        )
    if "val" in parts and not parts["val"]:
        raise DatasetError(
            f"There is nothing to validate on: {root} has no validation image that can be read.{log.causes()}"
        )
    names = {position: relative_name(labels.images[position].path, root) for position in facts}
    if "val" in parts and not counts["val"]:
        log.add("validation without any object: no accuracy can be measured", names[parts["val"][0]])
    used = {position for part in parts.values() for position in part}
    for position in sorted(used):
        if all(each["iscrowd"] for each in annotations[position]):
            log.add("images without objects, kept as negatives", names[position])
    for category, name in enumerate(labels.classes, start=1):
        if not any(count[category] for count in counts.values()):
            log.add("classes without any object", name)
        elif not counts["train"][category]:
            where = next(part for part, count in counts.items() if count[category])
            log.add("classes without objects in train", f"{name} ({counts[where][category]:,} in {where})")
    _note_shared(parts, facts, names, log)


def note_unused(labels: RawLabels, root: Path, choice: Choice, log: FindingLog) -> None:
    """Note the images that have labels and are in no part."""
    used = {*choice.train, *(choice.val or ()), *choice.test}
    unused = [image.path for position, image in enumerate(labels.images) if position not in used]
    if unused:
        log.add("labelled images in no split that is used", relative_name(unused[0], root), len(unused))


def _note_shared(
    parts: Mapping[str, Sequence[int]],
    facts: Mapping[int, ImageFacts],
    names: Mapping[int, str],
    log: FindingLog,
) -> None:
    """Note images that a part has twice, and those of val and test that another has or that look like one."""
    for name, part in parts.items():
        first_of: dict[bytes, int] = {}
        for position in part:
            if (known := first_of.setdefault(facts[position].digest, position)) != position:
                log.add(f"times the same image twice in {name}", f"{names[known]} and {names[position]}")
    files = {position: Path(name).name for position, name in names.items()}
    group_of = {
        position: number for number, group in enumerate(group_copies(facts, files)) for position in group
    }
    for one, other in combinations(parts, 2):
        same = {facts[position].digest: position for position in reversed(parts[one])}
        alike = {group_of[position]: position for position in reversed(parts[one])}
        for position in parts[other]:
            if (first := same.get(facts[position].digest)) is not None:
                log.add(f"times the same image in {one} and {other}", f"{names[first]} and {names[position]}")
            elif (first := alike.get(group_of[position])) is not None:
                log.add(f"look-alikes in {one} and {other}", f"{names[first]} and {names[position]}")


def note_unread_images(listing: Listing, log: FindingLog) -> None:
    """Note the files that are called like images in a format that is not read."""
    for path in listing.unread_images:
        suffix = path.suffix.lower()
        way = "; the extra photos reads them" if suffix in HEIF_SUFFIXES else "; convert them"
        log.add(
            f"images in a format that is not read ({suffix}{way}), left out",
            relative_name(path, listing.root),
        )
