"""``ssdlite train``: from a folder of labelled images to a detector."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from detector import __version__
from detector.config import ExperimentConfig, load_config
from detector.data.coco import save_coco
from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.errors import DatasetError, DetectorError
from detector.evaluation.diagnosis import diagnose
from detector.evaluation.evaluate import match_categories
from detector.labels import listing
from detector.spec import ModelSpec
from detector.training.cluster import is_chief, worker_count
from detector.training.curves import draw_curves
from detector.training.gallery import draw_gallery
from detector.training.initial_weights import InitialWeights, load_initial_weights
from detector.training.plan import Plan, build_plan, describe_depth
from detector.training.run_folder import RunFolder, fingerprint, free_run_folder
from detector.training.tensorflow_import import import_with_tensorflow
from detector.training.validation import Validation, evaluate_weights
from detector.weights import load_weights

if TYPE_CHECKING:
    from detector.training.run import Outcome

_HOPELESS_AP = 0.01
_SHOWN_SCORE = 0.4


def run_train(
    *,
    dataset: Path | None,
    config: Path | None,
    settings: Sequence[str],
    train: str | None,
    val: str | None,
    output: Path | None,
    resume: Path | None,
) -> None:
    """Train, or go on with a run that was interrupted."""
    if resume is not None:
        if dataset is not None or config is not None or settings or output is not None or train or val:
            raise DetectorError(
                "--resume takes the run's folder alone; the run keeps its dataset and config."
            )
        _resume(RunFolder(resume))
        return
    if dataset is None:
        raise DetectorError("Expected a folder of labelled images: ssdlite train FOLDER.")
    if worker_count() and output is None:
        raise DetectorError("Several workers need one folder for the run: name it with --output.")
    experiment = _with_whole_paths(load_config(config, settings))
    folder = load_labelled_folder(dataset, train=train, val=val, seed=experiment.training.seed)
    plan = build_plan(experiment, folder)
    home = dataset.resolve() if dataset.is_dir() else dataset.resolve().parent
    run = RunFolder(output or free_run_folder(home.name))
    record = {
        "dataset": str(dataset.absolute()),
        "train": train,
        "val": val,
        "split": folder.split_note,
        "fingerprint": fingerprint(folder.train, folder.val),
        "version": __version__,
        "finished": False,
    }
    _train(run, plan, folder, record, new=True)


def _with_whole_paths(config: ExperimentConfig) -> ExperimentConfig:
    """The config as it can be read from any folder."""
    start = config.training.initial_weights
    if start in ("released", "imagenet", "none"):
        return config
    return replace(config, training=replace(config.training, initial_weights=str(Path(start).absolute())))


def _resume(run: RunFolder) -> None:
    record = run.load_record()
    if not record.keys() >= {"dataset", "train", "val", "fingerprint", "finished"}:
        raise DetectorError(f"{run.record} is damaged (keys are missing); the run cannot be resumed.")
    if record["finished"]:
        raise DetectorError(f"The run in {run.root} is finished; its model is {run.weights}.")
    config = load_config(run.config)
    folder = load_labelled_folder(
        Path(record["dataset"]), train=record["train"], val=record["val"], seed=config.training.seed
    )
    if fingerprint(folder.train, folder.val) != record["fingerprint"]:
        raise DatasetError(
            f"{record['dataset']} has changed since this run began, so it cannot go on as it was. Start a "
            f"new one from its weights: ssdlite train {shlex.quote(record['dataset'])} "
            f"--set training.initial_weights={shlex.quote(str(run.root))}"
        )
    run.check_space()
    _train(run, Plan(config), folder, record, new=False)


def _train(run: RunFolder, plan: Plan, folder: LabelledFolder, record: dict[str, Any], *, new: bool) -> None:
    """Train; everything that can be wrong with the request comes before the run's folder is made."""
    if new:
        run.check_free()
    spec = plan.config.model.build_spec(run.root.resolve().name, folder.classes)
    left_out = _unknown_classes(spec, folder)
    strategy = import_with_tensorflow("trainer").build_strategy(plan.config)
    start = load_initial_weights(
        plan.config.training.initial_weights, spec, seed=plan.config.training.seed, say=click.echo
    )
    spec = replace(spec, card=_card(start, folder))
    if is_chief():
        if new:
            run.start(plan.config.to_yaml(), record)
        _print_plan(run, plan, folder, spec, start)
        if left_out:
            click.echo(f"Note: not trained, for the config does not name them: {listing(left_out)}")
    validation = Validation(folder.val, spec, run, plan.config.training.patience)
    terminal = sys.stdout  # while Orbit talks, sys.stdout is another

    def say(line: str) -> None:
        tqdm.write(line, file=terminal)

    try:
        outcome = import_with_tensorflow("run").train(
            plan, spec, start.weights, folder.train, strategy, validation, run, say
        )
    except KeyboardInterrupt:
        say(f"Interrupted. Go on with: ssdlite train --resume {shlex.quote(str(run.root))}")
        raise
    if is_chief():
        _report(run, plan, folder, spec, outcome)
        run.save_record({**record, "finished": True})


