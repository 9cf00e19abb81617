"""``ssdlite eval``: what it reads, what it prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from detector.data.coco import CocoDataset, load_coco
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DatasetError
from detector.evaluation.coco_metrics import METRICS
from detector.evaluation.evaluate import Evaluation, evaluate
from detector.files import check_writable
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
    split: str,
    image_ids: Path | None,
    limit: int | None,
    model: str,
    backend: str,
    threads: int | None,
    classes: str | None,
    resize: Literal["half-pixel", "tf1"],
    score_threshold: float | None,
    max_detections: int | None,
    per_class: bool,
    output: Path | None,
) -> None:
    """Evaluate, print the numbers, and write them to a folder if one is given."""
    sample = dataset is None and annotations is None
    coco = load_coco(
        SAMPLE_FOLDER if sample else dataset, annotations=annotations, images=images, split=split
    )
    if image_ids is not None or limit is not None:
        coco = coco.select(_read_ids(image_ids) if image_ids else None, limit)
    coco.check_images()
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
        say=click.echo,
    )
    click.echo(
        f"{detector.spec.name} on {coco.annotations_path}: {len(coco.images):,} images, "
        f"{len(coco.annotations):,} objects"
    )
    evaluation = evaluate(detector, coco)
    settings = {
        "model": detector.spec.name,
        "dataset": "bundled sample" if sample else str(coco.annotations_path),
        "split": coco.split,
        "backend": backend,
        "threads": detector.threads,
        "resize": resize,
        "score_threshold": detector.postprocess.score_threshold,
        "iou_threshold": detector.postprocess.iou_threshold,
        "max_detections": detector.postprocess.max_detections,
    }
    _print(evaluation, settings, per_class, click.echo)
    if output is not None:
        evaluation.save(output, settings)
        click.echo(f"Wrote {output / 'metrics.json'} and {output / 'detections.json'}.")
    _print_caveats(sample, coco, detector.spec, command, subset=image_ids is not None)


def parse_classes(text: str | None) -> list[str] | None:
    """Class names from a comma-separated list; None when there is none."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


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
        f"at most {settings['max_detections']} detections an image"
    )
    say(f"{evaluation.images_per_second:.1f} images/s, from files to detections")


def _percent(value: float) -> str:
    return "-1" if value < 0 else f"{100 * value:.2f}"


def _print_caveats(sample: bool, coco: CocoDataset, spec: ModelSpec, command: str, *, subset: bool) -> None:
    if sample:
        click.echo(
            f"\nThese were {len(coco.images)} photographs that come with the package: they show that "
            "everything works, and say nothing about accuracy.\n"
            "For the real thing:\n"
            "  ssdlite data coco coco      # fetches COCO val2017, 1 GB\n"
            f"  {command} coco"
        )
        return
    contaminated = spec.card.get("contaminated")
    if contaminated and not subset and contaminated in f"{coco.split} {coco.origin}":
        click.echo(
            f"\nNote: these weights were trained on most of {contaminated} "
            f"({spec.card['trained_on']}). The number shows that they run as published; it is no clean "
            "accuracy. Clean are the images that are also in mscoco_minival_ids.txt "
            "(tensorflow/models, research/object_detection/data): pass it with --image-ids."
        )
