"""``ssdlite compare``: two models or two files of detections on the same images."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.options import (
    PATH,
    RuntimeOptions,
    Selection,
    collected,
    images_option,
    rounds_option,
    runtime_options,
    selection_options,
)
from detector.errors import DatasetError
from detector.system.files import check_writable, replacing
from detector.system.terminal import counted

if TYPE_CHECKING:
    from detector.data.dataset import Dataset
    from detector.evaluation.bootstrap import Interval
    from detector.evaluation.comparison import ClassDifference, Comparison, Difference, ImageDifference
    from detector.runtime import Detector

_SHOWN = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100", "ARs", "ARm", "ARl")
_MOST_CLASSES, _MOST_IMAGES = 5, 5
_TIMED_ROUNDS = 50


@dataclass(frozen=True)
class _Side:
    """One of the two: what it is called, what it looks for, what it found; a detector if it is a model."""

    name: str
    category_ids: frozenset[int]
    detections: list[dict[str, Any]]
    detector: Detector | None


@click.command("compare", cls=OneValueCommand)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.argument("dataset", type=PATH)
@images_option
@selection_options
@runtime_options
@rounds_option
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 100),
    default=0.5,
    show_default=True,
    help="Points of AP by which B may be worse before the exit code is 1.",
)
@click.option("--output", type=PATH, metavar="FILE", help="JSON file for everything that was compared.")
@collected(Selection, "selection")
@collected(RuntimeOptions, "runtime")
def compare_command(
    first: str,
    second: str,
    selection: Selection,
    runtime: RuntimeOptions,
    rounds: int,
    tolerance: float,
    output: Path | None,
) -> None:
    """Compare two models, or two files of detections, on the same DATASET.

    A and B are each a detections.json in COCO's results format, or a model as in `ssdlite eval --model`.
    Prints AP with intervals from a paired bootstrap, what changed by size, by class and by image, and the
    latency of models. Exits with 1 when B is worse than A by more than --tolerance, to guard a CI.
    """
    from detector.data.selection import find_dataset, select_images
    from detector.evaluation.bootstrap import LEAST_IMAGES
    from detector.evaluation.comparison import compare_detections

    files = [_is_file_of_detections(name) for name in (first, second)]
    whole = find_dataset(
        selection.dataset, selection.images, None, selection.split, images_needed=not all(files)
    )
    coco = select_images(whole, selection.image_ids, selection.limit)
    if output is not None:
        check_writable(output.absolute().parent)
    sides = [_build_side(name, whole, coco, runtime) for name in (first, second)]
    categories = _common_categories(sides, coco)
    comparison = compare_detections(
        coco, *(side.detections for side in sides), category_ids=categories, rounds=rounds
    )
    difference = comparison.summary["AP"].difference.value
    if difference != difference:
        raise DatasetError(f"{coco.source} has no object of a class that both look for: nothing to compare.")
    echo(
        f"AP in percent over {counted(len(coco.images), 'image')}, 95 % intervals from {rounds:,} resamplings"
    )
    for letter, side in zip("AB", sides, strict=True):
        echo(f"  {letter}  {side.name}")
    if len(coco.images) < LEAST_IMAGES:
        echo("So few images say nothing about others, whatever the intervals.")
    _print(comparison)
    latency = _time(sides, coco)
    worse = 100 * difference < -tolerance - 1e-9
    if output is not None:
        _save(output, sides, comparison, latency, tolerance, worse)
        echo(f"Wrote {output}.")
    if worse:
        echo(f"B is worse by {-100 * difference:.2f} points of AP; the tolerance is {tolerance:g}.")
        sys.exit(1)
    echo(f"B is not worse by more than the tolerance of {tolerance:g} points of AP.")


def _is_file_of_detections(name: str) -> bool:
    return Path(name).suffix.lower() == ".json"


def _build_side(name: str, whole: Dataset, coco: Dataset, runtime: RuntimeOptions) -> _Side:
    from detector.evaluation.evaluate import detect_dataset, match_categories
    from detector.evaluation.results import load_results
    from detector.runtime import Detector

    if _is_file_of_detections(name):
        return _Side(name, frozenset(coco.categories), load_results(Path(name), whole, say=echo), None)
    detector = Detector.load(name, score_threshold=None, say=echo, **vars(runtime))
    matched = frozenset(match_categories(detector.classes, coco.categories).values())
    return _Side(name, matched, detect_dataset(detector, coco)[0], detector)


def _common_categories(sides: Sequence[_Side], coco: Dataset) -> list[int]:
    common = frozenset.intersection(*(side.category_ids for side in sides))
    absent = [name for id_, name in coco.categories.items() if id_ not in common]
    if absent:
        echo(f"Left out, because not both look for them: {', '.join(absent)}")
    return sorted(common)


def _print(comparison: Comparison) -> None:
    echo(f"\n  {'':6}{'A':24}{'B':24}B minus A")
    for name in _SHOWN:
        each = comparison.summary[name]
        if each.first.value != each.first.value:
            echo(f"  {name:6}-1: the images have no such object")
            continue
        echo(f"  {name:6}{_show(each.first):24}{_show(each.second):24}{_show_difference(each)}")
    lost = [each for each in comparison.classes if each.ap.difference.value < 0][:_MOST_CLASSES]
    won = [each for each in reversed(comparison.classes) if each.ap.difference.value > 0][:_MOST_CLASSES]
    _print_classes("Classes that lost most", lost)
    _print_classes("Classes that won most", won)
    worse = [each for each in comparison.images if each.errors_more > 0][:_MOST_IMAGES]
    better = [each for each in reversed(comparison.images) if each.errors_more < 0][:_MOST_IMAGES]
    _print_images("Images with the most new errors", worse)
    _print_images("Images with the most errors less", better)
    echo()


def _print_classes(title: str, classes: Sequence[ClassDifference]) -> None:
    if classes:
        echo(f"\n{title}, AP")
    for each in classes:
        difference = each.ap.difference
        said = f"{100 * difference.value:+6.2f} in too few images to say more"
        if difference.low == difference.low:
            said = _show_difference(each.ap)
        echo(f"  {each.name:20} {said}  ({counted(each.objects, 'object')})")


def _print_images(title: str, images: Sequence[ImageDifference]) -> None:
    if images:
        echo(f"\n{title} (found, not found, false)")
    for each in images:
        counts = " -> ".join(", ".join(map(str, side)) for side in (each.first, each.second))
        echo(f"  {each.name}: {counts}")


def _show(interval: Interval, sign: str = "") -> str:
    value, low, high = (
        f"{100 * number:{sign}.2f}" for number in (interval.value, interval.low, interval.high)
    )
    return f"{value:>6} [{low}, {high}]"


def _show_difference(each: Difference) -> str:
    return f"{_show(each.difference, '+'):24}{'beyond' if each.beyond_chance else 'within'} chance"


def _time(sides: Sequence[_Side], coco: Dataset) -> dict[str, dict[str, float]]:
    """Milliseconds of a whole frame of each model, in turns; printed, and empty where there is no model."""
    from detector.bench import time_interleaved
    from detector.data.dataset import load_dataset_image

    detectors = {
        letter: side.detector for letter, side in zip("AB", sides, strict=True) if side.detector is not None
    }
    if not detectors:
        return {}
    frame = load_dataset_image(coco.images[0])
    calls = {letter: partial(detector.detect, frame) for letter, detector in detectors.items()}
    timings = time_interleaved(calls, _TIMED_ROUNDS)
    size = f"{frame.shape[1]} x {frame.shape[0]}"
    echo(f"Latency of a frame of {size}, in turns, median and 95th percentile")
    for letter, timing in timings.items():
        echo(f"  {letter}  {timing.p50:.1f} ms, {timing.p95:.1f} ms")
    return {letter: asdict(timing) for letter, timing in timings.items()}


def _save(
    path: Path,
    sides: Sequence[_Side],
    comparison: Comparison,
    latency: dict[str, dict[str, float]],
    tolerance: float,
    worse: bool,
) -> None:
    from detector.evaluation.measure import nan_to_minus_1

    record = {
        "A": sides[0].name,
        "B": sides[1].name,
        "tolerance": tolerance,
        "worse_by_more_than_tolerance": worse,
        "latency_ms": latency,
        **asdict(comparison),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(nan_to_minus_1(record), indent=1))