def _unknown_classes(spec: ModelSpec, folder: LabelledFolder) -> list[str]:
    """Classes of the dataset that the network will not have.

    Raises:
        DatasetError: it will have none of them.
    """
    known = match_categories(spec.classes, folder.train.categories)
    if not known:
        raise DatasetError(
            f"model.classes names {listing(spec.classes, 3)} and the dataset has "
            f"{listing(folder.classes, 3)}: no class is in both. Set "
            "model.classes=dataset to take the dataset's."
        )
    matched = set(known.values())
    return [name for id_, name in folder.train.categories.items() if id_ not in matched]


def _report(run: RunFolder, plan: Plan, folder: LabelledFolder, spec: ModelSpec, outcome: Outcome) -> None:
    """Everything that is left of a run once it is over: numbers, pictures, and what to type next."""
    metrics = json.loads(run.metrics.read_text())
    detections = json.loads(run.detections.read_text())
    if outcome.stopped_early:
        click.echo(f"The last {plan.config.training.patience} evaluations brought nothing better.")
    click.echo(
        f"Trained {outcome.steps:,} steps at {outcome.images_per_second:.0f} images/s. Best weights: step "
        f"{outcome.best_step:,}, AP {100 * metrics['AP']:.2f}, AP50 {100 * metrics['AP50']:.2f} on "
        f"{len(folder.val.images):,} validation images."
    )
    if metrics["AP"] < _HOPELESS_AP:
        click.echo("An AP this low has a reason. What was found:")
        for finding in diagnose(folder.val, detections, training=folder.train):
            click.echo(f"- {finding}")
    draw_curves(run.load_history(), run.curves)
    draw_gallery(folder.val, detections, run.predictions, score_threshold=_SHOWN_SCORE)
    if folder.test is not None:
        _evaluate_test(run, folder.test, spec)
    save_coco(folder.val, run.validation)
    root = shlex.quote(str(run.root))
    click.echo(
        f"{run.root} holds model.npz and model.tflite, config.yaml, metrics.json, history.jsonl, pictures"
    )
    click.echo(f"  {run.predictions}   predictions against truth\n  {run.curves}   losses and AP over time")
    click.echo(
        "Next:\n"
        f"  ssdlite eval {shlex.quote(str(run.validation))} --model {root}\n"
        f"  ssdlite detect PHOTO --model {root}\n"
        f"  ssdlite demo --model {root}\n"
        f"  tensorboard --logdir {shlex.quote(str(run.tensorboard))}"
    )


def _evaluate_test(run: RunFolder, test: Dataset, spec: ModelSpec) -> None:
    """The number on the split that had no part in choosing anything."""
    evaluation = evaluate_weights(load_weights(run.weights)[0], spec, test)
    evaluation.save(run.root / "test", {"model": spec.name, "dataset": str(test.source), "split": test.split})
    metrics = evaluation.metrics.summary
    numbers = f"AP {100 * metrics['AP']:.2f}, AP50 {100 * metrics['AP50']:.2f}"
    click.echo(
        f"On the {evaluation.images:,} images of {test.split}, which had no say in anything: {numbers}."
    )


def _card(start: InitialWeights, folder: LabelledFolder) -> dict[str, str]:
    inherited: dict[str, str] = {
        key: start.card[key] for key in start.card if key in ("licence", "contaminated")
    }
    return {
        "source": f"trained with ssdlite {__version__}",
        "initial_weights": start.origin,
        **inherited,
        "trained_on": f"{folder.root.resolve().name}, {len(folder.train.images):,} images",
    }


def _print_plan(
    run: RunFolder, plan: Plan, folder: LabelledFolder, spec: ModelSpec, start: InitialWeights
) -> None:
    training, optimizer = plan.config.training, plan.config.optimizer
    for finding in folder.findings:
        click.echo(f"Note: {finding}")
    parts = [("train", folder.train), ("validate", folder.val), ("test", folder.test)]
    images = ", ".join(f"{name} {len(part.images):,}" for name, part in parts if part is not None)
    weights = start.origin
    if start.copied:
        weights += f"; the class columns of {', '.join(start.copied)} come along"
    epochs = int(training.steps) * training.batch_size / len(folder.train.images)
    rows = {
        "dataset": f"{folder.root} ({folder.format})",
        "images": f"{images}; {len(folder.train.annotations):,} objects to train on",
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
        click.echo(f"{name:>10}  {value}")
    for reason in plan.reasons:
        click.echo(f"{'':>10}  ({reason})")
