"""Arguments of ``Detector.load``, checked before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from detector.errors import ArgumentError
from detector.input_sizes import SizeHW, accurate_sizes, read_sizes
from detector.labels import parse_classes
from detector.runtime.backend import check_name
from detector.runtime.tiling import check_tile
from detector.spec import ModelSpec
from detector.system.bounds import shown

MOST_THREADS = 1024
_SETTINGS = {
    *("any_size", "backend", "backend_name", "input_sizes", "own_hw", "postprocess", "preprocess"),
    *("score_threshold", "spec", "threads", "tile"),
}


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


def check_setting(name: str, value: object) -> None:
    """Raise ArgumentError for an attribute that a Detector does not have, or that cannot be changed."""
    if name == "tile" and value is not None:
        check_tile(value)
    if not name.startswith("_") and name not in _SETTINGS:
        raise ArgumentError(
            f"A Detector has no setting {shown(name)} that can be changed; give it to Detector.load"
        )


def check_whole(name: str, number: object, most: int | None = None) -> None:
    """Raise ArgumentError unless that is a whole number from 1 on, or None."""
    if number is None:
        return
    whole = int(number) if isinstance(number, Integral) and not isinstance(number, bool) else 0
    if not 1 <= whole <= (whole if most is None else most):
        limits = "from 1 on" if most is None else f"from 1 to {most:,}"
        raise ArgumentError(f"Expected {name} to be a whole number {limits}, or None, got {shown(number)}")


def class_list(classes: object) -> list[str] | None:
    """The class names as a list, also from one text that joins them by commas; None for None.

    Raises:
        ArgumentError: something that holds no texts.
    """
    if classes is None or isinstance(classes, str):
        return parse_classes(classes)
    names: list[object] = [None]
    if isinstance(classes, Iterable) and not isinstance(classes, bytes):
        names = list(classes)
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) < len(names):
        raise ArgumentError(
            f'Expected classes to be a name or a list of names, such as ["person"], got {shown(classes)}'
        )
    return texts


def chosen_sizes(own_hw: SizeHW, input_size: object, *, accurate: bool) -> tuple[SizeHW, ...]:
    """The input sizes that are asked for, the smallest first; the model's own if none are.

    Raises:
        ArgumentError: no such sizes, or sizes beside ``accurate``.
    """
    if accurate and input_size is not None:
        raise ArgumentError("accurate chooses the input sizes; leave out input_size")
    if accurate:
        return accurate_sizes(own_hw)
    return (own_hw,) if input_size is None else read_sizes(input_size)


def least_scores(
    spec: ModelSpec, score_threshold: float | None, of_classes: bool
) -> tuple[float | None, NDArray[np.float32] | None]:
    """The least score of a detection, and that of each class (K,) where they differ: the spec's own, or for
    classes that have none the given one.
    """
    own = spec.class_thresholds
    if not (of_classes and own):
        return score_threshold, None
    others = spec.score_threshold if score_threshold is None else score_threshold
    least = [own.get(name, others) for name in spec.classes]
    return None if score_threshold is None else min(least), np.array(least, np.float32)
