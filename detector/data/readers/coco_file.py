"""COCO's annotation files: read, their ids matched, and what single values in them mean."""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.data.findings import FindingLog
from detector.data.text import not_unicode
from detector.errors import DatasetError, DetectorError
from detector.system.reading import open_regular, parsing, read_head

_KEYS = ("annotations", "images", "categories")
_HEAD = 1 << 16
_CHUNK = 1 << 22
_LARGEST_ID = 2**63 - 1
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_DIGITS = re.compile(r"\d{1,18}", re.ASCII)  # such as 007


class Ids:
    """The ids in a list of a COCO file: numbers stay as they are, texts that are none get numbers.

    Raises:
        DatasetError: an entry has no id, or two have the same.
    """

    def __init__(self, path: Path, what: str, entries: Iterable[object]) -> None:
        keys: list[int | str] = []
        for number, entry in enumerate(entries):
            key = _identity(entry.get("id")) if isinstance(entry, dict) else None
            if key is None:
                raise DatasetError(
                    f"{path} is not COCO JSON: entry {number} of {what} has no id that is a number or a text."
                )
            keys.append(key)
        if repeated := [key for key, count in Counter(keys).items() if count > 1]:
            raise DatasetError(f"{path}: the list {what} has the id {repeated[0]} twice.")
        last = max([0, *(key for key in keys if isinstance(key, int))])
        texts = [key for key in keys if isinstance(key, str)]
        self.text_of = dict(enumerate(texts, start=last + 1))
        self._of: dict[int | str, int] = {key: key for key in keys if isinstance(key, int)}
        self._of.update({text: number for number, text in self.text_of.items()})
        self._by_value: dict[int, set[int]] = defaultdict(set)
        for text in filter(_DIGITS.fullmatch, texts):
            self._by_value[int(text)].add(self._of[text])

    def get(self, value: object) -> int | None:
        """The number of the id that a value means, also where it is a text and the id a number."""
        if type(value) is int and value in self._of:
            return self._of[value]
        key = _identity(value)
        if key is None or key in self._of:
            return None if key is None else self._of[key]
        if isinstance(key, str):
            return self._of.get(int(key)) if _DIGITS.fullmatch(key) else None
        meant = self._by_value.get(key, set())  # 7 where the id is written "007"
        return next(iter(meant)) if len(meant) == 1 else None


