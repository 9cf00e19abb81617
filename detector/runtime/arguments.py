"""Arguments of ``Detector.load``, checked before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from numbers import Integral

from detector.errors import ArgumentError
from detector.runtime.backend import check_name
from detector.runtime.tiling import check_tile
from detector.system.bounds import shown

MOST_THREADS = 1024


def check_load(
    model: object, backend: str | None, threads: object, max_detections: object, tile: object
) -> None:
    """Raise ArgumentError unless each is what ``Detector.load`` takes, BackendError for no such backend."""
    check_model(model)
    check_whole("threads", threads, MOST_THREADS)
    check_whole("max_detections", max_detections)
    if tile is not None:
        check_tile(tile)
    check_name(backend)


def check_model(model: object) -> None:
    """Raise ArgumentError unless that is text or a path, and not empty."""
    if not isinstance(model, str | os.PathLike) or os.fspath(model) in ("", os.fsencode(model)):
        raise ArgumentError(f"Expected a model's name or the path of its file, got {shown(model)}")


def check_whole(name: str, number: object, most: int | None = None) -> None:
    """Raise ArgumentError unless that is a whole number from 1 on, or None."""
    if number is None:
        return
    whole = int(number) if isinstance(number, Integral) and not isinstance(number, bool) else 0
    if not 1 <= whole <= (whole if most is None else most):
        limits = "from 1 on" if most is None else f"from 1 to {most:,}"
        raise ArgumentError(f"Expected {name} to be a whole number {limits}, or None, got {shown(number)}")


def class_list(classes: object) -> list[str] | None:
    """The class names as a list; None for None.

    Raises:
        ArgumentError: one text, or something that holds no texts.
    """
    if classes is None:
        return None
    names: list[object] = [None]
    if isinstance(classes, Iterable) and not isinstance(classes, str | bytes):
        names = list(classes)
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) < len(names):
        raise ArgumentError(
            f'Expected classes to be a list of names, such as ["person"], got {shown(classes)}'
        )
    return texts
