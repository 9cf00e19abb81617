"""Which image and which category of a dataset a detection means, whoever numbered them.

Files of results are joined to a dataset by numbers that each tool gives in its own way: ids of an annotation
file, numbers in file names, classes counted from 0. A name in the file decides. Without one, every way that
fits all rows is tried on the objects of the dataset, and what cannot be told apart is refused.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from heapq import nlargest
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from detector.boxes import intersection_over_union, xywh_to_xyxy
from detector.data.dataset import Dataset, DatasetImage
from detector.data.image_index import shared_parts
from detector.errors import DatasetError
from detector.labels import COCO_CLASSES, COCO_IDS, listing, normalise_name

Row = dict[str, Any]
Say = Callable[[str], None]
Reading = Mapping[Hashable, int]  # id in the dataset by what the file has

_TRIED = 2000  # detections, those of the highest scores
_OVERLAP = 0.5
_LEAST_SHARE, _CLEARLY = 0.1, 2  # of the detections on an object; times those of another reading
_MOST_DIGITS = 18
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_OWN, _STEM = "as the ids of the dataset", "as the names of the image files"


def identity(value: object) -> int | str | None:
    """What an id is told by: a number, also one written as 7.0; a text; None for anything else."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 10**_MOST_DIGITS:
        return None
    return int(value) if value == int(value) else None


def join_images(path: Path, rows: Sequence[Row], dataset: Dataset, say: Say) -> None:
    """Put the dataset's image ids into the rows.

    Raises:
        DatasetError: rows of images that the dataset has not, or that may be of several.
    """
    named = [row for row in rows if isinstance(row.get("file_name"), str)]
    if named:
        _join_by_name(path, named, dataset, say)
    rest = [row for row in rows if not isinstance(row.get("file_name"), str)]
    readings = {
        _OWN: _with_texts({image.id: image.id for image in dataset.images})
        | {image.text_id: image.id for image in dataset.images if image.text_id},
        _STEM: _by_stem(dataset.images),
        "as images counted from 0": _with_texts({n: image.id for n, image in enumerate(dataset.images)}),
        "as images counted from 1": _with_texts({n: image.id for n, image in enumerate(dataset.images, 1)}),
    }
    _join(path, rest, "image_id", readings, dataset, say)


def join_categories(path: Path, rows: list[Row], dataset: Dataset, say: Say) -> list[Row]:
    """The rows of categories that the dataset has, with its ids put into them.

    Raises:
        DatasetError: no row is of a category of the dataset, or ids are unknown or may mean several.
    """
    named = [row for row in rows if isinstance(row.get("category_name"), str)]
    rest = [row for row in rows if not isinstance(row.get("category_name"), str)]
    id_of = {normalise_name(name): id_ for id_, name in dataset.categories.items()}
    others = Counter(
        row["category_name"] for row in named if normalise_name(row["category_name"]) not in id_of
    )
    if others and others.total() == len(rows):
        raise DatasetError(
            f"No class in {path} ({listing(list(others), 5)}) is a category of {dataset.source} "
            f"({listing(list(dataset.categories.values()), 5)})."
        )
    if others:
        say(
            f"Note: {others.total():,} of {len(rows):,} detections in {path} are left out: {dataset.source} "
            f"has no category {listing(list(others), 5)}."
        )
    for row in named:
        row["category_id"] = id_of.get(normalise_name(row["category_name"]))
    ordered = sorted(dataset.categories)
    readings = {
        _OWN: _with_texts({id_: id_ for id_ in ordered}),
        "as classes counted from 0": _with_texts(dict(enumerate(ordered))),
        "as classes counted from 1": _with_texts(dict(enumerate(ordered, start=1))),
        "as COCO's ids from 1 to 90": _by_name(COCO_IDS, id_of),
        "as COCO's 80 classes counted from 0": _by_name({n: k for k, n in enumerate(COCO_CLASSES)}, id_of),
    }
    _join(path, rest, "category_id", readings, dataset, say)
    return [row for row in rows if row["category_id"] is not None] if others else rows


def _with_texts(reading: Mapping[int, int]) -> dict[Hashable, int]:
    return {key: id_ for number, id_ in reading.items() for key in (number, str(number))}


