"""What post-processing is worth without training.

``python -m studies.postprocessing DATASET`` prints the table of docs/postprocessing.md.

The network runs once over the dataset and its mirror images; every variant then starts from the same
outputs, so that differences come from the post-processing alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from detector.boxes import FloatArray, clip, xyxy_to_xywh
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.commands.options import DEFAULT_MODEL
from detector.data.annotations import Result
from detector.data.dataset import Dataset, load_dataset_image
from detector.data.folder import load_split
from detector.errors import DatasetError
from detector.evaluation.comparison import Difference, compare_detections
from detector.evaluation.evaluate import match_categories
from detector.postprocess import Postprocessor
from detector.runtime import Detector
from detector.spec import ModelSpec
from detector.system.files import replacing
from studies.mirroring import Outputs, average_outputs, find_twins, mirror
from studies.postprocessing_variants import Candidates, Reader, soften, suppress, vote

_RELEASED = "the model's rule"


@dataclass(frozen=True)
class Look:
    """What the network said of an image (width, height) and of its mirror image."""

    outputs: Outputs
    mirrored: Outputs
    size_wh: tuple[int, int]


Variant = Callable[[Look], Candidates]


@dataclass(frozen=True)
class Row:
    """A variant's name, how it compares with the model's own rule, and its processor time an image in ms."""

    name: str
    ap: Difference
    milliseconds: float


def build_variants(spec: ModelSpec) -> dict[str, Variant]:
    """All variants by name, the model's own rule first."""
    reader, twins = Reader(spec), find_twins(spec)

    def product(*, mirrored: bool = False, **options: Any) -> Variant:
        """What the Detector does."""
        postprocess = Postprocessor(spec, **options)

        def run(look: Look) -> Candidates:
            outputs = average_outputs(look.outputs, look.mirrored, twins) if mirrored else look.outputs
            found = postprocess(*outputs, (1, 1))
            return Candidates(found.boxes, found.scores, found.labels)

        return run

    def plain(choose: Callable[[Candidates], Candidates]) -> Variant:
        return lambda look: choose(reader.plain(look.outputs))

    iou = spec.iou_threshold
    return {
        _RELEASED: product(),
        "IoU threshold .45": product(iou_threshold=0.45),
        "IoU threshold .5": product(iou_threshold=0.5),
        "IoU threshold .7": product(iou_threshold=0.7),
        "score threshold .01": product(score_threshold=0.01),
        "20 candidates a class": plain(suppress(iou, per_class=20)),
        "50 candidates a class": plain(suppress(iou, per_class=50)),
        "soft-NMS, linear over IoU .5": plain(soften(iou_threshold=0.5)),
        "soft-NMS, Gaussian, sigma .5": plain(soften(sigma=0.5)),
        "scores times 1 - background": lambda look: suppress(iou)(reader.against_background(look.outputs)),
        "box voting at IoU .6": plain(vote(suppress(iou), 0.6)),
        "box voting at IoU .8": plain(vote(suppress(iou), 0.8)),
        "box voting at IoU .7 (--voting)": product(voting=True),
        "flip, candidates pooled": lambda look: suppress(iou)(reader.pooled(look.outputs, look.mirrored)),
        "flip, outputs averaged": product(mirrored=True),
        "flip averaged and box voting": product(mirrored=True, voting=True),
    }


def collect_looks(detector: Detector, dataset: Dataset) -> tuple[list[Look], float]:
    """The outputs of each image, and how long the network took for one, in ms."""
    looks, seconds = [], 0.0
    for image in tqdm(dataset.images, desc="running the network", unit="image", disable=None, leave=False):
        pixels = load_dataset_image(image)
        network_input = detector.preprocess(pixels)
        start = time.perf_counter()
        outputs = _run(detector, network_input)
        seconds += time.perf_counter() - start
        mirrored = _run(detector, mirror(network_input))
        looks.append(Look(outputs, mirrored, (pixels.shape[1], pixels.shape[0])))
    return looks, 1000 * seconds / len(looks)


def _run(detector: Detector, network_input: FloatArray) -> Outputs:
    box_encodings, class_logits = detector.backend.run(network_input)
    return box_encodings.copy(), class_logits.copy()


