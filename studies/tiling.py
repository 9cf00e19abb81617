"""What tiles and larger inputs are worth on large frames with small objects.

``python -m studies.tiling DATASET`` lays the images of a dataset side by side in large frames, in which their
objects are small, and prints the table of docs/postprocessing.md; ``--grid`` says how many.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np
from tqdm import tqdm

from detector.api.inputs import LoadOptions, open_detector
from detector.boxes import xyxy_to_xywh
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.commands.options import DEFAULT_MODEL
from detector.data.annotations import Annotation, Result
from detector.data.dataset import Dataset, DatasetImage, load_dataset_image
from detector.data.folder import load_split
from detector.errors import DatasetError
from detector.evaluation.comparison import compare_detections
from detector.evaluation.evaluate import match_categories
from detector.images import Image
from detector.runtime import Detector

_CELL_WH = (560, 420)  # no multiple of a tile's side, so that edges of tiles fall anywhere
_GRID = (4, 3)  # columns and rows
_GROUND = 114  # grey level where a cell is not filled
_SCORE_THRESHOLD, _MOST = 0.001, 500
_WAYS: dict[str, LoadOptions] = {
    "whole frame": {},
    "--input-size 300,512": {"input_size": "300,512"},
    "--input-size 300,704": {"input_size": "300,704"},
    "--input-size 300,512x960": {"input_size": "300,512x960"},
    "--input-size 300,640x1024": {"input_size": "300,640x1024"},
    "--input-size 300,640,1280": {"input_size": "300,640,1280"},
    **{f"--tile {side}": {"tile": side} for side in (400, 480, 640, 800, 1000)},
    "--tile 640 --input-size 512": {"tile": 640, "input_size": 512},
}

Grid = tuple[int, int]


def build_frames(dataset: Dataset, grid: Grid = _GRID) -> Iterator[Image]:
    """Frames of a grid of images each; images that fill no whole frame are left out."""
    width, height = _CELL_WH
    columns, rows = grid
    for group in _groups(dataset, grid):
        frame = np.full((height * rows, width * columns, 3), _GROUND, np.uint8)
        for number, image in enumerate(group):
            pixels = load_dataset_image(image)
            scale = _scale((pixels.shape[1], pixels.shape[0]))
            cell = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:height, :width]
            left, top = _place(number, grid)
            frame[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
        yield frame


def build_truth(dataset: Dataset, grid: Grid = _GRID) -> Dataset:
    """The objects of the frames, where they lie in them."""
    objects = defaultdict(list)
    for annotation in dataset.annotations:
        objects[annotation["image_id"]].append(annotation)
    size_wh = (_CELL_WH[0] * grid[0], _CELL_WH[1] * grid[1])
    images: list[DatasetImage] = []
    annotations: list[Annotation] = []
    for frame, group in enumerate(_groups(dataset, grid), start=1):
        images.append(DatasetImage(frame, Path(f"frame_{frame}"), size_wh))
        for number, image in enumerate(group):
            if image.size_wh is None:
                raise DatasetError(f"{dataset.source} does not say how large {image.name} is.")
            left, top = _place(number, grid)
            scale = _scale(image.size_wh)
            for entry in objects[image.id]:
                x, y, w, h = (scale * side for side in entry["bbox"])
                annotations.append(
                    {
                        **entry,
                        "bbox": [x + left, y + top, w, h],
                        "area": entry["area"] * scale**2,
                        "image_id": frame,
                        "id": len(annotations) + 1,
                    }
                )
    return Dataset(dataset.source, tuple(images), tuple(annotations), dataset.categories, "frames")


def _groups(dataset: Dataset, grid: Grid) -> Iterator[tuple[DatasetImage, ...]]:
    size = grid[0] * grid[1]
    for start in range(0, len(dataset.images) - size + 1, size):
        yield dataset.images[start : start + size]


def _place(number: int, grid: Grid) -> tuple[int, int]:
    row, column = divmod(number, grid[0])
    return column * _CELL_WH[0], row * _CELL_WH[1]


def _scale(size_wh: tuple[int, int]) -> float:
    return min(_CELL_WH[0] / size_wh[0], _CELL_WH[1] / size_wh[1])


def run_on_frames(
    detector: Detector, dataset: Dataset, truth: Dataset, grid: Grid
) -> tuple[list[Result], float]:
    """COCO's result objects, and the time for a frame in ms."""
    category_of = match_categories(detector.classes, dataset.categories)
    results: list[Result] = []
    seconds = 0.0
    frames = tqdm(
        build_frames(dataset, grid),
        total=len(truth.images),
        desc="frames",
        unit="frame",
        disable=None,
        leave=False,
    )
    for image, frame in zip(truth.images, frames, strict=True):
        start = time.perf_counter()
        found = detector.detect(frame)
        seconds += time.perf_counter() - start
        boxes = xyxy_to_xywh(found.boxes).astype(float).tolist()
        results += [
            {"image_id": image.id, "category_id": category_of[name], "bbox": box, "score": score}
            for box, score, name in zip(boxes, found.scores.tolist(), found.names, strict=True)
            if name in category_of
        ]
    return results, 1000 * seconds / len(truth.images)


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="As for ssdlite eval.")
@click.option("--split", help="Which part of the dataset.")
@click.option("--rounds", type=click.IntRange(10), default=500, show_default=True, help="Resamplings.")
@click.option("--grid", nargs=2, type=click.IntRange(1), default=_GRID, help="Columns and rows of a frame.")
def command(dataset: Path, model: str, split: str | None, rounds: int, grid: Grid) -> None:
    """Compare tiles and input sizes on frames made of the images in DATASET: AP, its gain, and time."""
    coco = load_split(dataset, split)
    coco.check_images()
    truth = build_truth(coco, grid)
    if not truth.images:
        raise DatasetError(f"{coco.source} has fewer than {grid[0] * grid[1]} images, which make one frame.")
    width, height = truth.images[0].size_wh or (0, 0)
    echo(f"{len(truth.images)} frames of {width}x{height}")
    whole: list[Result] = []
    echo("| way | AP | APs | APm | APl | gain | 95 % interval | ms a frame |")
    echo("|---|---|---|---|---|---|---|---|")
    for name, how in _WAYS.items():
        limits: LoadOptions = {"score_threshold": _SCORE_THRESHOLD, "max_detections": _MOST}
        how.update(limits)
        found, milliseconds = run_on_frames(open_detector(model, how, echo), coco, truth, grid)
        whole = whole or found
        summary = compare_detections(truth, whole, found, rounds=rounds).summary
        gain = summary["AP"].difference
        numbers = [f"{100 * summary[each].second.value:.1f}" for each in ("AP", "APs", "APm", "APl")]
        numbers += [f"{100 * gain.value:+.1f}", f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f}"]
        echo(f"| {name} | {' | '.join(numbers)} | {milliseconds:.0f} |")


if __name__ == "__main__":
    main(prog_name="tiling_study", command=command)
