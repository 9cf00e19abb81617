"""Which input sizes find the most: one, two or three of them, and the limit on the boxes of larger looks.

What is chosen on one half of the images is measured on the other.

``python -m studies.input_sizes DATASET`` prints the tables of docs/sizes.md.

The network runs once at each size over the dataset; every choice then starts from the same outputs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from detector.boxes import FloatArray
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.commands.options import DEFAULT_MODEL
from detector.data.annotations import Result
from detector.data.dataset import Dataset, load_dataset_image
from detector.data.folder import load_split
from detector.evaluation.coco_metrics import compute_metrics
from detector.evaluation.coco_results import to_results
from detector.evaluation.comparison import Difference, compare_detections
from detector.evaluation.evaluate import match_categories
from detector.input_sizes import read_size
from detector.postprocess import LARGEST_BOX, Postprocessor
from detector.runtime import Detector
from detector.spec import ModelSpec
from detector.system.progress import bars_wanted

_SIZES = (256, 300, 364, 384, 428, 448, 492, 512, 576, 600, 640, 704, 768)
_LIMITS = (0.3, 0.4, 0.47, 0.55, 0.68, 0.8, np.inf)
_THIRD = (384, 512, 640, 704, 768)  # of which two go with the first size
_SHOWN = ((512,), (640,), (704,), (384, 704), (512, 704), (512, 768), (384, 512, 768))
_OFFSETS = (-0.4, -0.2, 0.0, 0.2, 0.4)  # on the logits of the larger look


@dataclass(frozen=True)
class Choice:
    """A rule: sides of the inputs, limit on boxes of larger looks, voting, and an offset on their logits."""

    sides: tuple[int, ...]
    limit: float = LARGEST_BOX
    voting: bool = False
    offset: float = 0.0

    def __str__(self) -> str:
        words = [" + ".join(map(str, self.sides))]
        if len(self.sides) > 1:
            words.append("no limit" if self.limit == np.inf else f"limit {self.limit:g}")
        words += ["voting"] * self.voting + [f"logits {self.offset:+g}"] * (self.offset != 0)
        return ", ".join(words)


class Looks:
    """The outputs of the network at each size, for all images."""

    def __init__(self, dataset: Dataset, model: str, sides: Sequence[int]) -> None:
        self.dataset = dataset
        self.specs: dict[int, ModelSpec] = {}
        self._outputs: dict[int, list[tuple[FloatArray, FloatArray]]] = {}
        self._sizes_wh = []
        for image in dataset.images:
            height, width = load_dataset_image(image).shape[:2]
            self._sizes_wh.append((width, height))
        for side in tqdm(sides, desc="running the network", unit="size", disable=None, leave=False):
            detector = Detector.load(model, input_size=side, score_threshold=None, say=None)
            self.specs[side] = detector.spec
            self._outputs[side] = [
                (boxes.copy(), logits.copy())
                for image in dataset.images
                for boxes, logits in [detector.backend.run(detector.preprocess(load_dataset_image(image)))]
            ]

    def results(self, choice: Choice) -> list[Result]:
        """COCO's result objects of a rule."""
        first, *others = (self.specs[side] for side in choice.sides)
        postprocess = Postprocessor(first, others=others, voting=choice.voting)
        if postprocess.largest_areas is not None:
            postprocess.largest_areas = postprocess.largest_areas * np.float32(
                (choice.limit / LARGEST_BOX) ** 2
            )
        category_of = match_categories(first.classes, self.dataset.categories)
        ids = [category_of.get(name) for name in first.classes]
        found: list[Result] = []
        for number, image in enumerate(self.dataset.images):
            outputs = [self._outputs[side][number] for side in choice.sides]
            boxes = np.concatenate([each[0] for each in outputs])
            logits = [each[1] + np.float32(choice.offset * (look > 0)) for look, each in enumerate(outputs)]
            detections = postprocess(boxes, np.concatenate(logits), self._sizes_wh[number])
            found += to_results(detections, image.id, ids)
        return found


def choices(sides: Sequence[int], own: int) -> Iterator[Choice]:
    """All rules that are tried."""
    for side in sides:
        yield Choice((side,))
    larger = [side for side in sides if side > own]
    for side, limit in itertools.product(larger, _LIMITS):
        yield Choice((own, side), limit)
    for pair in itertools.combinations([side for side in _THIRD if side in sides], 2):
        for limit in (0.4, 0.47, LARGEST_BOX, 0.68):
            yield Choice((own, *pair), limit)


