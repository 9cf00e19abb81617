"""``ssdlite compare``: two sets of detections on the same images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from detector.data.coco import is_box, is_number, load_coco, read_json
from detector.errors import DatasetError
from detector.evaluation.bootstrap import Interval, compare_detections
from detector.evaluation.command import select_images


def run_compare(
    *,
    first: Path,
    second: Path,
    dataset: Path,
    split: str | None,
    image_ids: Path | None,
    limit: int | None,
    rounds: int,
) -> None:
    """Print the AP of both and their difference, with 95 % intervals; the images are not needed."""
    coco = load_coco(dataset, images=dataset if dataset.is_dir() else dataset.parent, split=split)
    coco = select_images(coco, image_ids, limit)
    detections = [read_detections(path) for path in (first, second)]
    ids = {image.id for image in coco.images}
    for path, found in zip((first, second), detections, strict=True):
        if not any(detection["image_id"] in ids for detection in found):
            raise DatasetError(f"No detection in {path} is of an image of {coco.source}.")
    comparison = compare_detections(coco, *detections, rounds=rounds)
    click.echo(f"AP in percent over {len(coco.images):,} images, 95 % intervals from {rounds:,} resamplings")
    click.echo(f"  {_show(comparison.first)}  {first}")
    click.echo(f"  {_show(comparison.second)}  {second}")
    difference = comparison.difference
    beyond = "beyond chance" if difference.low > 0 or difference.high < 0 else "within chance"
    click.echo(f"  {_show(difference, '+')}  second minus first: {beyond}")


def read_detections(path: Path) -> list[dict[str, Any]]:
    """The result objects in a file of COCO's results format.

    Raises:
        DatasetError: no such file, or not that format.
    """
    content = read_json(path, "detections")
    if not isinstance(content, list):
        raise DatasetError(f"{path} is not in COCO's results format: expected a list.")
    for number, entry in enumerate(content):
        if not _is_result(entry):
            raise DatasetError(
                f"{path} is not in COCO's results format: entry {number} should have the integers image_id "
                "and category_id, a bbox of four numbers and a score."
            )
    return content


def _is_result(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and all(type(entry.get(key)) is int for key in ("image_id", "category_id"))
        and is_box(entry.get("bbox"))
        and is_number(entry.get("score"))
    )


def _show(interval: Interval, sign: str = "") -> str:
    value, low, high = (
        f"{100 * number:{sign}.2f}" for number in (interval.value, interval.low, interval.high)
    )
    return f"{value:>6} [{low}, {high}]"
