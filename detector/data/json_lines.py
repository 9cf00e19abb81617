"""On which line of a JSON file its annotations are, found out only when a finding asks for it."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path

from detector.data.listing import read_text

_MOST_BYTES = 200_000_000  # a larger file is not read again to say where in it something is


class JsonLines:
    """Places in the list ``annotations`` of a COCO file.

    Args:
        path: the file, which is COCO's.
        name: what messages call it.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._path = path

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
        start = re.search(r'"annotations"\s*:\s*\[', text)
        if start is None or "\n" not in text.strip():
            return []
        decode = json.JSONDecoder().raw_decode
        position, line, lines = start.end(), text.count("\n", 0, start.end()) + 1, []
        while (found := re.compile(r"[\s,]*").match(text, position)) and text[found.end()] != "]":
            line += text.count("\n", position, found.end())
            lines.append(line)
            try:
                _, position = decode(text, found.end())
            except ValueError:  # the key was inside a text
                return []
            line += text.count("\n", found.end(), position)
        return lines


class JsonPlace:
    """An annotation's place, worked out when it is written."""

    __slots__ = ("_lines", "_number")

    def __init__(self, lines: JsonLines, number: int) -> None:
        self._lines, self._number = lines, number

    def __str__(self) -> str:
        return self._lines.place(self._number)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)
