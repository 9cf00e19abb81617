"""What single values in COCO's files mean: sizes, boxes, numbers, also where they are texts."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping

MOST_PIXELS = 1e9  # what is beyond is no place in an image
MOST_AREA = 1e18
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)


def fault_of(entry: object, categories: Container[int], images: Container[int]) -> str | None:
    """What keeps an annotation from being read, its box aside; None if nothing does."""
    if not isinstance(entry, dict):
        return f"{entry!r:.50} instead of an object"
    for key, known in (("image_id", images), ("category_id", categories)):
        value = entry.get(key)
        if type(value) is not int or value not in known:
            return f"{key} {value!r:.50}"
    if entry.get("iscrowd") is not None and number_of(entry["iscrowd"]) is None:
        return f"iscrowd {entry['iscrowd']!r:.50}"
    return None


def crowd_of(entry: Mapping[str, object]) -> int:
    """COCO's ``iscrowd``; absent and null are 0."""
    return int(number_of(entry.get("iscrowd")) or 0)


def size_of(entry: Mapping[str, object]) -> tuple[int, int] | None:
    """Width and height of an entry of ``images``, or None where they are no sizes."""
    numbers = [number_of(entry.get(key)) for key in ("width", "height")]
    width, height = (int(number) if number is not None and number > 0 else 0 for number in numbers)
    return (width, height) if width and height and [width, height] == numbers else None


def is_box(value: object) -> bool:
    """Whether a JSON value is a list of four numbers that may be a place in an image."""
    return isinstance(value, list) and len(value) == 4 and all(is_number(number) for number in value)


def is_number(value: object, most: float = MOST_PIXELS) -> bool:
    """Whether a JSON value is a number, finite and not beyond any image's size (or what is given)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= most


def number_of(value: object, most: float = MOST_PIXELS) -> float | None:
    """The finite number that a JSON value is, also as a text; None where it is none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    return float(value) if isinstance(value, int | float) and is_number(value, most) else None


def numbers_of(values: Iterable[object]) -> list[float] | None:
    """The numbers that JSON values are, also as texts; None where one of them is none."""
    numbers = [number_of(value) for value in values]
    return None if None in numbers else [number for number in numbers if number is not None]
