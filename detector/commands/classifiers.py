"""``--classify CLASS=RUN``: classifiers that give the objects of a class their finer names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from detector.commands.options import ModelOptions
from detector.errors import BackendError, DetectorError

if TYPE_CHECKING:
    from detector.runtime import Detector
    from detector.runtime.classifier import Classifier
    from detector.runtime.second_stage import SecondStage
    from detector.video.tracking import Tracker


def read_classifiers(texts: Sequence[str]) -> dict[str, str]:
    """The models of classifiers by class, as ``--classify`` has them.

    Raises:
        UsageError: no class or no model, or two models for one class.
    """
    named: dict[str, str] = {}
    for text in texts:
        name, _, model = text.partition("=")
        if not (name.strip() and model.strip()):
            raise click.UsageError(
                f"--classify is a class and the run of its classifier, such as bird=runs/birds, got {text!r}."
            )
        if name.strip() in named:
            raise click.UsageError(f"--classify has two models for {name.strip()}; give one.")
        named[name.strip()] = model.strip()
    return named


def open_second_stage(
    detector: Detector, named: dict[str, str], chosen: ModelOptions, say: Callable[[str], None]
) -> SecondStage | None:
    """The second stage with these models; None without any.

    Raises:
        DetectorError: the detector has no such class, or a model is no classifier.
    """
    if not named:
        return None
    from detector.labels import find_classes
    from detector.runtime.classifier import Classifier
    from detector.runtime.second_stage import SecondStage

    find_classes(list(named), detector.classes)  # before anything is loaded
    classifiers = {}
    for name, model in named.items():
        try:
            classifiers[name] = Classifier.load(model, threads=chosen.threads, trust=chosen.trust, say=say)
        except DetectorError as error:
            raise DetectorError(f"--classify {name}={model}: {error}") from error
        say(f"Each {name} is named by {classifiers[name].spec.name}: {_describe(classifiers[name])}.")
    return SecondStage(detector, classifiers)


def _describe(classifier: Classifier) -> str:
    from detector.labels import listing

    return listing(classifier.classes, most=5)


def open_tracker(*, needed: bool, wished: bool, say: Callable[[str], None]) -> Tracker | None:
    """What follows objects, where that is needed, or wished and possible; says what its lack means.

    Raises:
        BackendError: it is needed, and its package is not installed.
    """
    if not (needed or wished):
        return None
    from detector.video.tracking import Tracker

    try:
        return Tracker()
    except BackendError as error:
        if needed:
            raise
        say(f"{error} Without it the largest objects of each frame are named, each frame anew.")
        return None
