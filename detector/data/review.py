"""What ``ssdlite data check`` looks for beyond what a training needs to know, and puts right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from detector.boxes import FloatArray, xywh_to_xyxy, xyxy_to_xywh
from detector.data.dataset import Dataset, DatasetImage
from detector.data.duplicates import ImageFacts
from detector.data.findings import FindingLog
from detector.data.raw_labels import RawImage, RawLabels, RawObject, relative_name
from detector.evaluation.annotation_faults import find_layout_fault
from detector.evaluation.box_faults import BoxFault
from detector.images import exif_orientation, load_image

_RARE_SHARE = 0.005  # of all objects; a class with fewer is suspected


def review_labels(
    labels: RawLabels, root: Path, facts: Mapping[int, ImageFacts], log: FindingLog
) -> RawLabels:
    """The labels with the boxes put right that show by themselves what is wrong with them.

    Noted besides: images that EXIF turns, and classes with suspiciously few objects.
    """
    for position, known in facts.items():
        _note_orientation(labels.images[position], known, root, log)
    _note_rare_classes(labels, log)
    labels = _multiply_fractions(labels, facts, log)
    return _put_layout_right(labels, root, facts, log)


def _note_orientation(image: RawImage, known: ImageFacts, root: Path, log: FindingLog) -> None:
    """EXIF turns pictures, and not every tool follows it."""
    orientation = exif_orientation(image.path)
    if orientation == 1:
        return
    name = f"{relative_name(image.path, root)}: orientation {orientation}"
    turned = load_image(image.path)
    if image.size_wh and known.size_wh != (turned.shape[1], turned.shape[0]):
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
        for place in places[label]:
            log.add("objects of a class that hardly occurs, kept", f"{place}: {name!r}{guess}")


def _multiply_fractions(labels: RawLabels, facts: Mapping[int, ImageFacts], log: FindingLog) -> RawLabels:
    """Boxes of at most one pixel at the corner of an image that is much larger are fractions of it."""

    def repair(image: RawImage, size_wh: tuple[int, int]) -> Iterable[RawObject]:
        for each in image.objects:
            if not image.in_fractions and min(size_wh) > 10 and 0 < max(map(abs, each.box)) <= 1:
                log.add("boxes as fractions of the image instead of in pixels, converted", str(each.where))
                left, top, right, bottom = each.box
                width, height = size_wh
                each = replace(
                    each, box=(left * width, top * height, right * width, bottom * height), area=None
                )
            yield each

    return _with_objects(labels, facts, repair)


def _put_layout_right(
    labels: RawLabels, root: Path, facts: Mapping[int, ImageFacts], log: FindingLog
) -> RawLabels:
    """The labels with their boxes in the layout that brings them into their images, if only one does."""
    fault = _find_layout(labels, root, facts)
    if fault is None:
        return labels

    def repair(image: RawImage, size_wh: tuple[int, int]) -> Iterable[RawObject]:
        for each in image.objects:
            log.add(f"boxes written as {fault.layout}, put right", str(each.where))
            box = fault.repair(xyxy_to_xywh(_pixels(image, each, size_wh)), size_wh)
            left, top, right, bottom = (xywh_to_xyxy(box)[0] / _scale(image, size_wh)).tolist()
            yield replace(each, box=(left, top, right, bottom), area=None)

    return _with_objects(labels, facts, repair)


def _find_layout(labels: RawLabels, root: Path, facts: Mapping[int, ImageFacts]) -> BoxFault | None:
    images = [
        DatasetImage(position, labels.images[position].path, facts[position].size_wh) for position in facts
    ]
    annotations = [
        {
            "image_id": position,
            "bbox": xyxy_to_xywh(_pixels(labels.images[position], each, facts[position].size_wh))[0].tolist(),
        }
        for position in facts
        for each in labels.images[position].objects
    ]
    found = find_layout_fault(Dataset(root, tuple(images), tuple(annotations), {}, ""))
    return found[0] if found and found[0].layout else None


def _pixels(image: RawImage, each: RawObject, size_wh: tuple[int, int]) -> FloatArray:
    """The box (1, 4), xyxy, in pixels."""
    return np.array([each.box], np.float32) * _scale(image, size_wh)


def _scale(image: RawImage, size_wh: tuple[int, int]) -> FloatArray:
    return np.array(size_wh * 2 if image.in_fractions else (1, 1, 1, 1), np.float32)


def _with_objects(
    labels: RawLabels,
    facts: Mapping[int, ImageFacts],
    repair: Callable[[RawImage, tuple[int, int]], Iterable[RawObject]],
) -> RawLabels:
    """The labels with the objects of the images that can be read replaced."""
    images = tuple(
        replace(image, objects=tuple(repair(image, facts[position].size_wh))) if position in facts else image
        for position, image in enumerate(labels.images)
    )
    return replace(labels, images=images)
