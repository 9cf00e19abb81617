"""``ssdlite eval``: what it reads, what it prints."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.contamination import only_clean, print_contamination
from detector.commands.eval_classifier import evaluate_pictures
from detector.commands.option_kinds import PATH
from detector.commands.options import (
    AccuracyOptions,
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
from detector.system.invocation import command
from detector.system.terminal import counted

if TYPE_CHECKING:
    from detector.api.evaluation import Evaluation
    from detector.api.inputs import LoadOptions
    from detector.data.dataset import Dataset
    from detector.runtime import Detector


@dataclass(frozen=True, kw_only=True)
class _Settings(AccuracyOptions):
    """How images are looked at and what is kept of what is found."""

    resize: Literal["half-pixel", "tf1"]
    score_threshold: float | None
    max_detections: int | None


@dataclass(frozen=True)
class _Written:
    """What is written, beside what is printed."""

    output: Path | None
    report: Path | None
    rounds: int
    write_thresholds: Path | None

    def check(self, model: str, accuracy: AccuracyOptions) -> None:
        """Raise DetectorError where something could not be written in the end."""
        from detector.exports.threshold_writer import check_target

        thresholds = self.write_thresholds
        if thresholds is not None:
            check_target(model, thresholds, accuracy.input_size, accurate=accuracy.accurate)
        for folder in filter(None, (self.output, self.report, thresholds and thresholds.absolute().parent)):
            check_writable(folder)


@click.command("eval", cls=OneValueCommand)
@click.argument("dataset", type=PATH, required=False)
@model_options
@images_option
@click.option("--annotations", type=PATH, help="COCO JSON file, if it is not found by itself.")
@selection_options
@click.option(
    "--clean",
    is_flag=True,
    help="Take only the images of COCO val2017 or val2014 that the released weights were not trained on.",
)
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
@collected(_Written, "written")
@click.pass_context
def eval_command(
    context: click.Context,
    /,
    chosen: ModelOptions,
    selection: Selection,
    settings: _Settings,
    detections: Path | None,
    per_class: bool,
    written: _Written,
) -> None:
    """Evaluate a model on a dataset: the 12 COCO numbers, by pycocotools.

    DATASET is a folder in any of COCO's usual layouts, a COCO JSON file, or a folder with labels of another
    kind that `ssdlite train` takes; a classifier is evaluated on a folder of pictures for each class, and its
    accuracy printed. Without DATASET the photographs that come with the package are used, to show that
    everything works.
    """
    from detector.api.evaluation import evaluate
    from detector.system.opencv_build import missing_gui_note

    if detections is not None:
        _refuse_beside_detections(context)
    if detections is not None and written.write_thresholds is not None:
        raise DatasetError("--write-thresholds needs a model to write them into; leave out --detections.")
    if selection.clean and selection.image_ids is not None:
        raise click.UsageError("--clean and --image-ids both say which images; leave one of them out.")
    sample = selection.dataset is None and selection.annotations is None
    dataset = _load(selection, images_needed=detections is None)
    if dataset is not None and dataset.names_pictures:
        evaluate_pictures(context, dataset, chosen, selection)
        return
    image_ids = only_clean(dataset) if selection.clean else selection.image_ids
    written.check(chosen.model, settings)
    if detections is None and (note := missing_gui_note()):
        echo(note, err=True)
    evaluation = evaluate(
        dataset,
        model=chosen.model if detections is None else None,
        detections=detections,
        say=echo,
        progress=True,
        image_ids=image_ids,
        limit=selection.limit,
        **(_options_for_loading(chosen, settings) if detections is None else {}),
    )
    written_so = {"classes": chosen.classes} if chosen.classes is not None and detections is None else {}
    if selection.clean:
        written_so["image_ids"] = "--clean"
    evaluation = replace(evaluation, settings={**evaluation.settings, **written_so})
    _print(evaluation, per_class)
    if written.output is not None:
        evaluation.save(written.output)
        echo(f"Wrote {written.output / 'metrics.json'} and {written.output / 'detections.json'}.")
    if written.report is not None or written.write_thresholds is not None:
        _go_deeper(evaluation, chosen.model, written)
    if sample and evaluation.detector is not None:
        _print_next_commands(evaluation.images)
    else:
        print_contamination(evaluation)


def _refuse_beside_detections(context: click.Context) -> None:
    """Raise UsageError for options that say how a model looks: the detections are there already."""
    names = [field.name for kind in (ModelOptions, _Settings) for field in fields(kind)]
    given = [name for name in names if is_given(context, name)]
    options = [each.opts[0] for each in context.command.params if each.name in given]
    if options:
        raise click.UsageError(f"--detections are there already; leave out {', '.join(options)}.")


def _load(selection: Selection, *, images_needed: bool) -> Dataset | None:
    """What is to be evaluated on; None is the bundled sample as it is."""
    from detector.api.inputs import load_dataset

    named = selection.dataset, selection.annotations, selection.images, selection.split
    if named == (None, None, None, None):
        return None
    return load_dataset(
        selection.dataset,
        split=selection.split,
        images=selection.images,
        annotations=selection.annotations,
        images_needed=images_needed,
        say=echo,
        progress=True,
    )


def _options_for_loading(chosen: ModelOptions, settings: _Settings) -> LoadOptions:
    how = settings.for_loading()
    return {
        "backend": chosen.backend,
        "threads": chosen.threads,
        "classes": parse_classes(chosen.classes),
        "trust": chosen.trust,
        "resize": settings.resize,
        "score_threshold": settings.score_threshold,
        "max_detections": settings.max_detections,
        "input_size": how["input_size"],
        "accurate": how["accurate"],
        "voting": how["voting"],
        "tile": how["tile"],
    }


def _go_deeper(evaluation: Evaluation, model: str, written: _Written) -> None:
    """Analyse the detections; write the report and the model with its thresholds."""
    from detector.exports.threshold_writer import save_thresholds
    from detector.report.page import HTML, JSON

    analysis = evaluation.analyse(rounds=written.rounds, progress=True)
    if written.write_thresholds is not None and evaluation.detector is not None:
        path = save_thresholds(evaluation.detector, model, analysis, written.write_thresholds)
        echo(f"Wrote {path}: the model with the best score threshold of each class.")
    report = written.report
    if report is None:
        return
    evaluation.report(report, analysis, progress=True)
    ap = analysis.summary["AP"]
    if ap.low == ap.low:
        echo(f"AP {100 * ap.value:.2f}, 95 % interval {100 * ap.low:.2f} to {100 * ap.high:.2f}")
    echo(f"Wrote {report / HTML} and {report / JSON}.")


def _print(evaluation: Evaluation, per_class: bool) -> None:
    from detector.api.evaluation import percent
    from detector.evaluation.coco_metrics import MEANING

    if evaluation.other_size:
        first = evaluation.other_size[0].name
        echo(
            f"Warning: {counted(len(evaluation.other_size), 'image has', 'images have')} another size than "
            f"the annotations say (the first is {first}); where the shape is the same, detections are scaled "
            "to it, otherwise boxes may not fit."
        )
    if evaluation.unmatched:
        echo(f"Left out, because the model does not look for them: {', '.join(evaluation.unmatched)}")
    if per_class:
        echo("\nAP by class, in percent (-1: the dataset has no such object)")
        for name, value in evaluation.metrics.per_class.items():
            echo(f"  {name:20}{percent(value):>7}")
    echo("\nCOCO metrics, in percent (-1: the dataset has no such object)")
    for name, value in evaluation.summary.items():
        echo(f"  {name:6}{percent(value):>7}  {MEANING[name]}")
    for cause in evaluation.causes:
        echo(f"\nAP is next to nothing. {cause}" if evaluation.ap >= 0 else f"\n{cause}")
    looked_at = f"\n{counted(evaluation.images, 'image')}, split {evaluation.dataset.split}"
    detector = evaluation.detector
    if detector is None:
        echo(looked_at)
        return
    post = detector.postprocess
    echo(
        f"{looked_at}, backend {detector.backend_name}, {counted(detector.threads, 'thread')}, resize "
        f"{detector.preprocess.resize}, score threshold {post.score_threshold:g}, IoU threshold "
        f"{post.iou_threshold:g}, at most {counted(post.max_detections, 'detection')} an image"
        f"{_extras(detector)}"
    )
    echo(f"{evaluation.images_per_second:.1f} images/s, from files to detections")


def _extras(detector: Detector) -> str:
    """The input size, and the options that raise AP, where they are at work: a number says how it was come
    by.
    """
    from detector.input_sizes import name_sizes

    extras = [name_sizes(detector.input_sizes)]
    extras += ["voting"] if detector.postprocess.voting else []
    extras += [f"tiles of {detector.tile} pixels"] if detector.tile else []
    return "".join(f", {extra}" for extra in extras)


def _print_next_commands(photographs: int) -> None:
    fetch, evaluate = command("data", "coco", "coco", "--clean"), command("eval", "coco")
    echo(
        f"\nThese were {photographs} photographs that come with the package: they show that everything "
        f"works, and say nothing about accuracy.\nFor the real thing:\n  {fetch}  # fetches what these "
        f"weights have not seen of COCO val2017 into the folder coco, some 170 MB\n  {evaluate}"
    )
