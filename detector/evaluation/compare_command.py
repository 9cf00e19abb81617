"""``ssdlite compare``: two sets of detections on the same images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from detector.data.coco import load_coco
from detector.errors import DatasetError
from detector.evaluation.bootstrap import Interval, compare_detections


def run_compare(*, first: Path, second: Path, dataset: Path, split: str, rounds: int) -> None:
    """Print the AP of both and their difference, with 95 % intervals."""
    coco = load_coco(dataset, split=split)
    detections = [read_detections(path) for path in (first, second)]
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
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise DatasetError(f"Cannot read the detections {path} ({error.strerror}).") from error
    except ValueError as error:
        raise DatasetError(f"{path} is not JSON ({error}).") from error
    keys = {"image_id", "category_id", "bbox", "score"}
    if not isinstance(content, list) or not all(isinstance(d, dict) and keys <= d.keys() for d in content):
        raise DatasetError(f"{path} is not in COCO's results format: a list of objects with {sorted(keys)}.")
    return content


def _show(interval: Interval, sign: str = "") -> str:
    value, low, high = (
        f"{100 * number:{sign}.2f}" for number in (interval.value, interval.low, interval.high)
    )
    return f"{value:>6} [{low}, {high}]"
