"""``ssdlite compare``: two models or two files of detections on the same images."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.compare_classifiers import compare_classifiers
from detector.commands.option_kinds import PATH, InputSizes
from detector.commands.options import (
    RuntimeOptions,
    Selection,
    collected,
    images_option,
    rounds_option,
    runtime_options,
    selection_options,
)
from detector.system.files import check_writable
from detector.system.terminal import counted

if TYPE_CHECKING:
    from detector.api.comparison import Comparison
    from detector.api.inputs import LoadOptions
    from detector.evaluation.comparison import ClassDifference, ImageDifference
    from detector.runtime import Detector
    from detector.system.timing import Timing

_SHOWN = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100", "ARs", "ARm", "ARl")
_MOST_CLASSES, _MOST_IMAGES = 5, 5


@dataclass(frozen=True)
class _Sides:
    """What is compared."""

    first: str
    second: str
    input_sizes: tuple[str, ...]

    def open(self, runtime: RuntimeOptions) -> tuple[str | Detector, str | Detector]:
        """A and B as ``compare`` takes them: opened, where input sizes are given."""
        from detector.runtime import Detector

        sizes = self.input_sizes
        if not sizes:
            return self.first, self.second
        files = [name for name in (self.first, self.second) if _is_file_of_detections(name)]
        if len(sizes) > 2 or len(sizes) + len(files) > 2 or len(files) == 2:
            raise click.UsageError("--input-size is that of the models, or given twice, of A and of B.")
        first, second = (
            name
            if name in files
            else Detector.load(name, input_size=size, score_threshold=None, say=echo, **runtime.for_loading())
            for name, size in ((self.first, sizes[0]), (self.second, sizes[-1]))
        )
        return first, second


@click.command("compare", cls=OneValueCommand)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.argument("dataset", type=PATH)
@images_option
@selection_options
@runtime_options
@click.option(
    "--input-size",
    "input_sizes",
    type=InputSizes(),
    multiple=True,
    metavar="SIZES",
    help="Input size of the models, as for `ssdlite eval`; given twice, that of A and that of B.",
)
@rounds_option
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 100),
    default=0.5,
    show_default=True,
    help="Points of AP, or of accuracy, by which B may be worse before the exit code is 1.",
)
@click.option("--output", type=PATH, metavar="FILE", help="JSON file for everything that was compared.")
@collected(Selection, "selection")
@collected(_Sides, "sides")
@collected(RuntimeOptions, "runtime")
@click.pass_context
def compare_command(
    context: click.Context,
    /,
    sides: _Sides,
    selection: Selection,
    runtime: RuntimeOptions,
    rounds: int,
    tolerance: float,
    output: Path | None,
) -> None:
    """Compare two models, or two files of detections, on the same DATASET.

    A and B are each a detections.json in COCO's results format, or a model as in `ssdlite eval --model`.
    Prints AP with intervals from a paired bootstrap, what changed by size, by class and by image, and the
    latency of models. On a folder of pictures for each class, A and B are classifiers, or a predictions.json
    of `ssdlite eval`, and accuracy is compared. Exits with 1 when B is worse than A by more than --tolerance,
    to guard a CI.
    """
    from detector.api.comparison import compare
    from detector.api.inputs import load_dataset

    dataset = load_dataset(
        selection.dataset,
        split=selection.split,
        images=selection.images,
        images_needed=not all(_is_file_of_detections(name) for name in (sides.first, sides.second)),
        progress=True,
    )
    if output is not None:
        check_writable(output.absolute().parent)
    if dataset.names_pictures:
        compare_classifiers(context, dataset, (sides.first, sides.second), selection, runtime)
        return
    how: LoadOptions = {}  # Detectors take none
    if not sides.input_sizes:
        how = {"trust": runtime.trust, "backend": runtime.backend, "threads": runtime.threads}
    comparison = compare(
        *sides.open(runtime),
        dataset,
        rounds=rounds,
        say=echo,
        progress=True,
        image_ids=selection.image_ids,
        limit=selection.limit,
        **how,
    )
    _print_head(comparison, rounds)
    _print(comparison)
    latency = _time(comparison)
    if output is not None:
        comparison.save(output, tolerance=tolerance, latency=latency)
        echo(f"Wrote {output}.")
    if comparison.is_worse(tolerance):
        loss = -100 * comparison.summary["AP"].difference.value
        echo(f"B is worse by {loss:.2f} points of AP; the tolerance is {tolerance:g}.")
        sys.exit(1)
    echo(f"B is not worse by more than the tolerance of {tolerance:g} points of AP.")


def _print_head(comparison: Comparison, rounds: int) -> None:
    """What is compared, and on how much."""
    from detector.evaluation.bootstrap import LEAST_IMAGES
    from detector.input_sizes import describe_sizes

    images = len(comparison.dataset.images)
    echo(f"AP in percent over {counted(images, 'image')}, 95 % intervals from {rounds:,} resamplings")
    for letter, name in zip("AB", comparison.names, strict=True):
        detector = comparison.detectors.get(letter)
        size = f", input size {describe_sizes(detector.input_sizes)}" if detector else ""
        echo(f"  {letter}  {name}{size}")
    if images < LEAST_IMAGES:
        echo("So few images say nothing about others, whatever the intervals.")


def _is_file_of_detections(name: str) -> bool:
    """Whether A or B is no model."""
    return Path(name).suffix.lower() == ".json"


def _print(comparison: Comparison) -> None:
    from detector.evaluation.comparison import show_difference, show_interval

    echo(f"\n  {'':6}{'A':24}{'B':24}B minus A")
    for name in _SHOWN:
        each = comparison.summary[name]
        if each.first.value != each.first.value:
            echo(f"  {name:6}-1: the images have no such object")
            continue
        both = f"{show_interval(each.first):24}{show_interval(each.second):24}"
        echo(f"  {name:6}{both}{show_difference(each)}")
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
    from detector.evaluation.comparison import show_difference

    if classes:
        echo(f"\n{title}, AP")
    for each in classes:
        difference = each.ap.difference
        said = f"{100 * difference.value:+6.2f} in too few images to say more"
        if difference.low == difference.low:
            said = show_difference(each.ap)
        echo(f"  {each.name:20} {said}  ({counted(each.objects, 'object')})")


def _print_images(title: str, images: Sequence[ImageDifference]) -> None:
    if images:
        echo(f"\n{title} (found, not found, false)")
    for each in images:
        counts = " -> ".join(", ".join(map(str, side)) for side in (each.first, each.second))
        echo(f"  {each.name}: {counts}")


def _time(comparison: Comparison) -> dict[str, Timing]:
    """Milliseconds of a whole frame of each model, printed; empty where there is no model."""
    from detector.data.dataset import load_dataset_image

    if not comparison.detectors:
        return {}
    frame = load_dataset_image(comparison.dataset.images[0])
    latency = comparison.time(frame, progress=True)
    size = f"{frame.shape[1]} x {frame.shape[0]}"
    echo(f"Latency of a frame of {size}, in turns, median and 95th percentile")
    for letter, timing in latency.items():
        echo(f"  {letter}  {timing.p50:.1f} ms, {timing.p95:.1f} ms")
    return latency
