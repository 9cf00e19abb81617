"""``ssdlite train``: from a folder of labelled images to a detector."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.options import PATH
from detector.errors import DatasetError, DetectorError
from detector.labels import listing
from detector.system.terminal import counted
from detector.training.tensorflow_import import import_with_tensorflow
from detector.version import __version__

if TYPE_CHECKING:
    from detector.data.folder import LabelledFolder
    from detector.spec import ModelSpec
    from detector.training.config import ExperimentConfig
    from detector.training.initial_weights import InitialWeights
    from detector.training.plan import Plan
    from detector.training.run_folder import RunFolder


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
    from detector.data.folder import load_labelled_folder
    from detector.training.cluster import worker_count
    from detector.training.config_file import load_config
    from detector.training.plan import build_plan
    from detector.training.run_folder import RunFolder, fingerprint, free_run_folder

    if resume is not None:
        if config is not None or settings or output is not None or train or val:
            raise DetectorError(
                "--resume takes the run's folder, and the dataset where that has moved; the run keeps its "
                "splits and its config."
            )
        run = RunFolder(resume)
        run.load_record()
        with _alone(run):
            _resume(run, dataset)
        return
    if dataset is None:
        raise DetectorError("Expected a folder of labelled images: ssdlite train FOLDER.")
    if worker_count() and output is None:
        raise DetectorError("Several workers need one folder for the run: name it with --output.")
    experiment = _with_whole_paths(load_config(config, settings))
    folder = load_labelled_folder(dataset, train=train, val=val, seed=experiment.training.seed)
    _tell_findings(folder)
    plan = build_plan(experiment, folder)
    home = dataset.resolve() if dataset.is_dir() else dataset.resolve().parent
    record = {
        "dataset": str(dataset.absolute()),
        "train": train,
        "val": val,
        "split": folder.split_note,
        "classes": list(folder.classes),
        "fingerprint": fingerprint(folder.train, folder.val),
        "config": asdict(plan.config),
        "version": __version__,
        "step": 0,
        "finished": False,
    }
    _begin(RunFolder(output or free_run_folder(home.name)), plan, folder, record)


def _with_whole_paths(config: ExperimentConfig) -> ExperimentConfig:
    """The config as it can be read from any folder."""
    start = config.training.initial_weights
    if start in ("released", "imagenet", "none"):
        return config
    return replace(config, training=replace(config.training, initial_weights=str(Path(start).absolute())))


@contextmanager
def _alone(run: RunFolder) -> Iterator[None]:
    """A block in which no other process trains in the run's folder; of several workers the first has it."""
    from detector.training.cluster import is_chief
    from detector.training.run_lock import locked

    if not is_chief():
        yield
        return
    run.make()
    try:
        with locked(run.root, echo):
            yield
    finally:
        run.remove_if_empty()


def _begin(run: RunFolder, plan: Plan, folder: LabelledFolder, record: dict[str, Any]) -> None:
    """Train from the start; everything that can be wrong with the request comes before the run's folder."""
    from detector.training.cluster import is_chief
    from detector.training.initial_weights import load_initial_weights
    from detector.training.resumption import weights_digest

    run.check_free()
    spec, strategy = _prepare(run, plan, folder)
    training = plan.config.training
    start = load_initial_weights(training.initial_weights, spec, seed=training.seed, say=echo)
    spec = replace(spec, card=_card(start, folder))
    record = {**record, "weights": weights_digest(start.weights), "card": spec.card}
    with _alone(run):
        if is_chief():
            run.start(plan.config.to_yaml(), record)
        _train(run, plan, folder, spec, start, strategy)


def _resume(run: RunFolder, moved_to: Path | None) -> None:
    """Go on with a run; whatever is in the way is said before anything is changed."""
    from detector.training.cluster import is_chief
    from detector.training.initial_weights import InitialWeights
    from detector.training.plan import Plan
    from detector.training.resumption import reload_initial_weights, take_up

    resumed = take_up(run, moved_to, _tell_findings)
    plan, folder, step = Plan(resumed.config), resumed.folder, resumed.step
    spec, strategy = _prepare(run, plan, folder)
    start = InitialWeights({}, f"the checkpoint of step {step}", {})
    if step is None:
        start = reload_initial_weights(run, resumed, spec, echo)
    spec = replace(spec, card={str(key): str(value) for key, value in resumed.record["card"].items()})
    if is_chief():
        place = Path(resumed.record["dataset"]) if moved_to is None else moved_to.absolute()
        run.update_record(dataset=str(place), config=asdict(plan.config), finished=False)
        for line in resumed.lines:
            echo(line)
    _train(run, plan, folder, spec, start, strategy)


