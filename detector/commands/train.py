"""``ssdlite train``: from a folder of labelled images to a detector or a classifier."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.option_kinds import PATH, InputSizes
from detector.commands.options import collected, host_option, port_option
from detector.errors import DetectorError
from detector.labels import parse_classes
from detector.system.invocation import command

if TYPE_CHECKING:
    from detector.api.training import TrainOptions


@dataclass(frozen=True)
class _Experiment:
    """What is trained and how, over the defaults or those of a file."""

    config: Path | None
    settings: tuple[str, ...]
    steps: int | None
    epochs: int | None
    minutes: float | None
    batch: int | None
    input_size: str | None
    keep_classes: str | None
    show_config: bool

    def all_settings(self) -> list[str]:
        """The options as settings, after those that were given as such; UsageError where both are given."""
        options = {
            "training.steps": self.steps,
            "training.epochs": self.epochs,
            "training.minutes": self.minutes,
            "training.batch_size": self.batch,
            "model.input_size": self.input_size,
            "training.keep_classes": self._kept(),
        }
        given = {key: value for key, value in options.items() if value is not None}
        if "training.steps" in given and "training.epochs" in given:
            raise click.UsageError("--steps and --epochs both say how long; leave one of them out.")
        if twice := given.keys() & {setting.partition("=")[0].strip() for setting in self.settings}:
            raise click.UsageError(f"{min(twice)} is given twice, as an option and with --set.")
        return [*self.settings, *(f"{key}={value}" for key, value in given.items())]

    def _kept(self) -> str | None:
        """The classes that are kept, in YAML: a word or a list of names."""
        names = parse_classes(self.keep_classes)
        if names == []:
            raise click.UsageError("--keep-classes names none; expected coco, or names such as 'person,dog'.")
        return "coco" if names == ["coco"] else None if names is None else json.dumps(names)


@dataclass(frozen=True)
class _Splits:
    """Which images train and which validate."""

    train: str | None
    val: str | None
    folds: int | None
    group_by: str | None


@dataclass(frozen=True)
class _GoingOn:
    """Which earlier run is gone on from."""

    from_run: Path | None
    keep: str | None

    def check(self, folds: int | None) -> None:
        """Raise UsageError for what goes with no earlier run, or with none."""
        if self.keep is not None and self.from_run is None:
            raise click.UsageError("--keep says what is mixed in of the data of --from RUN; give that, too.")
        if folds is not None and self.from_run is not None:
            raise click.UsageError("--folds trains new models on all images; leave out --folds or --from.")


@dataclass(frozen=True)
class _Watching:
    """Where the training can be looked at."""

    watch: bool
    host: str
    port: int

    def check(self) -> None:
        """Raise UsageError for an address of a page that is not wanted."""
        if not self.watch and (self.host, self.port) != ("127.0.0.1", 0):
            raise click.UsageError("--host and --port are of the page of --watch; give it, too.")

    def page_of(self, folder: Path | None, say: Callable[[str], None]) -> AbstractContextManager[None]:
        """A block in which a run's folder can be looked at, if that is wanted."""
        if not self.watch or folder is None:
            return nullcontext()
        from detector.api.watching import watch

        return watch(folder, say, host=self.host, port=self.port)


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
@click.option("--steps", type=click.IntRange(0), help="How many steps.  [default: by the dataset]")
@click.option(
    "--epochs", type=click.IntRange(1), help="How often each image is looked at, in place of steps."
)
@click.option(
    "--minutes",
    type=click.FloatRange(0.1),
    help="Time that everything may take, evaluations and export included.  [default: as much as it takes]",
)
@click.option("--batch", type=click.IntRange(1), help="Images a step.  [default: 8]")
@click.option(
    "--input-size",
    type=InputSizes(auto=True, several=False),
    metavar="SIZE",
    help="Side of the input in pixels, or HEIGHTxWIDTH.  [default: by the sizes of objects or pictures]",
)
@click.option("--train", help="Split to train on, or several joined by commas.  [default: train]")
@click.option("--val", help="Split to validate on.  [default: val, or a fifth of the images]")
@click.option(
    "--folds",
    type=int,
    metavar="K",
    help="Train so many models, each judged on a part of the images that it has not seen, then one on all.",
)
@click.option(
    "--group-by",
    metavar="PATTERN",
    help="Images in whose file names this regular expression finds the same text stay together, in a fold or "
    r"in what is held out: 'cam(\d+)_'.  [default: look-alikes stay together]",
)
@click.option(
    "--from",
    "from_run",
    type=PATH,
    metavar="RUN",
    help="Train on from the weights of an earlier run; its classes stay, those of DATASET are added.",
)
@click.option(
    "--keep",
    metavar="OLD",
    help="With --from: the dataset whose training images are mixed in, or nothing.  [default: that of RUN]",
)
@click.option(
    "--keep-classes",
    metavar="NAMES",
    help="Keep classes of the initial weights, without their images: coco, or names separated by commas.",
)
@click.option("--output", type=PATH, help="Folder of the run.  [default: runs/NAME]")
@click.option("--resume", type=PATH, metavar="RUN", help="Go on with a run that was interrupted.")
@click.option("--watch", is_flag=True, help="Show in the browser how it goes, live.")
@host_option
@port_option(0)
@click.option(
    "--show-config",
    is_flag=True,
    help="Print every key of the experiment with its meaning, and train nothing.",
)
@collected(_Experiment, "experiment")
@collected(_Splits, "splits")
@collected(_GoingOn, "going_on")
@collected(_Watching, "watching")
def train_command(
    dataset: Path | None,
    experiment: _Experiment,
    splits: _Splits,
    output: Path | None,
    resume: Path | None,
    going_on: _GoingOn,
    watching: _Watching,
) -> None:
    """Train a detector or a classifier on your own images.

    DATASET is a folder of images with labels: COCO JSON, Pascal VOC XML, YOLO text, an export of CVAT or of
    Label Studio, JSON of labelme or Create ML, CSV, or TFRecords, recognised by itself; or a folder of
    pictures for each class, without boxes, which trains a classifier. Look at it first with
    `ssdlite data check DATASET`.
    """
    from tqdm import tqdm

    from detector.api import training
    from detector.training.launch import choose_folder

    def say(line: str) -> None:
        with tqdm.external_write_mode():  # above the bar, if there is one
            echo(line)

    watching.check()
    going_on.check(splits.folds)
    if experiment.show_config and resume is not None:
        raise click.UsageError(
            f"--show-config is of a new training; {resume / 'config.yaml'} is that of the run."
        )
    if experiment.show_config:
        from detector.training.config_file import load_config
        from detector.training.config_text import describe_config

        echo(describe_config(load_config(experiment.config, experiment.all_settings())))
        return
    options: TrainOptions = {
        "config": experiment.config,
        "settings": experiment.all_settings(),
        "train": splits.train,
        "val": splits.val,
        "folds": splits.folds,
        "group_by": splits.group_by,
        "from_run": going_on.from_run,
        "keep": going_on.keep,
    }
    if resume is not None:
        if output is not None or any(options.values()):
            raise DetectorError(
                "--resume takes the run's folder, and the dataset where that has moved; the run keeps its "
                "splits and its config."
            )
        options = {}
    elif dataset is None:
        raise DetectorError(f"Expected a folder of labelled images: {command('train', 'FOLDER')}.")
    elif watching.watch:
        output = output or choose_folder(dataset)
    with watching.page_of(resume or output, say):
        training.train(dataset, output=output, resume=resume, say=say, progress=True, **options)
    gc.freeze()  # or Python would walk TensorFlow's graphs once more, only to end
