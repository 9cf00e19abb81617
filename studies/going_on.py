"""What going on costs: ``python -m studies.going_on BCCD RACCOON COCO``.

Halves: a model of one half of BCCD goes on with the other half, against models of both at once. Kept classes:
raccoons beside COCO's classes, against raccoons alone and against COCO's weights. And a case that has to be
warned of: the model of blood cells goes on with raccoons, and nothing is mixed in.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

import click

from detector.api.comparison import compare
from detector.api.inputs import load_dataset
from detector.api.training import TrainedRun, train
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.data.dataset import Dataset
from detector.data.folder import load_labelled_folder
from detector.data.readers.coco import save_coco
from detector.evaluation.comparison import show_difference
from detector.training.retention import tell_retention
from detector.training.run_folder import RunFolder

RELEASED = "ssdlite_mobilenet_v2_coco"
# All runs alike, whatever the data: one depth, no trial, and no end before the last step.
SETTINGS = (
    "training.frozen_until=block_13_expand",
    "training.evaluate_every=100",
    "training.patience=1000",
)
_STEPS = 400
_ROUNDS = 1000


def write_halves(bccd: Path, output: Path) -> dict[str, Path]:
    """The train and val images of a dataset as ``both``, ``first`` and ``second``, which have every other
    image each, and all of its test images in each: folders of COCO JSON, by name.
    """
    folder = load_labelled_folder(bccd)
    assert folder.test is not None, "a test split has no part in choosing the weights"
    places = {}
    for name, kept in (("both", (0, 1)), ("first", (0,)), ("second", (1,))):
        places[name] = output / name
        (places[name] / "annotations").mkdir(parents=True, exist_ok=True)
        for split, part in (("train", folder.train), ("val", folder.val), ("test", folder.test)):
            chosen = part if split == "test" else _every_other(part, kept)
            save_coco(chosen, places[name] / f"annotations/instances_{split}.json")
    return places


def _every_other(part: Dataset, kept: Sequence[int]) -> Dataset:
    return part.select({image.id for number, image in enumerate(part.images) if number % 2 in kept})


class Runs:
    """The runs of a study, each trained unless it is there already.

    Args:
        output: their folder.

    Attributes:
        output: as given.
    """

    def __init__(self, output: Path) -> None:
        self.output = output

    def __call__(self, name: str, dataset: Path, seed: int, *settings: str, **options: object) -> TrainedRun:
        """The run of a name and a seed."""
        place = self.output / f"{name}-{seed}"
        if not (RunFolder(place).record.exists() and TrainedRun(place).finished):
            echo(f"Training {place}")
            steps = [] if any("training.steps" in each for each in settings) else [_STEPS]
            given = [*SETTINGS, f"training.seed={seed}", *settings]
            given += [f"training.steps={number}" for number in steps]
            train(dataset, output=place, settings=given, progress=True, **options)  # type: ignore[arg-type]
            gc.collect()
        return TrainedRun(place)


def study_halves(runs: Runs, halves: dict[str, Path], seed: int) -> None:
    """One half after the other against both at once, on the test images."""
    test = load_dataset(halves["both"], split="test")
    long = runs("both-long", halves["both"], seed, f"training.steps={2 * _STEPS}")
    models = {f"both at once, {_STEPS} steps": runs("both", halves["both"], seed)}
    first = models["the first half"] = runs("first", halves["first"], seed)
    second = models["then the second, old pictures mixed in"] = runs(
        "second", halves["second"], seed, from_run=first.folder
    )
    echo(
        f"Halves, seed {seed}: AP of {len(test.images)} test images of both at once in {2 * _STEPS} steps, "
        "which is as many as one half after the other, then of another, and the difference"
    )
    for name, run in models.items():
        _print(name, long.model, run.model, test)
    echo("\n".join(tell_retention(RunFolder(second.folder))))


def study_kept(runs: Runs, raccoon: Path, coco: Dataset, seed: int) -> None:
    """Raccoons beside COCO's classes against raccoons alone, and against COCO's weights."""
    alone = runs("raccoon", raccoon, seed)
    kept = runs("raccoon-coco", raccoon, seed, keep_classes="coco")
    validation = load_dataset(alone.folder / "validation.json")
    images = f"{len(validation.images)} raccoon images, {len(coco.images)} of COCO"
    echo(f"Kept classes, seed {seed}: AP before, after, and the difference; {images}")
    _print("raccoons alone, beside COCO's classes", alone.model, kept.model, validation)
    _print("COCO, released weights and beside raccoons", RELEASED, kept.model, coco)


def study_warning(runs: Runs, half: Path, raccoon: Path, seed: int) -> None:
    """Blood cells, then raccoons, and nothing of the old is mixed in."""
    first = runs("first", half, seed)
    few = f"training.steps={_STEPS // 4}"
    gone = runs("cells-then-raccoons", raccoon, seed, few, from_run=first.folder, keep="nothing")
    echo(f"Raccoons after blood cells, nothing mixed in, seed {seed}")
    echo("\n".join(tell_retention(RunFolder(gone.folder))))


def _print(name: str, before: str | Path, after: str | Path, dataset: Dataset) -> None:
    each = compare(before, after, dataset, rounds=_ROUNDS).summary["AP"]
    values = (100 * side.value for side in (each.first, each.second))
    echo(f"  {name:42} {' '.join(f'{value:6.2f}' for value in values)}  {show_difference(each)}")


@click.command()
@click.argument("bccd", type=click.Path(path_type=Path))
@click.argument("raccoon", type=click.Path(path_type=Path))
@click.argument("coco", type=click.Path(path_type=Path))
@click.option("--images", type=click.Path(path_type=Path), help="Folder of COCO's images.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("output/going_on"), show_default=True)
@click.option("--seeds", type=int, default=3, show_default=True, help="How many, from 0 on.")
@click.option("--part", type=click.Choice(["halves", "kept", "warning"]), help="One of the three alone.")
def study_going_on(
    bccd: Path,
    raccoon: Path,
    coco: Path,
    images: Path | None,
    output: Path,
    seeds: int,
    part: str | None,
) -> None:
    """Measure what going on from a model costs, on BCCD, RACCOON and a part of COCO's val2017."""
    runs, halves = Runs(output), write_halves(bccd, output / "data")
    dataset = load_dataset(coco, images=images)
    for seed in range(seeds):
        if part in (None, "kept"):
            study_kept(runs, raccoon, dataset, seed)
        if part in (None, "halves"):
            study_halves(runs, halves, seed)
        if part in (None, "warning"):
            study_warning(runs, halves["first"], raccoon, seed)


if __name__ == "__main__":
    main(prog_name="python -m studies.going_on", command=study_going_on)