def _prepare(run: RunFolder, plan: Plan, folder: LabelledFolder) -> tuple[ModelSpec, Any]:
    """The network, and the devices that train it."""
    from detector.training.cluster import is_chief

    spec = plan.config.model.build_spec(run.root.resolve().name, folder.classes)
    left_out = _unknown_classes(spec, folder)
    if left_out and is_chief():
        echo(f"Note: not trained, for the config does not name them: {listing(left_out)}")
    return spec, import_with_tensorflow("trainer").build_strategy(plan.config)


def _train(
    run: RunFolder, plan: Plan, folder: LabelledFolder, spec: ModelSpec, start: InitialWeights, strategy: Any
) -> None:
    from tqdm import tqdm

    from detector.training.cluster import is_chief
    from detector.training.final_report import report_run
    from detector.training.validation import Validation

    terminal = sys.stdout  # while Orbit talks, sys.stdout is another

    def say(line: str) -> None:
        tqdm.write(line, file=terminal)

    try:
        if is_chief():
            _print_plan(run, plan, folder, spec, start)
        validation = Validation(folder.val, spec, run, plan.config.training.patience)
        outcome = import_with_tensorflow("run").train(
            plan, spec, start.weights, folder.train, strategy, validation, run, say
        )
        if is_chief():
            report_run(run, plan, folder, spec, outcome, echo)
            run.update_record(finished=True)
    except KeyboardInterrupt:
        say(f"Interrupted. Go on with: ssdlite train --resume {shlex.quote(str(run.root))}")
        raise


def _tell_findings(folder: LabelledFolder) -> None:
    from detector.training.cluster import is_chief

    for finding in folder.findings if is_chief() else ():
        echo(f"Note: {finding}")


def _unknown_classes(spec: ModelSpec, folder: LabelledFolder) -> list[str]:
    """Classes of the dataset that the network will not have.

    Raises:
        DatasetError: it will have none of them.
    """
    from detector.evaluation.evaluate import match_categories

    known = match_categories(spec.classes, folder.train.categories)
    if not known:
        raise DatasetError(
            f"model.classes names {listing(spec.classes, 3)} and the dataset has "
            f"{listing(folder.classes, 3)}: no class is in both. Set "
            "model.classes=dataset to take the dataset's."
        )
    matched = set(known.values())
    return [name for id_, name in folder.train.categories.items() if id_ not in matched]


def _card(start: InitialWeights, folder: LabelledFolder) -> dict[str, str]:
    inherited: dict[str, str] = {
        key: start.card[key] for key in start.card if key in ("licence", "contaminated")
    }
    return {
        "source": f"trained with ssdlite {__version__}",
        "initial_weights": start.origin,
        **inherited,
        "trained_on": f"{folder.root.resolve().name}, {counted(len(folder.train.images), 'image')}",
    }


def _print_plan(
    run: RunFolder, plan: Plan, folder: LabelledFolder, spec: ModelSpec, start: InitialWeights
) -> None:
    from detector.training.plan import describe_depth

    training, optimizer = plan.config.training, plan.config.optimizer
    parts = [("train", folder.train), ("validate", folder.val), ("test", folder.test)]
    images = ", ".join(f"{name} {len(part.images):,}" for name, part in parts if part is not None)
    weights = start.origin
    if start.copied:
        weights += f"; the class columns of {', '.join(start.copied)} come along"
    epochs = int(training.steps) * training.batch_size / len(folder.train.images)
    rows = {
        "dataset": f"{folder.root} ({folder.format})",
        "images": f"{images}; {counted(len(folder.train.annotations), 'object')} to train on",
        "split": folder.split_note,
        "classes": f"{len(spec.classes)}: {listing(spec.classes)}",
        "weights": weights,
        "trained": f"{describe_depth(training.frozen_until)}; {training.batch_norm} batch-norm statistics",
        "steps": f"{training.steps:,} of {training.batch_size} images ({epochs:.0f} epochs), evaluated every "
        f"{training.evaluate_every:,}",
        "optimizer": f"{optimizer.type}, learning rate {optimizer.learning_rate:g}, {optimizer.schedule}",
        "run": str(run.root),
    }
    for name, value in rows.items():
        echo(f"{name:>10}  {value}")
    for reason in plan.reasons:
        echo(f"{'':>10}  ({reason})")
