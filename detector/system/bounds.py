"""Values that come from outside, held to a type and a range before anything is built from them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sized
from pathlib import Path

from detector.errors import ArgumentError, ModelError

# Control characters, separators of lines and paragraphs, and halves of characters, which no file can hold.
_UNFIT = {"Cc", "Zl", "Zp", "Cs"}
_SHOWN = 60


def check_number(what: str, value: object, least: float, most: float) -> None:
    """Raise ModelError unless a value is a number, finite, from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ModelError(
            f"The model's {what} should be a number from {least:g} to {most:g}, got {shown(value)}."
        )


def check_integer(what: str, value: object, least: int, most: int) -> None:
    """Raise ModelError unless a value is a whole number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ModelError(
            f"The model's {what} should be a whole number from {least:,} to {most:,}, got {shown(value)}."
        )


def check_text(what: str, value: object, most: int, *, lines: bool = False) -> None:
    """Raise ModelError unless a value is text of at most so many characters, without control characters.

    Args:
        what: the value's name in the error.
        value: to be checked.
        most: characters.
        lines: tabs and ends of lines may be in it.
    """
    if not isinstance(value, str) or len(value) > most:
        raise ModelError(
            f"The model's {what} should be text of at most {most:,} characters, got {shown(value)}."
        )
    if any(unicodedata.category(each) in _UNFIT and not (lines and each in "\n\t") for each in value):
        raise ModelError(f"The model's {what} should be without control characters, got {shown(value)}.")


def check_count(what: str, values: object, least: int, most: int) -> None:
    """Raise ModelError unless something holds from ``least`` to ``most`` values."""
    if not isinstance(values, Sized) or isinstance(values, (str, bytes)) or not least <= len(values) <= most:
        count = len(values) if isinstance(values, Sized) else shown(values)
        raise ModelError(f"The model's {what} should be {least:,} to {most:,} values, got {count}.")


def as_path(what: str, value: object) -> Path:
    """A path that is given as text or as a path; raises ArgumentError for anything else."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if isinstance(text, str) and text and "\0" not in text:
        return Path(text)
    raise ArgumentError(f"Expected {what} to be a path, got {shown(value)}")


def shown(value: object) -> str:
    """A value as an error shows it, in one line and no longer than that."""
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, lists within lists
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."
