"""``ssdlite detect``: annotated pictures and JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
import cv2
from tqdm import tqdm

from detector.coco_results import to_coco_results
from detector.detections import Detections
from detector.drawing import draw_detections
from detector.errors import DetectorError, ImageError
from detector.files import replacing
from detector.images import find_images, find_unread_images, load_image
from detector.labels import parse_classes
from detector.opencv_build import missing_gui_note
from detector.runtime import Detector
from detector.runtime.detector import DEFAULT_SCORE_THRESHOLD

_MOST_LINES = 20


def run_detect(
    *,
    images: tuple[str, ...],
    model: str,
    trust: bool,
    backend: str | None,
    threads: int | None,
    classes: str | None,
    score_threshold: float | None,
    voting: bool,
    tile: int | None,
    output: Path,
) -> None:
    """Detect in every image and write the results to a folder; an unreadable image is named and left out."""
    inside = os.path.join(os.path.abspath(output), "")
    paths = [path for path in find_images(images) if not os.path.abspath(path).startswith(inside)]
    if not paths:
        raise ImageError(f"There are only results of an earlier run in {' '.join(images)}.")
    for path in find_unread_images(images):
        click.echo(f"Left out: {path} is in a format that is not read.", err=True)
    if note := missing_gui_note():
        click.echo(note, err=True)
    detector = Detector.load(
        model,
        trust=trust,
        backend=backend,
        threads=threads,
        classes=parse_classes(classes),
        score_threshold=DEFAULT_SCORE_THRESHOLD if score_threshold is None else score_threshold,
        class_thresholds=score_threshold is None,
        voting=voting,
        tile=tile,
        say=click.echo,
    )
    if score_threshold is None and (own := detector.spec.class_thresholds):
        least, most = min(own.values()), max(own.values())
        click.echo(f"Score thresholds of the model, class by class: {least:g} to {most:g}")
    records: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    failures: list[str] = []
    names = _picture_names(paths)
    for path, name in tqdm(
        zip(paths, names, strict=True),
        total=len(paths),
        desc="detecting",
        unit="image",
        disable=None,
        leave=False,
    ):
        try:
            image = load_image(path)
        except DetectorError as error:
            failures.append(str(error))
            continue
        detections = detector.detect(image)
        # JPEG ends at 65,500 pixels a side.
        suffix = ".jpg" if max(image.shape) <= 65_500 else ".png"
        picture = output / f"{name}{suffix}"
        with replacing(picture) as temporary:
            temporary.write_bytes(cv2.imencode(suffix, draw_detections(image, detections))[1].tobytes())
        results += to_coco_results(detections, Path(name).as_posix())
        records.append(
            {
                "file_name": Path(name).as_posix(),
                "image": str(path),
                "width": image.shape[1],
                "height": image.shape[0],
                "picture": str(picture),
            }
        )
        if len(records) <= _MOST_LINES:
            tqdm.write(f"{path}: {describe(detections)}")
    for failure in failures:
        click.echo(f"Left out: {failure}", err=True)
    if not records:
        raise DetectorError("None of the images could be read.")
    for file_name, content in (("detections.json", results), ("images.json", records)):
        with replacing(output / file_name) as temporary:
            temporary.write_text(json.dumps(content, indent=1))
    more = f" (the first {_MOST_LINES} are shown above)" if len(records) > _MOST_LINES else ""
    pictures = "1 picture" if len(records) == 1 else f"{len(records)} pictures"
    click.echo(f"{pictures} with detections.json and images.json are in {output}{more}.")
    if failures:
        raise DetectorError(
            f"{len(failures)} of {len(paths)} images could not be read; they are named above."
        )


def _picture_names(paths: list[Path]) -> list[str]:
    """Where each image's picture goes below the output: as the images lie below their common folder."""
    absolute = [os.path.abspath(path) for path in paths]
    try:
        root = os.path.commonpath([os.path.dirname(path) for path in absolute])
    except ValueError:  # several drives on Windows
        return [f"{number}_{path.name}" for number, path in enumerate(paths, start=1)]
    return [os.path.relpath(path, root) for path in absolute]


def describe(detections: Detections) -> str:
    """The detections in words: ``2 person, 1 dog``."""
    names = detections.names
    counts = [f"{names.count(name)} {name}" for name in dict.fromkeys(names)]
    return ", ".join(counts) or "nothing found"
