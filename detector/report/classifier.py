"""The report of a classifier as files: ``report.html`` and ``report.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from detector.data.dataset import DatasetImage
from detector.evaluation.bootstrap import Interval
from detector.evaluation.classification import ClassificationResult
from detector.report.classifier_advice import advise, warn
from detector.report.classifier_sections import (
    build_classes,
    build_confusions,
    build_numbers,
    build_photograph,
    build_pictures,
)
from detector.report.markup import bounds, cards, header, paragraph, percent
from detector.report.overview import build_method
from detector.report.page import HTML, JSON, About, lay_out
from detector.report.run import build_commands, build_folds, build_plan, build_state, build_training
from detector.system.files import replacing

_MOST_MISSES = 1000  # in the JSON


def write_classifier_report(
    folder: Path, result: ClassificationResult, images: Sequence[DatasetImage], about: About
) -> None:
    """Write both files into a folder.

    Args:
        folder: is made where it is missing.
        result: what the classifier said of pictures.
        images: these pictures, in the same order; files that are gone are not shown.
        about: what it is of; with the training that the weights come from, if it is of one.

    Raises:
        DetectorError: the folder cannot be written to, or the disk is full.
        ValueError: other pictures than those of the result.
    """
    if len(images) != len(result.names):
        raise ValueError(f"expected {len(result.names)} images, got {len(images)}")
    run = about.run
    sections = {
        "training": build_training(run) if run else "",
        "folds": build_folds(run) if run else "",
        "plan": build_plan(run) if run else "",
        "photograph": build_photograph(result, run.trained if run else None),
        "next": build_commands(run) if run else "",
        "numbers": build_numbers(result),
        "classes": build_classes(result),
        "confusions": build_confusions(result),
        "pictures": build_pictures(result, images),
        "method": build_method(about.settings, about.versions),
    }
    head = _build_head(result, about, build_state(run) if run else "")
    for name, content in ((JSON, _build_facts(result, about)), (HTML, lay_out(about.title, head, sections))):
        with replacing(folder / name) as path:
            path.write_text(content, "utf-8", "backslashreplace")  # names of files need not be UTF-8


def _build_head(result: ClassificationResult, about: About, state: str) -> str:
    """Title, what it is of, warnings, and the numbers that are asked for first; ``state`` is HTML."""
    top5 = result.top5_interval
    with_images = sum(each.images > 0 for each in result.per_class)
    shown = [
        ("accuracy", percent(result.accuracy), _interval(result.accuracy_interval)),
        ("balanced accuracy", percent(result.balanced_accuracy), _interval(result.balanced_interval)),
        *([("top-5 accuracy", percent(top5.value), _interval(top5))] if top5 else []),
        ("images", f"{len(result.names):,}", f"{int((~result.right).sum()):,} called wrongly"),
        ("classes", f"{len(result.classes):,}", f"{with_images:,} with images"),
    ]
    warnings = "".join(paragraph(note, "warning") for note in [*about.notes, *warn(result)])
    return header(about.title, about.subtitle, state + warnings + cards(shown))


def _interval(interval: Interval) -> str:
    return f"95 % interval {bounds(interval)}"


def _build_facts(result: ClassificationResult, about: About) -> str:
    """Everything that the page tells, but for the pictures; shares in [0, 1], and -1 where there is none."""
    facts = {
        **result.summary(),
        "confusions": [vars(each) for each in result.confusions()],
        "misses": [vars(each) for each in result.misses(_MOST_MISSES)],
        "photograph_next": advise(result),
        "warnings": warn(result),
        "settings": dict(about.settings),
        "versions": dict(about.versions),
    }
    return json.dumps(facts, indent=1)
