"""What a start is worth: ``python -m studies.backbones FOLDER --v1 FILE --v2 FILE``.

MobileNetV1 and MobileNetV2 from ImageNet weights, and MobileNetV2 from the released COCO weights, are trained
alike: the same images, steps, depth, rate and batch-norm statistics. The defaults, which are chosen for the
COCO weights, come beside them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import click

from detector.api.comparison import compare
from detector.api.inputs import load_dataset
from detector.api.training import TrainedRun, train
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.data.folder import load_labelled_folder
from detector.evaluation.comparison import Difference, show_difference, show_interval
from detector.training.run_folder import RunFolder

REFERENCE = "V2, ImageNet"
RATE = 0.01
# Everything is trained, as it has to be where heads and extra maps are new, and to the last step.
ALIKE = (
    "training.frozen_until=none",
    "training.batch_norm=live",
    "training.patience=1000",
)


def starts(v1: Path, v2: Path, steps: int) -> dict[str, tuple[str, ...]]:
    """The settings of each kind of run by its name: what all are compared with first, the defaults last."""
    alike = (*ALIKE, f"training.steps={steps}", f"optimizer.learning_rate={RATE}")
    return {
        REFERENCE: (*alike, f"training.initial_weights={v2}"),
        "V1, ImageNet": (*alike, "model.backbone=mobilenet_v1", f"training.initial_weights={v1}"),
        "V2, COCO": alike,
        "V2, COCO, defaults": (),
    }


def run_of(place: Path, folder: Path, splits: str | None, settings: tuple[str, ...]) -> TrainedRun:
    """The run at a place, trained unless it is there already."""
    if not (RunFolder(place).record.exists() and TrainedRun(place).finished):
        echo(f"Training {place}")
        options = {} if splits is None else {"train": splits}
        train(folder, output=place, settings=settings, progress=True, **options)  # type: ignore[arg-type]
        gc.collect()
    return TrainedRun(place)


def measure(runs: dict[str, TrainedRun], folder: Path) -> Iterator[tuple[str, str, Difference]]:
    """Name, metric, and each run against the first: on the test images; where there are none, on those that
    chose the weights.
    """
    reference = runs[REFERENCE]
    tested = load_labelled_folder(folder).test is not None
    images = load_dataset(folder, split="test") if tested else reference.folder / "validation.json"
    for name, run in runs.items():
        summary = compare(reference.model, run.model, images).summary
        for metric in ("AP", "AP50"):
            yield name, metric, summary[metric]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--v1", type=click.Path(path_type=Path), required=True, help="ImageNet weights of MobileNetV1.")
@click.option("--v2", type=click.Path(path_type=Path), required=True, help="ImageNet weights of MobileNetV2.")
@click.option("--train", "splits", help="As for ssdlite train.")
@click.option("--steps", type=int, default=800, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("output/backbones"), show_default=True
)
def command(
    folder: Path, v1: Path, v2: Path, splits: str | None, steps: int, seed: int, output: Path
) -> None:
    """Train each kind on FOLDER, and print AP and AP50 beside those of MobileNetV2 from ImageNet."""
    runs = {}
    for name, settings in starts(v1, v2, steps).items():
        place = output / f"{name.replace(', ', '-')}-{seed}"
        runs[name] = run_of(place, folder, splits, (*settings, f"training.seed={seed}"))
    for name, metric, each in measure(runs, folder):
        echo(f"{name:20} {metric:5} {show_interval(each.second):>22}  {show_difference(each)}")


if __name__ == "__main__":
    main(prog_name="python -m studies.backbones", command=command)