def save_looks(looks: Sequence[Look], milliseconds: float, path: Path) -> None:
    """Write the outputs of all images to one ``.npz`` file."""
    arrays: dict[str, Any] = {
        "box_encodings": np.array([(look.outputs[0], look.mirrored[0]) for look in looks]),
        "class_logits": np.array([(look.outputs[1], look.mirrored[1]) for look in looks]),
        "sizes_wh": np.array([look.size_wh for look in looks]),
        "milliseconds": np.array(milliseconds),
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load_looks(path: Path, images: int) -> tuple[list[Look], float]:
    """What ``save_looks`` wrote.

    Raises:
        DatasetError: the file is something else, or of another number of images.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            boxes, logits, sizes = (archive[key] for key in ("box_encodings", "class_logits", "sizes_wh"))
            milliseconds = float(archive["milliseconds"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DatasetError(f"{path} holds no outputs ({error}); remove it to have them computed.") from error
    if len(sizes) != images:
        raise DatasetError(
            f"{path} holds the outputs of {len(sizes):,} images, the dataset has {images:,}; remove it to "
            "have them computed."
        )
    looks = [
        Look((box[0], logit[0]), (box[1], logit[1]), (int(size[0]), int(size[1])))
        for box, logit, size in zip(boxes, logits, sizes, strict=True)
    ]
    return looks, milliseconds


def run_variant(
    variant: Variant, looks: Sequence[Look], dataset: Dataset, classes: tuple[str, ...]
) -> tuple[list[Result], float]:
    """COCO's result objects of a variant, and its processor time for an image in ms."""
    category_of = match_categories(classes, dataset.categories)
    start = time.process_time()
    found = [variant(look) for look in looks]
    milliseconds = 1000 * (time.process_time() - start) / len(looks)
    results: list[Result] = []
    for image, look, candidates in zip(dataset.images, looks, found, strict=True):
        boxes = clip(candidates.boxes, 1, 1) * np.array([*look.size_wh, *look.size_wh], np.float32)
        boxes_xywh = np.round(xyxy_to_xywh(boxes).astype(np.float64), 3).tolist()
        names = [classes[label] for label in candidates.labels]
        results += [
            {"image_id": image.id, "category_id": category_of[name], "bbox": box, "score": score}
            for box, score, name in zip(boxes_xywh, candidates.scores.tolist(), names, strict=True)
            if name in category_of
        ]
    return results, milliseconds


def study(dataset: Dataset, looks: Sequence[Look], spec: ModelSpec, rounds: int) -> list[Row]:
    """A row for each variant."""
    variants = build_variants(spec)
    rule, _ = run_variant(variants[_RELEASED], looks, dataset, spec.classes)
    rows = []
    for name, variant in tqdm(variants.items(), desc="variants", disable=None, leave=False):
        found, milliseconds = run_variant(variant, looks, dataset, spec.classes)
        comparison = compare_detections(dataset, rule, found, rounds=rounds)
        rows.append(Row(name, comparison.summary["AP"], milliseconds))
    return rows


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="As for ssdlite eval.")
@click.option("--split", help="Which part of the dataset.")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="File to keep the outputs in, about 1 MB an image."
)
@click.option("--rounds", type=click.IntRange(10), default=1000, show_default=True, help="Resamplings.")
def command(dataset: Path, model: str, split: str | None, cache: Path | None, rounds: int) -> None:
    """Compare ways of post-processing on DATASET: AP, its difference to the model's rule, and time."""
    coco = load_split(dataset, split)
    coco.check_images()
    detector = Detector.load(model, score_threshold=None, say=echo)
    if cache is not None and cache.exists():
        looks, network = load_looks(cache, len(coco.images))
    else:
        looks, network = collect_looks(detector, coco)
        if cache is not None:
            save_looks(looks, network, cache)
    rows = study(coco, looks, detector.spec, rounds)
    echo(f"{detector.spec.name} on {coco.source}: {len(coco.images):,} images; the network takes ", nl=False)
    echo(f"{network:.1f} ms an image with {detector.threads} threads, twice that with a flip\n")
    echo("| variant | AP | difference | 95 % interval | processor ms an image |\n|---|---|---|---|---|")
    for row in rows:
        ap, gap = row.ap.second, row.ap.difference
        numbers = [f"{100 * value:+.2f}" for value in (gap.value, gap.low, gap.high)]
        echo(
            f"| {row.name} | {100 * ap.value:.2f} | {numbers[0]} | {numbers[1]} to {numbers[2]} "
            f"| {row.milliseconds:.1f} |"
        )


if __name__ == "__main__":
    main(prog_name="postprocessing_study", command=command)