def halves(dataset: Dataset) -> list[Dataset]:
    """Every other image, and the rest."""
    parts = []
    for start in (0, 1):
        images = dataset.images[start::2]
        ids = {image.id for image in images}
        annotations = tuple(each for each in dataset.annotations if each["image_id"] in ids)
        parts.append(replace(dataset, images=images, annotations=annotations))
    return parts


def average_precision(part: Dataset, found: Sequence[Result]) -> float:
    """AP of what was found in the images of a part, in points."""
    ids = {image.id for image in part.images}
    own = [each for each in found if each["image_id"] in ids]
    return 100 * compute_metrics(part, own, list(part.categories)).summary["AP"]


def show(difference: Difference) -> str:
    """A difference of AP with its interval, in points."""
    gap = difference.difference
    return " | ".join([f"{100 * gap.value:+.2f}", f"{100 * gap.low:+.2f} to {100 * gap.high:+.2f}"])


def print_row(looks: Looks, choice: Choice, first: Sequence[Result], rounds: int) -> None:
    """A rule with AP by size, and its difference to the model's own."""
    found = looks.results(choice)
    comparison = compare_detections(looks.dataset, first, found, rounds=rounds)
    numbers = [f"{100 * comparison.summary[name].second.value:.2f}" for name in ("AP", "APs", "APm", "APl")]
    echo(f"| {choice} | {' | '.join(numbers)} | {show(comparison.summary['AP'])} |")


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="As for ssdlite eval.")
@click.option("--split", help="Which part of the dataset.")
@click.option("--sizes", default=",".join(map(str, _SIZES)), show_default=True, help="Sides to try.")
@click.option("--rounds", type=click.IntRange(10), default=500, show_default=True, help="Resamplings.")
def command(dataset: Path, model: str, split: str | None, sizes: str, rounds: int) -> None:
    """Choose input sizes on each half of DATASET, and measure the choice on the other half."""
    coco = load_split(dataset, split)
    coco.check_images()
    own = Detector.load(model, say=echo).spec.input_hw[0]
    sides = sorted({own, *(read_size(size)[0] for size in sizes.split(","))})
    shown_sides = ", ".join(map(str, sides))
    echo(f"{coco.source}: {len(coco.images):,} images; sizes {shown_sides}")
    looks = Looks(coco, model, sides)
    with bars_wanted(False):
        first = looks.results(Choice((own,)))
        parts = halves(coco)
        tried: dict[Choice, list[float]] = {}
        for choice in tqdm(list(choices(sides, own)), desc="rules", disable=None, leave=False):
            found = looks.results(choice)
            tried[choice] = [average_precision(part, found) for part in (coco, *parts)]
        echo("\n| rule | AP | first half | second half |\n|---|---|---|---|")
        for choice, numbers in tried.items():
            echo(f"| {choice} | {' | '.join(f'{number:.2f}' for number in numbers)} |")
        echo("\n| | chosen on | rule | AP there | AP on the other half | of the model's own size |")
        echo("|---|---|---|---|---|---|")
        for count, half in itertools.product((1, 2, 3), (1, 2)):
            of_count = {choice: numbers for choice, numbers in tried.items() if len(choice.sides) == count}
            best = max(of_count, key=lambda choice: of_count[choice][half])
            there, other = tried[best][half], tried[best][3 - half]
            name = "first" if half == 1 else "second"
            plain = tried[Choice((own,))][3 - half]
            echo(f"| {count} | {name} | {best} | {there:.2f} | {other:.2f} | {plain:.2f} |")
        echo("\n| rule | AP | APs | APm | APl | difference | 95 % interval |\n|---|---|---|---|---|---|---|")
        shown = [Choice((side,)) for side in sides]
        for group in (
            (own, 512),
            (own, 640),
            (own, 704),
            (own, 384, 704),
            (own, 512, 704),
            (own, 512, 768),
            (own, 384, 512, 768),
        ):
            if all(side in sides for side in group):
                shown += [Choice(group, voting=voting) for voting in (False, True)]
        shown += [replace(Choice((own, 512)), offset=offset) for offset in _OFFSETS if 512 in sides]
        for choice in shown:
            print_row(looks, choice, first, rounds)


if __name__ == "__main__":
    main(prog_name="input_sizes_study", command=command)
