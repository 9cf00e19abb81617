"""COCO JSON of a whole folder, for training: every split, and single bad annotations left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.listing import Listing
from detector.data.raw_labels import RawImage, RawLabels, RawObject, build_labels, merge_names, relative_name
from detector.data.readers.coco_file import CocoFile, note_same_names, read_coco
from detector.data.readers.coco_layout import ImagePlaces, coco_files_in, files_of_one_part, find_coco_files
from detector.data.readers.coco_values import MOST_AREA, crowd_of, fault_of, is_box, number_of, size_of
from detector.data.readers.json_lines import JsonLines
from detector.data.readers.masks import box_of
from detector.data.split_names import role_in
from detector.errors import DatasetError

_MOST_STRAYS = 0.05  # of a file's annotations, beyond which category ids are no slips
_DROPPED = "annotations that are not COCO's, dropped"


def is_coco(listing: Listing) -> bool:
    """Whether a folder has a JSON file that looks like COCO's."""
    return bool(coco_files_in(listing))


def read_coco_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The labels in COCO's annotation files.

    Raises:
        DatasetError: a file is not COCO's format, or two describe the same images as parts of one split.
    """
    files = find_coco_files(listing, log)
    contents = [(split, read_coco(path)) for split, paths in files.items() for path in paths]
    lines = {
        content.path: JsonLines(
            content.path, relative_name(content.path, listing.root), len(content.annotations)
        )
        for _, content in contents
    }
    for split, content in contents:
        for name in content.group:
            log.add("categories without objects above all others, left out", f"{name!r} in {split}")
        note_same_names(content, log)
        _check_shift(content, lines[content.path], log)
    named = {item: None for _, content in contents for item in content.categories.items()}
    classes, label_of = merge_names((name for _, name in sorted(named)), log)
    places = ImagePlaces(listing, log)
    images: list[RawImage] = []
    splits: dict[str, list[Path]] = {}
    paths_of: dict[Path, list[Path]] = {}
    for split, content in contents:
        found = _read_images(content, split, places, label_of, lines[content.path], log)
        images += found
        paths_of[content.path] = [image.path for image in found]
        splits.setdefault(split, []).extend(paths_of[content.path])
    _check_apart(files, paths_of, listing)
    if len(splits) == 1 and role_in(next(iter(splits))) is None:
        splits = {}  # a file of everything
    return build_labels("COCO", listing.root, classes, images, splits, "annotation files", log)


def _check_apart(
    files: Mapping[str, Sequence[Path]], paths_of: Mapping[Path, Sequence[Path]], listing: Listing
) -> None:
    """Refuse several files of one part that share images: folds, or versions of one another."""
    several = files_of_one_part(files)
    first: dict[Path, Path] = {}
    for path in [*several, *(path for path in paths_of if path not in several)] if several else ():
        for image in dict.fromkeys(paths_of[path]):
            if first.setdefault(image, path) != path:
                one, other = (relative_name(each, listing.root) for each in sorted((first[image], path)))
                raise DatasetError(
                    f"{listing.root} is described several times: {one} and {other} have the same images, "
                    f"such as {relative_name(image, listing.root)}, as folds of a cross-validation do. Give "
                    "the folder of one of them, or one of the files."
                )


def _check_shift(content: CocoFile, lines: JsonLines, log: FindingLog) -> None:
    """Category ids counted from 0 where the categories count from 1, or the other way round, are told by the
    ids at the ends: one below the first (above the last) is used, the last (first) is not."""
    known = sorted(content.categories)
    entries = [
        (number, entry)
        for number, entry in enumerate(content.annotations, start=1)
        if isinstance(entry, dict) and type(entry.get("category_id")) is int
    ]
    if not known or not entries:
        return
    used = Counter(entry["category_id"] for _, entry in entries)
    for step in (-1, 1):
        outside, unused = (known[0] - 1, known[-1]) if step < 0 else (known[-1] + 1, known[0])
        if not used[outside] or used[unused] or not set(used) <= {id_ + step for id_ in known}:
            continue
        log.refuse(
            f"category ids that are {'one too low' if step < 0 else 'one too high'}, put right",
            [lines.place(number) for number, _ in entries],
            f"{lines.name}: the annotations have the category ids {min(used)} to {max(used)}, the categories "
            f"{known[0]} to {known[-1]}: all are off by one. Correct them, or let `ssdlite data "
            "check --fix OUT` write a repaired copy.",
        )
        for _, entry in entries:
            entry["category_id"] -= step
        return
    just_beyond = {known[0] - 1, known[-1] + 1}
    strays = [number for number, entry in entries if entry["category_id"] in just_beyond]
    if len(strays) > max(1, _MOST_STRAYS * len(entries)):
        log.refuse(
            "category ids just beyond those of the categories",
            [lines.place(number) for number in strays],
            f"{lines.name}: {len(strays):,} of {len(entries):,} annotations have a category id just beyond "
            f"the categories' {known[0]} to {known[-1]}: all may be off by one. Correct them.",
        )


def _read_images(
    content: CocoFile,
    split: str,
    places: ImagePlaces,
    label_of: Mapping[str, int],
    lines: JsonLines,
    log: FindingLog,
) -> list[RawImage]:
    labels = {id_: label_of[name] for id_, name in content.categories.items()}
    objects: dict[int, list[RawObject]] = {id_: [] for id_ in content.image_ids}
    unread: Counter[int | None] = Counter()  # None: of nobody knows which image
    for number, entry in enumerate(content.annotations, start=1):
        place = lines.lazy_place(number)
        fault = fault_of(entry, labels, objects)
        known = entry if isinstance(entry, dict) else {}
        box = None if fault else box_of(known)
        if box is None:
            fault = fault or f"bbox {known.get('bbox')!r:.50}"
            log.add(_DROPPED, f"{place}: {fault}")
            image_id = known.get("image_id")
            unread[image_id if type(image_id) is int and image_id in objects else None] += 1
            continue
        _note_reading(known, str(place) if not is_box(known.get("bbox")) else "", log)
        left, top, width, height = box
        objects[known["image_id"]].append(
            RawObject(
                label=labels[known["category_id"]],
                box=(left, top, left + width, top + height),
                where=place,
                iscrowd=crowd_of(known),
                area=number_of(known.get("area"), MOST_AREA),
            )
        )
    paths = places.find(content.path, content.names, split)
    return [
        RawImage(
            path,
            tuple(objects[id_]),
            size_of(entry),
            unread=unread[id_] or (unread[None] if not objects[id_] else 0),
        )
        for id_, entry, path in zip(content.image_ids, content.images, paths, strict=True)
    ]


def _note_reading(entry: dict[str, object], place: str, log: FindingLog) -> None:
    """Note a box that is not written as COCO has it."""
    if place and entry.get("bbox"):
        log.add("boxes of numbers that are written as texts, read", place)
    elif place:
        log.add("objects without a box, for which that around their shape is taken", place)
