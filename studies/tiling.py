"""What tiles are worth on large frames with small objects.

``python -m studies.tiling DATASET`` lays the images of a dataset side by side in large
frames, in which their objects are small, and prints the table of docs/postprocessing.md.
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
_COLUMNS, _ROWS = 4, 3
_GROUND = 114  # grey level where a cell is not filled
_SCORE_THRESHOLD, _MOST = 0.001, 500
_SIDES = (None, 400, 480, 560, 640, 800, 1000)


def build_frames(dataset: Dataset) -> Iterator[Image]:
    """Frames of twelve images each; images that fill no whole frame are left out."""
    width, height = _CELL_WH
    for group in _groups(dataset):
        frame = np.full((height * _ROWS, width * _COLUMNS, 3), _GROUND, np.uint8)
        for number, image in enumerate(group):
            pixels = load_dataset_image(image)
            scale = _scale((pixels.shape[1], pixels.shape[0]))
            cell = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:height, :width]
            left, top = _place(number)
            frame[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
        yield frame


def build_truth(dataset: Dataset) -> Dataset:
    """The objects of the frames, where they lie in them."""
    objects = defaultdict(list)
    for annotation in dataset.annotations:
        objects[annotation["image_id"]].append(annotation)
    size_wh = (_CELL_WH[0] * _COLUMNS, _CELL_WH[1] * _ROWS)
    images: list[DatasetImage] = []
    annotations: list[Annotation] = []
    for frame, group in enumerate(_groups(dataset), start=1):
        images.append(DatasetImage(frame, Path(f"frame_{frame}"), size_wh))
        for number, image in enumerate(group):
            if image.size_wh is None:
                raise DatasetError(f"{dataset.source} does not say how large {image.name} is.")
            left, top = _place(number)
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


def _groups(dataset: Dataset) -> Iterator[tuple[DatasetImage, ...]]:
    size = _COLUMNS * _ROWS
    for start in range(0, len(dataset.images) - size + 1, size):
        yield dataset.images[start : start + size]


def _place(number: int) -> tuple[int, int]:
    row, column = divmod(number, _COLUMNS)
    return column * _CELL_WH[0], row * _CELL_WH[1]


def _scale(size_wh: tuple[int, int]) -> float:
    return min(_CELL_WH[0] / size_wh[0], _CELL_WH[1] / size_wh[1])


def run_on_frames(detector: Detector, dataset: Dataset, truth: Dataset) -> tuple[list[Result], float]:
    """COCO's result objects, and the time for a frame in ms."""
    category_of = match_categories(detector.classes, dataset.categories)
    results: list[Result] = []
    seconds = 0.0
    frames = tqdm(
        build_frames(dataset), total=len(truth.images), desc="frames", unit="frame", disable=None, leave=False
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
@click.option("--rounds", type=click.IntRange(10), default=1000, show_default=True, help="Resamplings.")
def command(dataset: Path, model: str, split: str | None, rounds: int) -> None:
    """Compare sides of tiles on frames made of the images in DATASET: AP, its gain, and time."""
    coco = load_split(dataset, split)
    coco.check_images()
    truth = build_truth(coco)
    if not truth.images:
        raise DatasetError(f"{coco.source} has fewer than {_COLUMNS * _ROWS} images, which make one frame.")
    whole: list[Result] = []
    echo("| tiles | AP | gain | 95 % interval | ms a frame |\n|---|---|---|---|---|")
    for side in _SIDES:
        detector = Detector.load(
            model, score_threshold=_SCORE_THRESHOLD, max_detections=_MOST, tile=side, say=echo
        )
        found, milliseconds = run_on_frames(detector, coco, truth)
        whole = whole or found
        ap = compare_detections(truth, whole, found, rounds=rounds).summary["AP"]
        gain = ap.difference
        name = "none" if side is None else f"{side} x {side}"
        numbers = [f"{100 * value:+.1f}" for value in (gain.value, gain.low, gain.high)]
        echo(
            f"| {name} | {100 * ap.second.value:.1f} | {numbers[0]} | {numbers[1]} to {numbers[2]} "
            f"| {milliseconds:.0f} |"
        )


if __name__ == "__main__":
    main(prog_name="tiling_study", command=command)
