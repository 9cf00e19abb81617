"""Whether a wide picture is better squashed to a square or given to a network of its own shape.

``python -m studies.picture_shape DATASET`` cuts the images of a dataset to 16:9, as cameras have it, and
prints the table of docs/sizes.md: AP of square inputs and of wide ones with the same number of pixels.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import click
from tqdm import tqdm

from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.commands.options import DEFAULT_MODEL
from detector.data.annotations import Annotation, Result
from detector.data.dataset import Dataset, DatasetImage, load_dataset_image
from detector.data.folder import load_split
from detector.errors import DatasetError
from detector.evaluation.coco_results import to_results
from detector.evaluation.comparison import compare_detections
from detector.evaluation.evaluate import match_categories
from detector.runtime import Detector

_WIDE = 16 / 9
_LEAST_LEFT = 0.5  # of an object; one of which less is left is neither right nor wrong
# Pairs of a square and of a wide input with about as many pixels.
_PAIRS = (
    ("384", "288x512"),
    ("480", "352x640"),
    ("576", "448x768"),
    ("300,512", "224x384,384x672"),
    ("300,512", "300,384x672"),
    ("300,704", "300,512x960"),
)


def crop_of(size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, width and height of the widest middle part of an image that is 16:9."""
    width, height = size_wh
    wide, high = min(width, round(height * _WIDE)), min(height, round(width / _WIDE))
    return (width - wide) // 2, (height - high) // 2, wide, high


def cut(dataset: Dataset) -> Dataset:
    """The same dataset in 16:9; what is cut off to a half or more counts as a crowd, which is ignored."""
    objects: dict[int, list[Annotation]] = defaultdict(list)
    for annotation in dataset.annotations:
        objects[annotation["image_id"]].append(annotation)
    images: list[DatasetImage] = []
    annotations: list[Annotation] = []
    for image in dataset.images:
        if image.size_wh is None:
            raise DatasetError(f"{dataset.source} does not say how large {image.name} is.")
        left, top, width, height = crop_of(image.size_wh)
        images.append(DatasetImage(image.id, image.path, (width, height)))
        for entry in objects[image.id]:
            x, y, w, h = entry["bbox"]
            right, bottom = min(x + w, left + width), min(y + h, top + height)
            x2, y2 = max(x, left), max(y, top)
            if right <= x2 or bottom <= y2:
                continue
            share = (right - x2) * (bottom - y2) / (w * h)
            annotations.append(
                {
                    **entry,
                    "bbox": [x2 - left, y2 - top, right - x2, bottom - y2],
                    "area": entry["area"] * share,
                    "iscrowd": int(entry["iscrowd"] or share < _LEAST_LEFT),
                }
            )
    return Dataset(dataset.source, tuple(images), tuple(annotations), dataset.categories, "16:9")


def run(detector: Detector, dataset: Dataset, truth: Dataset) -> list[Result]:
    """COCO's result objects of what is found in the cut images."""
    category_of = match_categories(detector.classes, dataset.categories)
    ids = [category_of.get(name) for name in detector.spec.classes]
    found: list[Result] = []
    for image in tqdm(dataset.images, desc="images", unit="image", disable=None, leave=False):
        pixels = load_dataset_image(image)
        left, top, width, height = crop_of((pixels.shape[1], pixels.shape[0]))
        detections = detector.detect(pixels[top : top + height, left : left + width].copy())
        found += to_results(detections, image.id, ids)
    return found


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="As for ssdlite eval.")
@click.option("--split", help="Which part of the dataset.")
@click.option("--rounds", type=click.IntRange(10), default=500, show_default=True, help="Resamplings.")
def command(dataset: Path, model: str, split: str | None, rounds: int) -> None:
    """Compare square inputs with wide ones on DATASET, cut to 16:9: AP by size of the objects."""
    coco = load_split(dataset, split)
    coco.check_images()
    truth = cut(coco)
    found: dict[str, list[Result]] = {}
    for sizes in dict.fromkeys(sizes for pair in _PAIRS for sizes in pair):
        detector = Detector.load(model, input_size=sizes, score_threshold=None, say=echo)
        found[sizes] = run(detector, coco, truth)
    echo(f"{len(truth.images):,} images cut to 16:9, {len(truth.annotations):,} objects\n")
    echo("| square | wide | AP | APs | APm | APl | wide minus square, AP | 95 % interval |")
    echo("|---|---|---|---|---|---|---|---|")
    for square, wide in _PAIRS:
        summary = compare_detections(truth, found[square], found[wide], rounds=rounds).summary
        numbers = [
            f"{100 * summary[name].first.value:.1f} -> {100 * summary[name].second.value:.1f}"
            for name in ("AP", "APs", "APm", "APl")
        ]
        gap = summary["AP"].difference
        echo(
            f"| {square} | {wide} | {' | '.join(numbers)} | {100 * gap.value:+.2f} "
            f"| {100 * gap.low:+.2f} to {100 * gap.high:+.2f} |"
        )


if __name__ == "__main__":
    main(prog_name="picture_shape_study", command=command)