def _identity(value: object) -> int | str | None:
    """What an id is told by: a number, also one that is written as a text or 7.0; otherwise a text."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if _INTEGER.fullmatch(text) else text or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if abs(value) <= _LARGEST_ID else None


@dataclass(frozen=True)
class CocoFile:
    """The content of an annotation file.

    Attributes:
        path: the file.
        images: entries of ``images``, each an object with the text ``file_name``.
        image_ids: theirs, in their order, as numbers.
        image_texts: the id in the file of each that is a text and no number there.
        annotations: as they are, whatever they are; ``image_id`` and ``category_id`` are those of
            ``image_ids`` and ``categories`` where they can be matched.
        categories: name by id.
        group: names of categories that are no class, left out of ``categories``.
    """

    path: Path
    images: list[dict[str, object]]
    image_ids: list[int]
    image_texts: dict[int, str]
    annotations: list[object]
    categories: dict[int, str]
    group: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """What the file calls its images, in their order."""
        return [str(entry["file_name"]) for entry in self.images]


def read_json(path: Path, what: str) -> Any:
    """The content of a JSON file; ``what`` is what an error calls it.

    Raises:
        DatasetError: no such file, or not JSON.
    """
    try:
        with open_regular(path, DatasetError) as file, parsing(f"{path} is not JSON", DatasetError):
            try:
                return json.load(file)
            except UnicodeDecodeError as error:
                if error.object.lstrip()[:1] in (b"{", b"["):
                    raise DatasetError(not_unicode(error.object, error, str(path))) from error
                raise
    except DatasetError as error:
        raise DatasetError(str(error).replace("Cannot read ", f"Cannot read the {what} ", 1)) from error


def first_character(path: Path) -> str:
    """What a JSON file begins with, ``{`` or ``[`` for an object or a list; empty for no file."""
    return _as_text(read_head(path, 1 << 10)).lstrip("\ufeff \t\r\n")[:1]


def has_key(path: Path, keys: Iterable[str]) -> bool:
    """Whether one of these keys stands anywhere in a JSON file; its ends are looked at first."""
    wanted = [f'"{key}"' for key in keys]
    if any(key in _as_text(read_head(path, _HEAD)) for key in wanted):
        return True
    needles = [key.encode(encoding) for key in wanted for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    try:
        with open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            for start in (max(0, size - _HEAD), *range(0, size, _CHUNK)):
                file.seek(start)
                part = file.read(_CHUNK + 100)  # a key may lie across the border
                if any(needle in part for needle in needles):
                    return True
    except (DetectorError, OSError):
        pass
    return False


def _as_text(head: bytes) -> str:
    return head.decode(json.detect_encoding(head), "ignore")


def looks_like_coco(path: Path) -> bool:
    """Whether a file holds a JSON object with one of the keys that COCO's have."""
    return first_character(path) == "{" and has_key(path, _KEYS)


def read_coco(path: Path) -> CocoFile:
    """The content of an annotation file; its images and categories are checked, annotations are not.

    Raises:
        DatasetError: no such file, not COCO's format, or no image in it.
    """
    content = read_json(path, "annotations")
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), list) for key in ("images", "annotations", "categories")
    ):
        raise DatasetError(f"{path} is not COCO JSON: expected the lists images, annotations and categories.")
    images, annotations, categories = (content[key] for key in ("images", "annotations", "categories"))
    if not images:
        raise DatasetError(f"{path} lists no image.")
    image_ids, category_ids = Ids(path, "images", images), Ids(path, "categories", categories)
    _require_texts(path, "images", "file_name", images)
    _require_texts(path, "categories", "name", categories)
    for entry in annotations:
        if isinstance(entry, dict):
            for key, ids in (("image_id", image_ids), ("category_id", category_ids)):
                if (number := ids.get(entry.get(key))) is not None:
                    entry[key] = number
    names = {category_ids.get(entry["id"]) or 0: str(entry["name"]) for entry in categories}
    group = _group_category(names, categories, annotations)
    return CocoFile(
        path=path,
        images=images,
        image_ids=[image_ids.get(entry["id"]) or 0 for entry in images],
        image_texts=image_ids.text_of,
        annotations=annotations,
        categories={id_: name for id_, name in names.items() if id_ != group},
        group=() if group is None else (names[group],),
    )


def _require_texts(path: Path, what: str, key: str, entries: Iterable[dict[str, object]]) -> None:
    for number, entry in enumerate(entries):
        value = entry.get(key)
        if type(value) is int and key == "name":  # a class that is called 7
            continue
        if not isinstance(value, str) or not value.strip():
            raise DatasetError(
                f"{path} is not COCO JSON: entry {number} of {what} has no {key} that is a text."
            )


def _group_category(
    names: dict[int, str], categories: list[dict[str, object]], annotations: list[object]
) -> int | None:
    """Roboflow writes the project's name as a category 0 that has no objects and is above all others."""
    if 0 not in names or len(names) < 2:
        return None
    above = {entry["supercategory"] for entry in categories if isinstance(entry.get("supercategory"), str)}
    used = any(isinstance(entry, dict) and entry.get("category_id") == 0 for entry in annotations)
    return 0 if names[0] in above and not used else None


def note_same_names(content: CocoFile, log: FindingLog) -> None:
    """Note categories that have the name of another in their file: they are one class."""
    first: dict[str, int] = {}
    for id_, name in content.categories.items():
        if (known := first.setdefault(name, id_)) != id_:
            log.add("categories of one name, taken as one class", f"{name!r}: the ids {known} and {id_}")
