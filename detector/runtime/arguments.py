"""Arguments of ``Detector.load``, checked before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from detector.errors import ArgumentError
from detector.system.bounds import shown

MOST_THREADS = 1024


def check_model(model: Any) -> None:
    """Raise ArgumentError unless that is text or a path, and not empty."""
    if not isinstance(model, str | os.PathLike) or os.fspath(model) in ("", os.fsencode(model)):
        raise ArgumentError(f"Expected a model's name or the path of its file, got {shown(model)}")


def check_whole(name: str, number: Any, most: int | None = None) -> None:
    """Raise ArgumentError unless that is a whole number from 1 on, or None."""
    if number is None:
        return
    is_whole = isinstance(number, Integral) and not isinstance(number, bool)
    if not is_whole or not 1 <= number <= (number if most is None else most):
        limits = "from 1 on" if most is None else f"from 1 to {most:,}"
        raise ArgumentError(f"Expected {name} to be a whole number {limits}, or None, got {shown(number)}")


def class_list(classes: Any) -> list[str] | None:
    """The class names as a list; None for None.

    Raises:
        ArgumentError: one text, or something that holds no texts.
    """
    if classes is None:
        return None
    names: list[Any] = [None]
    if isinstance(classes, Iterable) and not isinstance(classes, str | bytes):
        names = list(classes)
    if not all(isinstance(name, str) for name in names):
        raise ArgumentError(
            f'Expected classes to be a list of names, such as ["person"], got {shown(classes)}'
        )
    return names