def _by_name(numbers: Mapping[str, int], id_of: Mapping[str, int]) -> dict[Hashable, int]:
    known = ((number, id_of.get(normalise_name(name))) for name, number in numbers.items())
    return _with_texts({number: id_ for number, id_ in known if id_ is not None})


def _by_stem(images: Sequence[DatasetImage]) -> dict[Hashable, int]:
    """Images by file name, stem, and the number that the stem is; what several have stands for none."""
    ids: dict[Hashable, set[int]] = defaultdict(set)
    for image in images:
        stem = PurePosixPath(image.name).stem
        number = [int(stem)] if _INTEGER.fullmatch(stem) else []
        for key in {image.name, stem, *number, *map(str, number)}:
            ids[key].add(image.id)
    return {key: next(iter(found)) for key, found in ids.items() if len(found) == 1}


def _join_by_name(path: Path, rows: Sequence[Row], dataset: Dataset, say: Say) -> None:
    names = _Names(dataset.images)
    known = {image.id for image in dataset.images}
    found = {name: names.find(name) for name in {row["file_name"] for row in rows}}
    unknown = [row for row in rows if not found[row["file_name"]]]
    if unknown and not _ids_are_sound(rows, found, known):
        raise DatasetError(
            f"{len(unknown):,} of {len(rows):,} detections in {path} have a file_name that is none of the "
            f"images of {dataset.source} (the first is {unknown[0]['file_name']!r:.100}); detections and "
            "annotations have to be of the same images."
        )
    if unknown:
        say(
            f"Note: {len(unknown):,} of {len(rows):,} detections in {path} have a file_name that is none of "
            f"the images (the first is {unknown[0]['file_name']!r:.100}); as all others fit, image_id is "
            "followed."
        )
        rows = [row for row in rows if found[row["file_name"]]]
    others = 0
    for row in rows:
        ids, own = found[row["file_name"]], identity(row.get("image_id"))
        if len(ids) > 1 and own not in ids:
            raise DatasetError(
                f"{path}: the file_name {row['file_name']!r:.100} is that of {len(ids)} images of "
                f"{dataset.source}; write it with its folders."
            )
        row["image_id"] = own if own in ids else ids[0]
        others += own in known and own not in ids
    if others:
        say(
            f"Note: in {others:,} of {len(rows):,} detections in {path} image_id is that of another image in "
            f"{dataset.source} than file_name says; file_name is followed."
        )


def _ids_are_sound(rows: Sequence[Row], found: Mapping[str, list[int]], known: set[int]) -> bool:
    """Whether image_id is the dataset's own: it agrees wherever the file is known, and elsewhere is free."""
    named = [row for row in rows if found[row["file_name"]]]
    taken = {row["image_id"] for row in named}
    return (
        bool(named)
        and all(row.get("image_id") in found[row["file_name"]] for row in named)
        and all(row.get("image_id") in known - taken for row in rows if not found[row["file_name"]])
    )


class _Names:
    """Images by file name; where several have it, by the folders before it."""

    def __init__(self, images: Sequence[DatasetImage]) -> None:
        self._parts = {image.id: _parts(image) for image in images}
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        for id_, parts in self._parts.items():
            self._by_name[parts[-1]].append(id_)
            self._by_stem[PurePosixPath(parts[-1]).stem].append(id_)

    def find(self, name: str) -> list[int]:
        """Ids of the images that fit best: one, none, or several that fit equally."""
        parts = PurePosixPath(name.strip().replace("\\", "/")).parts or ("",)
        ids = self._by_name.get(parts[-1]) or self._by_stem.get(PurePosixPath(parts[-1]).stem, [])
        if len(ids) < 2:
            return ids
        agreeing = {id_: shared_parts(reversed(parts[:-1]), reversed(self._parts[id_][:-1])) for id_ in ids}
        return [id_ for id_ in ids if agreeing[id_] == max(agreeing.values())]


def _parts(image: DatasetImage) -> tuple[str, ...]:
    return image.path.parts if image.record is None else PurePosixPath(image.name).parts


