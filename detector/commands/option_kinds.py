"""The kinds of values that options take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)
SIDE = click.IntRange(32, 4096)  # of a network's input, in pixels


class Score(click.FloatRange):
    """A score in [0, 1)."""

    def __init__(self) -> None:
        super().__init__(0, 1, max_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        score: float = super().convert(value, param, ctx)
        if score != score:
            self.fail("a number is expected, not nan.", param, ctx)
        return score


class Numbers(click.ParamType):  # type: ignore[type-arg]  # it takes none before click 8.5
    """Numbers of threads, joined by commas."""

    name = "numbers"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if not isinstance(value, str):
            return value
        words = [word.strip() for word in value.split(",")] if value else []
        if not all(word.isdecimal() and len(word) < 5 and 1 <= int(word) <= 1024 for word in words):
            self.fail(f"numbers from 1 to 1024 are expected, joined by commas, not {value!r}.", param, ctx)
        return tuple(map(int, words))


class InputSizes(click.ParamType):  # type: ignore[type-arg]  # it takes none before click 8.5
    """One or several input sizes; what comes out is what ``Detector.load`` takes.

    Args:
        auto: whether the word ``auto`` may be.
        several: whether there may be more than one.
    """

    name = "sizes"

    def __init__(self, *, auto: bool = False, several: bool = True) -> None:
        self._auto, self._several = auto, several

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from detector.errors import ArgumentError  # with what it is read by, which takes time to import
        from detector.input_sizes import read_sizes

        if self._auto and value == "auto":
            return value
        try:
            sizes = read_sizes(value)
        except ArgumentError as error:
            self.fail(f"{error}.", param, ctx)
        if len(sizes) > 1 and not self._several:
            self.fail(f"one input size is expected, got {len(sizes)}.", param, ctx)
        return value
