"""``ssdlite train``: from a folder of labelled images to a detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.options import PATH
from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.api.training import TrainOptions


@click.command("train", cls=OneValueCommand)
@click.argument("dataset", type=PATH, required=False)
@click.option("--config", type=PATH, help="Experiment file; configs/ has some.  [default: fine-tuning]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one key of the experiment, for example training.steps=500. May be given several times.",
)
@click.option("--train", help="Split to train on, or several joined by commas.  [default: train]")
@click.option("--val", help="Split to validate on.  [default: val, or a fifth of the images]")
@click.option("--output", type=PATH, help="Folder of the run.  [default: runs/NAME]")
@click.option("--resume", type=PATH, metavar="RUN", help="Go on with a run that was interrupted.")
def train_command(
    dataset: Path | None,
    config: Path | None,
    settings: tuple[str, ...],
    train: str | None,
    val: str | None,
    output: Path | None,
    resume: Path | None,
) -> None:
    """Train a detector on your own images.

    DATASET is a folder of images with labels: COCO JSON, Pascal VOC XML, YOLO text, an export of CVAT or of
    Label Studio, or the TFRecords of `ssdlite data records`, recognised by itself. Look at it first with
    `ssdlite data check DATASET`.
    """
    from tqdm import tqdm

    from detector.api import training

    def say(line: str) -> None:
        with tqdm.external_write_mode():  # above the bar, if there is one
            echo(line)

    options: TrainOptions = {"config": config, "settings": settings, "train": train, "val": val}
    if resume is not None:
        if output is not None or any(options.values()):
            raise DetectorError(
                "--resume takes the run's folder, and the dataset where that has moved; the run keeps its "
                "splits and its config."
            )
        options = {}
    elif dataset is None:
        raise DetectorError("Expected a folder of labelled images: {command('train', 'FOLDER')}.")
    training.train(dataset, output=output, resume=resume, say=say, progress=True, **options)
