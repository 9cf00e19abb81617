"""On which line of a JSON file its annotations are, found out only when a finding asks for it."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path

from detector.data.text import read_text

_MOST_BYTES = 200_000_000  # a larger file is not read again to say where in it something is


class JsonLines:
    """Places in the list ``annotations`` of a COCO file.

    Args:
        path: the file, which is COCO's.
        name: what messages call it.
        count: how many annotations it has.
    """

    def __init__(self, path: Path, name: str, count: int) -> None:
        self.name = name
        self._path = path
        self._count = count

    def place(self, number: int) -> str:
        """File, line and number of an annotation, counted from 1."""
        line = f":{self._lines[number - 1]}" if number <= len(self._lines) else ""
        return f"{self.name}{line}, annotation {number}"

    def lazy_place(self, number: int) -> JsonPlace:
        """The same, as something that is worked out when it is written."""
        return JsonPlace(self, number)

    @cached_property
    def _lines(self) -> list[int]:
        """The line on which each annotation starts; none where the file has no lines or is too large."""
        if self._path.stat().st_size > _MOST_BYTES:
            return []
        text = read_text(self._path)
        if "\n" not in text.strip():
            return []
        # The key may occur elsewhere, too; the list is the one of the right length.
        starts = (match.end() for match in re.finditer(r'"annotations"\s*:\s*\[', text))
        lists = (_lines_of_items(text, start) for start in starts)
        return next((lines for lines in lists if len(lines) == self._count), [])


def _lines_of_items(text: str, position: int) -> list[int]:
    """The line on which each item of a JSON list starts; none if there is no list.

    Args:
        position: of the first character after the list's bracket.
    """
    decode = json.JSONDecoder().raw_decode
    line = text.count("\n", 0, position) + 1
    lines: list[int] = []
    while found := re.compile(r"[\s,]*").match(text, position):
        start = found.end()
        line += text.count("\n", position, start)
        if text[start : start + 1] == "]":
            return lines
        try:
            _, position = decode(text, start)
        except ValueError:
            break
        lines.append(line)
        line += text.count("\n", start, position)
    return []


class JsonPlace:
    """An annotation's place, worked out when it is written."""

    __slots__ = ("_lines", "_number")

    def __init__(self, lines: JsonLines, number: int) -> None:
        self._lines, self._number = lines, number

    def __str__(self) -> str:
        return self._lines.place(self._number)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)
