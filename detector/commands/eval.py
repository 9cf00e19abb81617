"""``ssdlite eval``: what it reads, what it prints."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.options import (
    PATH,
    ModelOptions,
    Selection,
    accuracy_options,
    collected,
    images_option,
    is_given,
    model_options,
    rounds_option,
    score_option,
    selection_options,
)
from detector.errors import DatasetError
from detector.labels import parse_classes
from detector.system.files import check_writable
from detector.system.terminal import counted

if TYPE_CHECKING:
    from detector.data.dataset import Dataset
    from detector.evaluation.evaluate import Evaluation
    from detector.runtime import Detector
    from detector.spec import ModelSpec


@dataclass(frozen=True)
class _Settings:
    """How images are read and what is kept of what is found."""

    resize: Literal["half-pixel", "tf1"]
    score_threshold: float | None
    max_detections: int | None
    voting: bool
    tile: int | None


@dataclass(frozen=True)
class _Measured:
    """What was evaluated, with what, and what came out; ``detector`` is None for a file of detections."""

    name: str
    dataset: Dataset
    evaluation: Evaluation
    settings: dict[str, Any]
    detector: Detector | None
    contaminated: str | None

    @cached_property
    def causes(self) -> list[str]:
        """Why an AP next to nothing is so low."""
        from detector.checks.diagnosis import find_causes

        return find_causes(self.dataset, self.evaluation.detections, self.evaluation.metrics)


@click.command("eval", cls=OneValueCommand)
@click.argument("dataset", type=PATH, required=False)
@model_options
@images_option
@click.option("--annotations", type=PATH, help="COCO JSON file, if it is not found by itself.")
@selection_options
@click.option(
    "--resize",
    type=click.Choice(["half-pixel", "tf1"]),
    default="half-pixel",
    show_default=True,
    help="tf1 is the resize of the released TensorFlow 1 graph, for parity.",
)
@score_option(default=None, help="Least score.  [default: the model's]")
@click.option(
    "--max-detections", type=click.IntRange(1, 5000), help="Detections an image.  [default: the model's]"
)
@click.option(
    "--detections",
    type=PATH,
    help="File in COCO's results format to evaluate in place of a model, whatever wrote it.",
)
@accuracy_options
@click.option("--per-class", is_flag=True, help="Print the AP of each class.")
@click.option("--output", type=PATH, help="Folder for metrics.json and detections.json.")
@click.option(
    "--report", type=PATH, help="Folder for report.html: where AP is lost, with intervals and pictures."
)
@rounds_option
@click.option(
    "--write-thresholds",
    type=PATH,
    metavar="FILE",
    help="Write the model with the best score threshold of each class, which `ssdlite detect` then uses.",
)
@collected(ModelOptions, "chosen")
@collected(Selection, "selection")
@collected(_Settings, "settings")
@click.pass_context
def eval_command(
    context: click.Context,
    /,
    chosen: ModelOptions,
    selection: Selection,
    settings: _Settings,
    detections: Path | None,
    per_class: bool,
    output: Path | None,
    report: Path | None,
    rounds: int,
    write_thresholds: Path | None,
) -> None:
    """Evaluate a model on a dataset: the 12 COCO numbers, by pycocotools.

    DATASET is a folder in any of COCO's usual layouts, a COCO JSON file, or a folder with labels of another
    kind that `ssdlite train` takes. Without it the photographs that come with the package are used, to show
    that everything works.
    """
    from detector.data.selection import find_dataset, select_images
    from detector.export.threshold_writer import check_same_kind

    if detections is not None and is_given(context, "model"):
        raise click.UsageError("--detections takes the place of a model; leave out --model.")
    if detections is not None and write_thresholds is not None:
        raise DatasetError("--write-thresholds needs a model to write them into; leave out --detections.")
    sample = selection.dataset is None and selection.annotations is None
    whole = find_dataset(
        selection.dataset,
        selection.images,
        selection.annotations,
        selection.split,
        images_needed=detections is None,
    )
    for finding in whole.findings:
        echo(f"Note: {finding}")
    coco = select_images(whole, selection.image_ids, selection.limit)
    if write_thresholds is not None:
        check_same_kind(chosen.model, write_thresholds)
    for folder in filter(None, (output, report, write_thresholds and write_thresholds.absolute().parent)):
        check_writable(folder)
    about = {
        "dataset": "bundled sample" if sample else str(coco.source),
        "split": coco.split,
        "image_ids": None if selection.image_ids is None else str(selection.image_ids),
        "limit": selection.limit,
    }
    if detections is None:
        measured = _evaluate_model(coco, about, chosen, settings)
    else:
        measured = _evaluate_file(detections, whole, coco, about)
    _print(measured, per_class, echo)
    if output is not None:
        measured.evaluation.save(output, measured.settings)
        echo(f"Wrote {output / 'metrics.json'} and {output / 'detections.json'}.")
    if report is not None or write_thresholds is not None:
        _go_deeper(measured, report, rounds, write_thresholds)
    if sample and measured.detector is not None:
        _print_next_commands(len(coco.images), context.command_path)
    elif measured.contaminated and measured.detector is not None:
        _print_contamination(
            measured.contaminated, measured.detector.spec, subset=selection.image_ids is not None
        )


def _evaluate_model(coco: Dataset, about: dict[str, Any], chosen: ModelOptions, how: _Settings) -> _Measured:
    from detector.evaluation.evaluate import evaluate
    from detector.runtime import Detector
    from detector.system.opencv_build import missing_gui_note

    coco.check_images()
    if note := missing_gui_note():
        echo(note, err=True)
    detector = Detector.load(
        chosen.model,
        classes=parse_classes(chosen.classes),
        trust=chosen.trust,
        backend=chosen.backend,
        threads=chosen.threads,
        say=echo,
        **vars(how),
    )
    echo(f"{detector.spec.name} on {coco.source}: {_count(coco)}")
    evaluation = evaluate(detector, coco)
    contaminated = _contaminated_split(coco, detector.spec)
    settings = {
        "model": detector.spec.name,
        "model_file": chosen.model,
        "classes": chosen.classes,
        **about,
        "trained_on_this_split": contaminated is not None,
        "backend": detector.backend_name,
        "threads": detector.threads,
        "resize": how.resize,
        "score_threshold": detector.postprocess.score_threshold,
        "iou_threshold": detector.postprocess.iou_threshold,
        "max_detections": detector.postprocess.max_detections,
        "voting": how.voting,
        "tile": how.tile,
    }
    return _Measured(detector.spec.name, coco, evaluation, settings, detector, contaminated)


def _evaluate_file(path: Path, whole: Dataset, coco: Dataset, about: dict[str, Any]) -> _Measured:
    from detector.evaluation.evaluate import evaluate_detections
    from detector.evaluation.results import count_reaching_out, load_results

    found = load_results(path, whole, say=echo)
    echo(f"{path} on {coco.source}: {_count(coco)}, {counted(len(found), 'detection')}")
    if reaching := count_reaching_out(found, coco):
        echo(
            f"Note: {counted(reaching, 'box reaches', 'boxes reach')} beyond the image by more than a pixel, "
            "and COCO counts that as it is."
        )
    evaluation = evaluate_detections(coco, found)
    return _Measured(path.stem, coco, evaluation, {"detections": str(path), **about}, None, None)


def _count(coco: Dataset) -> str:
    return f"{counted(len(coco.images), 'image')}, {counted(len(coco.annotations), 'object')}"


def _go_deeper(measured: _Measured, report: Path | None, rounds: int, write_thresholds: Path | None) -> None:
    """Analyse the detections; write the report and the model with its thresholds."""
    from detector.evaluation.analysis import analyse
    from detector.evaluation.evaluate import versions_used
    from detector.export.threshold_writer import save_thresholds
    from detector.report.page import HTML, JSON, write_report

    evaluation, coco = measured.evaluation, measured.dataset
    analysis = analyse(
        coco,
        evaluation.detections,
        evaluation.category_ids,
        evaluation.metrics,
        rounds=rounds,
        causes=measured.causes,
    )
    if write_thresholds is not None and measured.detector is not None:
        path = save_thresholds(measured.detector, measured.settings["model_file"], analysis, write_thresholds)
        echo(f"Wrote {path}: the model with the best score threshold of each class.")
    if report is None:
        return
    notes = [
        f"Left out, because the model does not look for them: {', '.join(evaluation.unmatched)}."
    ] * bool(evaluation.unmatched)
    if measured.contaminated:
        notes.append(
            f"The model was trained on images of {measured.contaminated}: this is no clean accuracy."
        )
    write_report(
        report,
        analysis,
        title=f"{measured.name} on {coco.split}",
        subtitle=f"{_count(coco)} of {coco.source}, {date.today().isoformat()}",
        notes=notes,
        settings=measured.settings,
        versions=versions_used(),
    )
    ap = analysis.summary["AP"]
    if ap.low == ap.low:
        echo(f"AP {100 * ap.value:.2f}, 95 % interval {100 * ap.low:.2f} to {100 * ap.high:.2f}")
    echo(f"Wrote {report / HTML} and {report / JSON}.")


def _print(measured: _Measured, per_class: bool, say: Callable[[str], None]) -> None:
    from detector.evaluation.coco_metrics import MEANING, METRICS

    evaluation, settings = measured.evaluation, measured.settings
    if evaluation.other_size:
        first = evaluation.other_size[0].name
        say(
            f"Warning: {counted(len(evaluation.other_size), 'image has', 'images have')} another size than "
            f"the annotations say (the first is {first}); where the shape is the same, detections are scaled "
            "to it, otherwise boxes may not fit."
        )
    if evaluation.unmatched:
        say(f"Left out, because the model does not look for them: {', '.join(evaluation.unmatched)}")
    if per_class:
        say("\nAP by class, in percent (-1: the dataset has no such object)")
        for name, value in evaluation.metrics.per_class.items():
            say(f"  {name:20}{_percent(value):>7}")
    say("\nCOCO metrics, in percent (-1: the dataset has no such object)")
    for name in METRICS:
        say(f"  {name:6}{_percent(evaluation.metrics.summary[name]):>7}  {MEANING[name]}")
    for cause in measured.causes:
        say(f"\nAP is next to nothing. {cause}" if evaluation.metrics.summary["AP"] >= 0 else f"\n{cause}")
    if measured.detector is None:
        say(f"\n{counted(evaluation.images, 'image')}, split {settings['split']}")
        return
    say(
        f"\n{counted(evaluation.images, 'image')}, split {settings['split']}, backend {settings['backend']}, "
        f"{counted(settings['threads'], 'thread')}, resize {settings['resize']}, score threshold "
        f"{settings['score_threshold']:g}, IoU threshold {settings['iou_threshold']:g}, at most "
        f"{counted(settings['max_detections'], 'detection')} an image{_extras(settings)}"
    )
    say(f"{evaluation.images_per_second:.1f} images/s, from files to detections")


def _extras(settings: dict[str, Any]) -> str:
    """The options that raise AP, where they are at work: a number says how it was come by."""
    extras = ["voting"] if settings["voting"] else []
    extras += [f"tiles of {settings['tile']} pixels"] if settings["tile"] else []
    return "".join(f", {extra}" for extra in extras)


def _percent(value: float) -> str:
    return "-1" if value < 0 else f"{100 * value:.2f}"


def _contaminated_split(coco: Dataset, spec: ModelSpec) -> str | None:
    """The split of the dataset that the weights were trained on, if it is one."""
    splits = spec.card.get("contaminated", "").split(", ")
    return next((split for split in splits if split and split in f"{coco.split} {coco.origin}"), None)


def _print_next_commands(photographs: int, command: str) -> None:
    fetch, evaluate_coco = _next_commands(command)
    echo(
        f"\nThese were {photographs} photographs that come with the package: they show that everything "
        f"works, and say nothing about accuracy.\nFor the real thing:\n  {fetch} coco      # fetches COCO "
        f"val2017 into the folder coco, 1 GB\n  {evaluate_coco} coco"
    )


def _print_contamination(split: str, spec: ModelSpec, *, subset: bool) -> None:
    if subset:
        echo(
            f"\nNote: these weights were trained on images of {split}; the number is clean only if the ids "
            "are those of the minival, mscoco_minival_ids.txt."
        )
        return
    echo(
        f"\nNote: these weights were trained on images of {split} ({spec.card['trained_on']}). The number "
        "shows that they run as published; it is no clean accuracy. Clean are the images of val2017 that are "
        "also in mscoco_minival_ids.txt (tensorflow/models, research/object_detection/data): pass it with "
        "--image-ids."
    )


def _next_commands(command: str) -> tuple[str, str]:
    """How to fetch COCO and to evaluate on it, in the way in which this program was started."""
    if not command.endswith(".py"):
        return "ssdlite data coco", command
    if "UV" in os.environ:  # started by uv run, whose environment for the script is not on the path
        return "uvx --from . ssdlite data coco", f"uv run {command}"
    return "ssdlite data coco", f"python {command}"
