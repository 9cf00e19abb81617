"""``ssdlite eval``: what it reads, what it prints."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from detector.data.coco import load_coco
from detector.data.dataset import Dataset
from detector.data.folder import load_split
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DatasetError
from detector.evaluation.coco_metrics import METRICS
from detector.evaluation.evaluate import Evaluation, evaluate
from detector.files import check_writable
from detector.labels import parse_classes
from detector.opencv_build import missing_gui_note
from detector.runtime import Detector
from detector.spec import ModelSpec

_MEANING = {
    "AP": "mean over IoU .50 to .95",
    "AP50": "IoU .50",
    "AP75": "IoU .75",
    "APs": "small objects (under 32 x 32 pixels)",
    "APm": "medium objects",
    "APl": "large objects (over 96 x 96 pixels)",
    "AR1": "recall with 1 detection an image",
    "AR10": "recall with 10",
    "AR100": "recall with 100",
    "ARs": "recall, small objects",
    "ARm": "recall, medium objects",
    "ARl": "recall, large objects",
}


def run_evaluation(
    *,
    command: str,
    dataset: Path | None,
    images: Path | None,
    annotations: Path | None,
    split: str | None,
    image_ids: Path | None,
    limit: int | None,
    model: str,
    backend: str,
    threads: int | None,
    classes: str | None,
    resize: Literal["half-pixel", "tf1"],
    score_threshold: float | None,
    max_detections: int | None,
    voting: bool,
    tile: int | None,
    per_class: bool,
    output: Path | None,
) -> None:
    """Evaluate, print the numbers, and write them to a folder if one is given."""
    sample = dataset is None and annotations is None
    labelled = dataset is not None and (dataset.is_dir() or dataset.suffix in (".yaml", ".yml"))
    if dataset is not None and labelled and annotations is None and images is None:
        coco = load_split(dataset, split)
    else:
        coco = load_coco(
            SAMPLE_FOLDER if sample else dataset, annotations=annotations, images=images, split=split
        )
    coco = select_images(coco, image_ids, limit)
    coco.check_images()
    if note := missing_gui_note():
        click.echo(note, err=True)
    if output is not None:
        check_writable(output)
    detector = Detector.load(
        model,
        backend=backend,
        threads=threads,
        classes=parse_classes(classes),
        score_threshold=score_threshold,
        max_detections=max_detections,
        resize=resize,
        voting=voting,
        tile=tile,
        say=click.echo,
    )
    click.echo(
        f"{detector.spec.name} on {coco.source}: {len(coco.images):,} images, "
        f"{len(coco.annotations):,} objects"
    )
    evaluation = evaluate(detector, coco)
    contaminated = _contaminated_split(coco, detector.spec)
    settings = {
        "model": detector.spec.name,
        "model_file": model,
        "classes": classes,
        "dataset": "bundled sample" if sample else str(coco.source),
        "split": coco.split,
        "image_ids": None if image_ids is None else str(image_ids),
        "limit": limit,
        "trained_on_this_split": contaminated is not None,
        "backend": backend,
        "threads": detector.threads,
        "resize": resize,
        "score_threshold": detector.postprocess.score_threshold,
        "iou_threshold": detector.postprocess.iou_threshold,
        "max_detections": detector.postprocess.max_detections,
        "voting": voting,
        "tile": tile,
    }
    _print(evaluation, settings, per_class, click.echo)
    if output is not None:
        evaluation.save(output, settings)
        click.echo(f"Wrote {output / 'metrics.json'} and {output / 'detections.json'}.")
    if sample:
        _print_next_commands(len(coco.images), command)
    elif contaminated:
        _print_contamination(contaminated, detector.spec, subset=image_ids is not None)


def select_images(dataset: Dataset, image_ids: Path | None, limit: int | None) -> Dataset:
    """The dataset cut to the ids in a file and to a number of images, where they are given."""
    if image_ids is None and limit is None:
        return dataset
    return dataset.select(None if image_ids is None else _read_ids(image_ids), limit)


def _read_ids(path: Path) -> set[int]:
    try:
        return {int(word) for word in path.read_text().split()}
    except OSError as error:
        raise DatasetError(f"Cannot read the image ids {path} ({error.strerror}).") from error
    except ValueError as error:
        raise DatasetError(f"{path} should hold one image id a line ({error}).") from error


def _print(
    evaluation: Evaluation, settings: dict[str, Any], per_class: bool, say: Callable[[str], None]
) -> None:
    if evaluation.other_size:
        first = evaluation.other_size[0].name
        say(
            f"Warning: {len(evaluation.other_size)} images have another size than the annotations say "
            f"(the first is {first}); their boxes may not fit."
        )
    if evaluation.unmatched:
        say(f"Left out, because the model does not look for them: {', '.join(evaluation.unmatched)}")
    if per_class:
        say("\nAP by class, in percent (-1: the dataset has no such object)")
        for name, value in evaluation.metrics.per_class.items():
            say(f"  {name:20}{_percent(value):>7}")
    say("\nCOCO metrics, in percent (-1: the dataset has no such object)")
    for name in METRICS:
        say(f"  {name:6}{_percent(evaluation.metrics.summary[name]):>7}  {_MEANING[name]}")
    say(
        f"\n{evaluation.images:,} images, split {settings['split']}, backend {settings['backend']}, "
        f"{settings['threads']} threads, resize {settings['resize']}, "
        f"score threshold {settings['score_threshold']:g}, IoU threshold {settings['iou_threshold']:g}, "
        f"at most {settings['max_detections']} detections an image{_extras(settings)}"
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
    click.echo(
        f"\nThese were {photographs} photographs that come with the package: they show that "
        "everything works, and say nothing about accuracy.\n"
        "For the real thing:\n"
        f"  {fetch} coco      # fetches COCO val2017 into the folder coco, 1 GB\n"
        f"  {evaluate_coco} coco"
    )


def _print_contamination(split: str, spec: ModelSpec, *, subset: bool) -> None:
    if subset:
        click.echo(
            f"\nNote: these weights were trained on images of {split}; the number is clean only if the "
            "ids are those of the minival, mscoco_minival_ids.txt."
        )
        return
    click.echo(
        f"\nNote: these weights were trained on images of {split} ({spec.card['trained_on']}). "
        "The number shows that they run as published; it is no clean accuracy. Clean are the images of "
        "val2017 that are also in mscoco_minival_ids.txt (tensorflow/models, "
        "research/object_detection/data): pass it with --image-ids."
    )


def _next_commands(command: str) -> tuple[str, str]:
    """How to fetch COCO and to evaluate on it, in the way in which this program was started."""
    if not command.endswith(".py"):
        return "ssdlite data coco", command
    if "UV" in os.environ:  # started by uv run, whose environment for the script is not on the path
        return "uvx --from . ssdlite data coco", f"uv run {command}"
    return "ssdlite data coco", f"python {command}"