def _join(
    path: Path, rows: Sequence[Row], key: str, readings: Mapping[str, Reading], dataset: Dataset, say: Say
) -> None:
    """Put the dataset's ids into the rows, by the one reading that fits."""
    values = {identity(row.get(key)) for row in rows}
    total = {name: reading for name, reading in readings.items() if values <= reading.keys()}
    different: dict[tuple[int, ...], str] = {}
    order = sorted(values, key=str)
    for name, reading in total.items():
        different.setdefault(tuple(reading[value] for value in order), name)
    names = list(different.values())
    chosen = names[0] if names == [_OWN] else _decide(path, rows, key, names, readings, dataset, say)
    for row in rows:
        row[key] = readings[chosen][identity(row[key])]


def _decide(
    path: Path,
    rows: Sequence[Row],
    key: str,
    names: Sequence[str],
    readings: Mapping[str, Reading],
    dataset: Dataset,
    say: Say,
) -> str:
    """The reading that brings the boxes onto objects."""
    if names == [_STEM]:
        say(f"Note: {key} in {path} is read {_STEM}.")
        return _STEM
    tried = nlargest(_TRIED, rows, key=lambda row: row["score"])
    hits = {name: _count_hits(tried, key, readings[name], dataset) for name in names}
    best = max(names, key=lambda name: (hits[name], name == _OWN), default=_OWN)
    others = max((hits[name] for name in names if name != best), default=0)
    enough = hits.get(best, 0) >= max(1, _LEAST_SHARE * len(tried))
    clear = enough and hits[best] > _CLEARLY * others
    if best != _OWN and clear:
        say(
            f"Note: {key} in {path} is read {best}: so {hits[best]:,} of {len(tried):,} boxes are on an "
            f"object of {dataset.source}, otherwise {others:,}."
        )
        return best
    if _OWN not in names and not enough:
        raise _unknown(path, rows, key, readings[_OWN], dataset)
    # Numbers in file names are as likely as ids; other ways of counting have to show themselves.
    if _OWN in names and (clear if _STEM in names else best == _OWN or not enough):
        return _OWN
    raise _undecided(path, key, names, dataset)


def _undecided(path: Path, key: str, names: Sequence[str], dataset: Dataset) -> DatasetError:
    name = "file_name" if key == "image_id" else "category_name"
    return DatasetError(
        f"{key} in {path} may be read {' or '.join(names)} of {dataset.source}, and the boxes do not tell "
        f"which; write {name} into each detection."
    )


def _unknown(path: Path, rows: Sequence[Row], key: str, own: Reading, dataset: Dataset) -> DatasetError:
    what, known = "categories", sorted(dataset.categories)
    advice = "write the ids of the annotation file, not the numbers of the classes, or category_name"
    if key == "image_id":
        what, known = "images", sorted(image.id for image in dataset.images)
        advice = "detections and annotations have to be of the same images; file_name is read, too"
    unknown = [row[key] for row in rows if identity(row.get(key)) not in own]
    return DatasetError(
        f"{len(unknown):,} of {len(rows):,} detections in {path} have a {key} that is not among the {what} "
        f"of {dataset.source} (the first is {unknown[0]!s:.60}; the {what} are {known[0]} to {known[-1]}); "
        f"{advice}."
    )


def _count_hits(rows: Sequence[Row], key: str, reading: Reading, dataset: Dataset) -> int:
    """How many boxes are on an object: of their image, and of their category where that is in question."""
    by_place: dict[tuple[int, int | None], list[list[float]]] = defaultdict(list)
    for row in rows:
        value = reading[identity(row[key])]
        by_place[(value, None) if key == "image_id" else (row["image_id"], value)].append(row["bbox"])
    objects: dict[tuple[int, int | None], list[list[float]]] = defaultdict(list)
    for each in dataset.annotations:
        category = None if key == "image_id" else each["category_id"]
        objects[each["image_id"], category].append(each["bbox"])
    hits = 0
    for place, boxes in by_place.items():
        if place in objects:
            pair = (xywh_to_xyxy(np.array(each, np.float32)) for each in (boxes, objects[place]))
            hits += int((intersection_over_union(*pair).max(axis=1) >= _OVERLAP).sum())
    return hits
