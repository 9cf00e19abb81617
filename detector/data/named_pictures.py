"""What holds of datasets whose labels name whole pictures, and of no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from detector.data.cleaning import Annotations
from detector.data.dataset import Dataset
from detector.data.duplicates import ImageFacts
from detector.data.findings import FindingLog
from detector.data.raw_labels import RawLabels, relative_name
from detector.errors import DatasetError
from detector.labels import listing

CLASS_FOLDERS = "a folder of pictures for each class, without boxes"
_LEAST_CLASSES = 2


def refuse_named_pictures(dataset: Dataset, what: str) -> None:
    """Raise DatasetError for a dataset without boxes.

    Args:
        dataset: any.
        what: takes boxes, as the subject of a sentence: ``--fix``, or ``ssdlite data records``.
    """
    if dataset.names_pictures:
        raise DatasetError(f"{dataset.source} is {CLASS_FOLDERS}; {what} takes labels with boxes.")


def leave_out_disputed(
    labels: RawLabels, root: Path, facts: Mapping[int, ImageFacts], log: FindingLog
) -> dict[int, ImageFacts]:
    """The facts without those of pictures that are in the folders of two classes, which are noted.

    Of labels with boxes all are kept.
    """
    if not labels.names_pictures:
        return dict(facts)
    by_digest: dict[bytes, list[int]] = {}
    for position, known in facts.items():
        by_digest.setdefault(known.digest, []).append(position)
    disputed: set[int] = set()
    for same in by_digest.values():
        if len({labels.images[position].objects[0].label for position in same}) > 1:
            disputed.update(same)
            names = [relative_name(labels.images[position].path, root) for position in same]
            log.add("images that are in the folders of two classes, left out", " and ".join(names), len(same))
    return {position: known for position, known in facts.items() if position not in disputed}


def check_classes(
    labels: RawLabels,
    root: Path,
    parts: Mapping[str, Sequence[int]],
    annotations: Mapping[int, Annotations],
    val_given: bool,
    log: FindingLog,
) -> None:
    """Note the classes that a training on named pictures cannot be judged by; nothing for labels with boxes.

    Args:
        parts: positions of the images of each.
        annotations: of these images.
        val_given: whether val was given and not held out, where it is noted already.
        log: where what is worth knowing is noted.

    Raises:
        DatasetError: train has fewer than two classes, or another part has a class that train has not,
            unless the log is lenient.
    """
    if not labels.names_pictures:
        return
    found = {
        name: {annotations[position][0]["category_id"] for position in part} for name, part in parts.items()
    }

    def names_of(categories: set[int]) -> list[str]:
        return [labels.classes[category - 1] for category in sorted(categories)]

    if len(found["train"]) < _LEAST_CLASSES:
        message = (
            f"{root} has pictures of one class only to train on ({listing(names_of(found['train']))}); a "
            f"classifier takes {_LEAST_CLASSES} or more.{log.causes()}"
        )
        log.refuse("classes too few to train a classifier on", names_of(found["train"]), message)
    for part, categories in found.items():
        if unknown := names_of(categories - found["train"]):
            many = len(unknown) > 1
            log.refuse(
                f"classes of {part} without an image in train, refused",
                unknown,
                f"{root} has {'classes' if many else 'the class'} {listing(unknown)} in {part} and not in "
                f"train, so that {'they' if many else 'it'} could never be named; add pictures to train, or "
                f"take {'those folders' if many else 'that folder'} away.",
            )
    for name in names_of(found["train"] - found["val"]) if val_given and "val" in found else ():
        log.add("classes without an image in val, whose accuracy is not measured", name)
