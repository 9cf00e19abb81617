"""Boxes put right that show by themselves what is wrong with them: fractions, other sizes, other layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from detector.boxes import FloatArray, xywh_to_xyxy, xyxy_to_xywh
from detector.data.box_layouts import BoxFault, fault_of_boxes
from detector.data.dataset import have_same_shape
from detector.data.duplicates import ImageFacts
from detector.data.findings import FRACTIONS, FindingLog, is_fraction
from detector.data.raw_labels import RawImage, RawLabels, RawObject, relative_name

_ROUNDED = 2  # pixels by which a size or a box may be off through rounding
_SMALLEST_SIDE = 10  # pixels; in a smaller image a box of one pixel is nothing odd
_Verdict = Literal["scale", "keep", "leave out"]


def put_right(labels: RawLabels, root: Path, facts: Mapping[int, ImageFacts], log: FindingLog) -> RawLabels:
    """The labels with their boxes in pixels of the files, as check, training and evaluation read them.

    An image whose boxes may be meant in two ways keeps none and counts them as unread.
    """
    if labels.names_pictures:
        return labels
    labels = _multiply_fractions(labels, facts, log)
    labels = _scale_to_files(labels, root, facts, log)
    return _put_layout_right(labels, facts, log)


def _multiply_fractions(labels: RawLabels, facts: Mapping[int, ImageFacts], log: FindingLog) -> RawLabels:
    """Boxes of at most one pixel at the corner of an image that is much larger are fractions of it."""
    images = list(labels.images)
    for position, known in facts.items():
        image, size_wh = images[position], known.size_wh
        if image.in_fractions or min(size_wh) <= _SMALLEST_SIDE:
            continue
        suspects = [each for each in image.objects if is_fraction(each.box)]
        if not suspects:
            continue
        # Among boxes in pixels they become pixels of the size that the labels give, as the others are.
        alone = len(suspects) == len(image.objects)
        width, height = size_wh if alone else image.size_wh or size_wh
        objects = []
        for each in image.objects:
            if is_fraction(each.box):
                log.add(FRACTIONS, str(each.where))
                each = _scaled(each, (float(width), float(height)))
            objects.append(each)
        images[position] = replace(image, objects=tuple(objects), size_wh=None if alone else image.size_wh)
    return replace(labels, images=tuple(images))


def _scale_to_files(
    labels: RawLabels, root: Path, facts: Mapping[int, ImageFacts], log: FindingLog
) -> RawLabels:
    """Boxes of images that were resized after they were labelled, scaled by the size that the labels give."""
    other = [
        p
        for p in facts
        if labels.images[p].objects
        and (claimed := labels.images[p].size_wh)
        and claimed != facts[p].size_wh
        # Fractions are of any size, but not of a picture that was turned.
        and (not labels.images[p].in_fractions or claimed == facts[p].size_wh[::-1])
    ]
    verdicts = _judge(labels, other, facts)
    images = list(labels.images)
    for position in other:
        image, size_wh = images[position], facts[position].size_wh
        claimed, verdict = image.size_wh or size_wh, verdicts[position]
        example = (
            f"{relative_name(image.path, root)}: {claimed[0]} x {claimed[1]} in the labels, "
            f"{size_wh[0]} x {size_wh[1]} in the file"
        )
        if verdict == "keep":
            log.add("images of another size than their labels say", example)
        elif verdict == "leave out":
            log.add("images of another size than their labels say, which fits neither, not read", example)
            images[position] = replace(image, objects=(), unread=image.unread + len(image.objects))
        else:
            log.add("images resized after they were labelled, their boxes scaled to the files", example)
            factors = size_wh[0] / claimed[0], size_wh[1] / claimed[1]
            objects = tuple(_scaled(each, factors) for each in image.objects)
            images[position] = replace(image, objects=objects, size_wh=size_wh)
    if 2 * sum(verdict == "scale" for verdict in verdicts.values()) > _count_sized(labels, facts):
        _leave_out_unsized(labels, images, root, facts, log)
    return replace(labels, images=tuple(images))


def _count_sized(labels: RawLabels, facts: Mapping[int, ImageFacts]) -> int:
    """How many images with objects have labels that give their size."""
    return sum(bool(labels.images[p].objects and labels.images[p].size_wh) for p in facts)


def _leave_out_unsized(
    labels: RawLabels, images: list[RawImage], root: Path, facts: Mapping[int, ImageFacts], log: FindingLog
) -> None:
    """Take the boxes in pixels from images of no known size, where most others were resized."""
    for position in facts:
        image = labels.images[position]
        if image.objects and image.size_wh is None and not image.in_fractions:
            log.add(
                "images whose size the labels do not give, where others were resized, not read",
                relative_name(image.path, root),
            )
            images[position] = replace(image, objects=(), unread=image.unread + len(image.objects))


def _judge(
    labels: RawLabels, positions: Iterable[int], facts: Mapping[int, ImageFacts]
) -> dict[int, _Verdict]:
    """Whether boxes are in the size that the labels give, in that of the file, or in neither for all we know.

    What reaches beyond one of the two is in the other. Where nothing does, the labels' own size is believed
    if the file has its shape; a turned size may be a slip of the label's or a turned picture.
    """
    # One image says little: its boxes may lie in both sizes. All images of the dataset whose sizes contradict
    # in the same way (same shape, other shape, turned) were made by the same tool, so they share a verdict.
    groups: dict[str, list[int]] = {}
    verdicts: dict[int, _Verdict] = {}
    beyond: dict[int, tuple[int, int]] = {}
    for position in positions:
        image, size_wh = labels.images[position], facts[position].size_wh
        claimed = image.size_wh or size_wh
        beyond[position] = _count_beyond(image, size_wh), _count_beyond(image, claimed)
        if max(abs(a - b) for a, b in zip(claimed, size_wh, strict=True)) <= _ROUNDED:
            verdicts[position] = "keep"
            continue
        shape = "alike" if have_same_shape(claimed, size_wh) else "other"
        groups.setdefault("turned" if claimed == size_wh[::-1] else shape, []).append(position)
    for shape, members in groups.items():
        of_file = sum(beyond[p][0] for p in members)
        of_labels = sum(beyond[p][1] for p in members)
        verdict: _Verdict = "scale" if shape == "alike" else "leave out"
        if of_file and not of_labels and shape != "turned":
            verdict = "scale"
        elif of_labels and not of_file:
            verdict = "keep"
        elif of_labels and of_file:
            verdict = "leave out"
        verdicts.update(dict.fromkeys(members, verdict))
    return verdicts


def _count_beyond(image: RawImage, size_wh: tuple[int, int]) -> int:
    if image.in_fractions:
        return 0
    width, height = size_wh[0] + _ROUNDED, size_wh[1] + _ROUNDED
    return sum(max(o.box[0], o.box[2]) > width or max(o.box[1], o.box[3]) > height for o in image.objects)


def _scaled(each: RawObject, factors: tuple[float, float]) -> RawObject:
    left, top, right, bottom = each.box
    across, down = factors
    return replace(each, box=(left * across, top * down, right * across, bottom * down), area=None)


def _put_layout_right(labels: RawLabels, facts: Mapping[int, ImageFacts], log: FindingLog) -> RawLabels:
    """The labels with their boxes in the layout that brings them into their images, if only one does."""
    fault = _find_layout(labels, facts)
    if fault is None:
        return labels

    def repair(image: RawImage, size_wh: tuple[int, int]) -> Iterable[RawObject]:
        for each in image.objects:
            log.add(f"boxes written as {fault.layout}, put right", str(each.where))
            box = fault.repair(xyxy_to_xywh(_pixels(image, each, size_wh)), size_wh)
            left, top, right, bottom = (xywh_to_xyxy(box)[0] / _scale(image, size_wh)).tolist()
            yield replace(each, box=(left, top, right, bottom), area=None)

    return _with_objects(labels, facts, repair)


def _find_layout(labels: RawLabels, facts: Mapping[int, ImageFacts]) -> BoxFault | None:
    objects = [(position, each) for position in facts for each in labels.images[position].objects]
    if not objects:
        return None
    sizes_wh = np.array([facts[position].size_wh for position, _ in objects], np.float32)
    boxes = np.concatenate([_pixels(labels.images[p], each, facts[p].size_wh) for p, each in objects])
    found = fault_of_boxes(xyxy_to_xywh(boxes), sizes_wh, centred=labels.format == "YOLO")
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
