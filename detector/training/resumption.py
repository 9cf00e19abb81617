"""What a run that was interrupted goes on from, and whether that is still what it began with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from detector.classifier_spec import ClassifierSpec
from detector.data.folder import LabelledFolder
from detector.errors import DatasetError, DetectorError, WeightsError
from detector.labels import listing
from detector.spec import ModelSpec
from detector.system.invocation import command
from detector.system.terminal import counted
from detector.training.checkpoints import find_checkpoint
from detector.training.config import AUTO, ClassLoss, ConfigError, ExperimentConfig
from detector.training.config_file import load_config
from detector.training.division import Division
from detector.training.initial_weights import InitialWeights
from detector.training.run_folder import RunFolder, fingerprint
from detector.training.run_record import CLASSIFIER, RunRecord, origin_options
from detector.training.start_weights import load_start
from detector.training.teacher import Teacher, load_teacher
from detector.weights import Weights, load_network

# All else decides what has been trained already, and stays.
_MAY_CHANGE = (
    "training.steps",
    "training.evaluate_every",
    "training.minutes",
    "training.patience",
    "runtime.",
)
_FIRST_LOSS: ClassLoss = "hard_negatives"
"""That of detectors before there was a key for it; a run that began then goes on so."""


@dataclass(frozen=True)
class Resumed:
    """A run that can go on.

    Attributes:
        record: what it began with.
        step: the step of the checkpoint that it goes on from; None where none was written yet.
        config: the experiment.
        folder: the dataset.
        lines: what there is to say: where it goes on, and what was changed.
    """

    record: RunRecord
    step: int | None
    config: ExperimentConfig
    folder: LabelledFolder
    lines: tuple[str, ...]


def take_up(
    run: RunFolder,
    moved_to: Path | None,
    complete: Callable[[LabelledFolder], LabelledFolder],
    loaded: LabelledFolder | None = None,
) -> Resumed:
    """The run in a folder, everything that could be in the way of going on looked at.

    Args:
        run: the folder; nothing in it is changed, but a config that is missing is written anew.
        moved_to: where the dataset is now; None for where it was.
        complete: takes the dataset that was named before it is compared with what it was, and returns all
            that was trained on.
        loaded: the run's dataset, where it is at hand already.

    Raises:
        DetectorError: one sentence on what is in the way.
    """
    record = run.load_record()
    run.check_record(record)
    run.check_kinds()
    if record["finished"]:
        _refuse_finished(run, record)
    step, lines = _find_progress(run, record)
    config, changes = _load_config(run, record, step or 0)
    folder = loaded
    if folder is None:
        folder = complete(load_dataset(run, record, moved_to, config.training.seed))
    check_dataset(run, record, folder)
    run.check_space()
    return Resumed(record, step, config, folder, (*lines, *changes))


def _refuse_finished(run: RunFolder, record: RunRecord) -> None:
    """Raise DetectorError where the weights of a finished run are whole, so that nothing is left to do."""
    try:
        load_network(run.weights)
    except DetectorError:
        return
    raise DetectorError(
        f"The run in {run.root} is finished; its model is {run.weights}. {_way_out(run, record)}"
    )


def _find_progress(run: RunFolder, record: RunRecord) -> tuple[int | None, list[str]]:
    """The step that a run goes on from, None where it has no checkpoint yet, and what is to be said of it.

    Raises:
        DetectorError: checkpoints were written and none of them is whole.
    """
    found = find_checkpoint(run.checkpoints)
    reached = max([record["step"], *(entry["step"] for entry in run.load_history())])
    lines = [f"Left aside, for it is not whole: {fault}." for fault in found.faults]
    if found.whole is None:
        if record["step"]:
            faults = "; ".join(found.faults) or "they are missing"
            raise DetectorError(
                f"No checkpoint in {run.checkpoints} is whole ({faults}), so the run in {run.root} cannot go "
                f"on from step {record['step']:,}. {_way_out(run, record)}"
            )
        again = f"; {counted(reached, 'step is', 'steps are')} trained again" if reached else ""
        return None, [*lines, f"No checkpoint had been written yet: training begins at step 0{again}."]
    step = found.whole.step
    again = (
        f"; the {counted(reached - step, 'step after it is', 'steps after it are')} trained again"
        if reached > step
        else ""
    )
    lines.append(f"Going on from the checkpoint of step {step:,}{again}.")
    lost = int(found.facts.get("history", 0)) - len(run.load_history(step))
    if lost > 0:
        lines.append(
            f"Note: missing or damaged in {run.history}: {counted(lost, 'line')}; losses or AP are lost."
        )
    return step, lines


def _load_config(run: RunFolder, record: RunRecord, step: int) -> tuple[ExperimentConfig, list[str]]:
    """The run's experiment, and a line for each value that was changed since it began.

    Raises:
        ConfigError: it cannot be read, a value was changed that has to stay, or it ends before ``step``.
    """
    lines = []
    if not run.config.exists():
        lines.append(f"{run.config} was missing and is written anew, as the run began.")
    try:
        config = load_run_config(run, record)
    except ConfigError as error:
        raise ConfigError(
            f"{error} Delete {run.config} to have it written anew, as the run began."
        ) from error
    now, then = _flat(asdict(config)), _began_with(record)
    changed = {key: (then[key], value) for key, value in now.items() if key in then and then[key] != value}
    if new := sorted(now.keys() - then.keys()):  # the run was begun by an earlier version
        lines.append(f"New since the run began: {', '.join(f'{key} is {now[key]!r}' for key in new)}.")
    if changed.get("training.frozen_until", ("",))[0] == AUTO:  # the trial's choice, not recorded any more
        del changed["training.frozen_until"]
    for key, (before, value) in changed.items():
        if value == AUTO and key.startswith("training."):
            raise ConfigError(f"{run.config}: {key} was {before!r} when the run began; set it to a number.")
        if not key.startswith(_MAY_CHANGE):
            raise ConfigError(
                f"{run.config}: {key} was {before!r} when the run began and is {value!r} now, which would "
                f"make another run of it: set it back, or start a new run. {_way_out(run, record)}"
            )
    if int(config.training.steps) < step:
        raise ConfigError(
            f"{run.config}: training.steps is {config.training.steps:,} and the run has done {step:,} steps; "
            f"set it to {step} to end the run where it is, or higher."
        )
    lines += [f"{key} was {before!r} and is {value!r} now." for key, (before, value) in changed.items()]
    return config, lines


def load_run_config(run: RunFolder, record: RunRecord) -> ExperimentConfig:
    """The experiment of a run; its file is written anew, as the run began, where it is missing.

    Raises:
        ConfigError: it cannot be read.
    """
    if not run.config.exists():
        run.save_config(yaml.safe_dump(record["config"], sort_keys=False))
    config = load_config(run.config)
    began: Any = _began_with(record)["loss.classification"]
    if config.loss.classification == AUTO:  # files of earlier versions say nothing
        config = replace(config, loss=replace(config.loss, classification=began))
    return config


def differs(config: ExperimentConfig, record: RunRecord) -> bool:
    """Whether an experiment is not the one that a run began with; keys that it had not are left aside."""
    now = _flat(asdict(config))
    return any(now.get(key) != value for key, value in _began_with(record).items())


def _began_with(record: RunRecord) -> dict[str, object]:
    """Values by ``section.key``, with what was done before there was a key for it."""
    first = AUTO if record.get("kind") == CLASSIFIER else _FIRST_LOSS
    return {"loss.classification": first, **_flat(record["config"])}


def _flat(sections: Mapping[str, object]) -> dict[str, object]:
    return {
        f"{section}.{key}": value
        for section, values in sections.items()
        if isinstance(values, Mapping)
        for key, value in values.items()
    }


def load_dataset(run: RunFolder, record: RunRecord, moved_to: Path | None, seed: int) -> LabelledFolder:
    """The dataset that a run was begun with, from where it was or from where it is now.

    Raises:
        DatasetError: it is not there, or it is another.
    """
    place = Path(record["dataset"]) if moved_to is None else moved_to
    try:
        folder = Division.of_record(record).load(place, seed)
    except DatasetError as error:
        raise DatasetError(
            f"{error} The run in {run.root} needs the dataset that it began with, {record['dataset']}. "
            f"Where that has moved: {command('train', 'NEW_PLACE', '--resume', run.root)}"
        ) from error
    return folder


def check_dataset(run: RunFolder, record: RunRecord, folder: LabelledFolder) -> None:
    """Raise DatasetError unless images, objects and classes are those that the run began with."""
    if fingerprint(folder.train, folder.val) == record["fingerprint"]:
        return
    what = "images or labels are others"
    if list(folder.classes) != record["classes"]:
        what = f"its classes were {listing(record['classes'])} and are {listing(folder.classes)}"
    raise DatasetError(
        f"{folder.root} has changed since this run began ({what}), so it cannot go on as it was. "
        f"{_way_out(run, record)}"
    )


def reload_initial_weights(
    run: RunFolder, resumed: Resumed, spec: ModelSpec | ClassifierSpec, say: Callable[[str], None]
) -> InitialWeights:
    """The weights that a run began with, for one that has no checkpoint yet.

    Raises:
        WeightsError: they cannot be had any more, or are others now.
    """
    training, record = resumed.config.training, resumed.record
    start = load_start(training, spec, say)
    if weights_digest(start.weights) != record["weights"]:
        raise WeightsError(
            f"The weights {training.initial_weights} are not those that the run in {run.root} began with; "
            f"put them back, or start a new run. {_way_out(run, record)}"
        )
    return start


def reload_teacher(config: ExperimentConfig, record: RunRecord, say: Callable[[str], None]) -> Teacher | None:
    """The network that a run keeps classes of; None where it keeps none.

    Raises:
        WeightsError: it cannot be had any more, or is another now.
    """
    teacher = load_teacher(config, say)
    if teacher is not None and weights_digest(teacher.weights) != record.get("teacher"):
        raise WeightsError(
            f"The weights {config.training.initial_weights} are not those whose classes this run keeps; put "
            "them back, or start a new run."
        )
    return teacher


def weights_digest(weights: Weights) -> str:
    """A digest of keys and values: another one means other weights."""
    digest = hashlib.sha256()
    for key in sorted(weights):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(weights[key]).tobytes())
    return digest.hexdigest()


def _way_out(run: RunFolder, record: RunRecord) -> str:
    """What can be done with a run that cannot go on, as a sentence."""
    train = ("train", record["dataset"], *Division.of_record(record).options, *origin_options(record))
    try:
        load_network(run.weights)
    except DetectorError:
        return f"Start again: {command(*train)}"
    again = command(
        *train[:2], *Division.of_record(record).options, "--set", f"training.initial_weights={run.root}"
    )
    return f"A new run can start from its best weights: {again}"
