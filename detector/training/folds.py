"""A run in folds: a model for each part of the images, judged on it, and one that is trained on all."""

from __future__ import annotations

import gc
import math
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

from detector.data.folder import LabelledFolder
from detector.errors import DetectorError
from detector.system.invocation import command
from detector.system.terminal import counted
from detector.training.budget import Budget, Speed, budget_of, measure_speed
from detector.training.cluster import worker_count
from detector.training.config import AUTO, ConfigError, ExperimentConfig
from detector.training.data_notes import refuse_named_pictures, tell_findings
from detector.training.division import Division
from detector.training.fold_numbers import Fold, FoldNumbers
from detector.training.fold_results import judge_folds
from detector.training.fold_time import check_time, describe_shortage, divide_budget
from detector.training.initial_weights import initial_size, settle_detector
from detector.training.job import Progress
from detector.training.launch import Beginning, Say, alone, choose_folder, go_on, start, with_whole_paths
from detector.training.plan import build_plan, describe_depth
from detector.training.resumption import check_dataset, differs, load_dataset, load_run_config
from detector.training.run_folder import RunFolder, fingerprint
from detector.training.run_record import RunRecord
from detector.version import __version__

_BYTES_OF_A_FOLD = 100 << 20  # its weights, logs and pictures, and checkpoints while it is trained

OnProgress = Callable[[Progress], object]


def begin_folds(
    dataset: Path,
    experiment: ExperimentConfig,
    division: Division,
    output: Path | None,
    say: Say,
    on_progress: OnProgress,
) -> RunFolder:
    """The folder of a run in folds that was trained from its start to its end.

    ``folds/1`` and so on are the runs of the folds; the folder itself is that of the model of all images.

    Args:
        dataset, experiment, output, say, on_progress: as of ``begin``.
        division: with the number of folds.

    Raises:
        DetectorError: what is wrong and what to do, in a sentence.
    """
    assert division.folds is not None
    if worker_count():
        raise DetectorError("--folds trains on one machine; unset TF_CONFIG, or leave --folds out.")
    experiment = settle_detector(with_whole_paths(experiment))
    budget = budget_of(experiment)
    whole = division.load(dataset, experiment.training.seed)
    refuse_named_pictures(whole, "--folds pools the detections of detectors")
    tell_findings(whole, say)
    run = RunFolder(output or choose_folder(dataset))
    run.check_free()
    trainings, speed = division.folds + 1, _speed_for(experiment)
    planned = plan_whole(divide_budget(experiment, budget, trainings), whole, speed, say)
    images = len(whole.train.images) // division.folds
    check_time(planned, budget, trainings, images, speed)
    shared = share_plan(experiment, planned)
    with alone(run, say):
        run.start(shared.to_yaml(), build_record(dataset, division, whole, shared))
        _check_space(run, division.folds)
        say(f"{division.folds} folds of {counted(len(whole.train.images), 'image')}, then a model of all.")
        if line := describe_shortage(planned, budget, trainings, images, speed):
            say(line)
        try:
            numbers = _train_and_judge(run, whole, budget, say, on_progress)
        except BaseException:
            if not run.fold(1).record.exists():  # what was asked for cannot be, so nothing is left of it
                shutil.rmtree(run.root / "folds", ignore_errors=True)
                run.forget()
            raise
    _train_on_all(run, whole, numbers, budget, say, on_progress)
    return run


def build_record(
    dataset: Path, division: Division, whole: LabelledFolder, shared: ExperimentConfig
) -> RunRecord:
    """The record of a run whose folds are not trained yet."""
    return {
        "dataset": str(dataset.absolute()),
        **division.to_record(),
        "split": whole.split_note,
        "classes": list(whole.classes),
        "fingerprint": fingerprint(whole.train, whole.val),
        "config": asdict(shared),
        "version": __version__,
        "step": 0,
        "finished": False,
        "folded": False,
        "weights": "",
        "card": {},
    }


def go_on_folds(run: RunFolder, moved_to: Path | None, say: Say, on_progress: OnProgress) -> RunFolder:
    """The folder of a run, in folds or not, that was interrupted and is trained to its end now.

    Args and errors are those of ``go_on``.
    """
    record = run.load_record()
    if record.get("folded", True):  # it has none, or all of them are trained
        return go_on(run, moved_to, say, on_progress)
    with alone(run, say):
        run.check_record(record)
        shared = _load_shared(run, record)
        whole = load_dataset(run, record, moved_to, shared.training.seed)
        tell_findings(whole, say)
        check_dataset(run, record, whole)
        if moved_to is not None:
            run.update_record(dataset=str(moved_to.absolute()))
        spent = sum(run.fold(number).seconds_so_far() for number in range(1, len(whole.folds) + 1))
        budget = budget_of(shared, spent)
        trainings = sum(not run.fold(number).is_finished() for number in range(1, len(whole.folds) + 1)) + 1
        images = len(whole.train.images) // len(whole.folds)
        if line := describe_shortage(shared, budget, trainings, images, _speed_for(shared)):
            say(line)
        numbers = _train_and_judge(run, whole, budget, say, on_progress)
    _train_on_all(run, whole, numbers, budget, say, on_progress)
    return run


def share_plan(experiment: ExperimentConfig, planned: ExperimentConfig) -> ExperimentConfig:
    """The experiment with what has to be the same in all folds: the network, its losses, and how images are
    changed.
    """
    return replace(experiment, model=planned.model, loss=planned.loss, augmentation=planned.augmentation)


def _load_shared(run: RunFolder, record: RunRecord) -> ExperimentConfig:
    """The experiment of a run whose folds are not trained yet; ConfigError where it was changed."""
    config = load_run_config(run, record)
    if differs(config, record):
        raise ConfigError(
            f"{run.config} was changed, and all folds have to be trained alike: set it back (delete it to "
            f"have it written anew), or start a new run. {command('train', record['dataset'])}"
        )
    return config


def _check_space(run: RunFolder, folds: int) -> None:
    free, needed = shutil.disk_usage(run.root).free, folds * _BYTES_OF_A_FOLD
    if free < needed:
        raise DetectorError(
            f"The disk of {run.root} has {free >> 20} MiB left and {folds} folds need about {needed >> 20}; "
            f"free some space, then go on with `{command('train', '--resume', run.root)}`."
        )


def _speed_for(experiment: ExperimentConfig) -> Speed | None:
    """The speed of this machine, where time is limited."""
    return None if experiment.training.minutes == AUTO else measure_speed(experiment.model.backbone)


def plan_whole(
    experiment: ExperimentConfig, whole: LabelledFolder, speed: Speed | None, say: Say
) -> ExperimentConfig:
    """How all images would be trained on, if there were some to validate on, too."""
    own_hw, _ = initial_size(experiment, say)
    return build_plan(experiment, whole, own_hw, speed).config


def _train_and_judge(
    run: RunFolder, whole: LabelledFolder, budget: Budget, say: Say, on_progress: OnProgress
) -> FoldNumbers:
    """The numbers of all folds."""
    train_folds(run, whole, budget, say, on_progress)
    numbers = judge_folds(run, whole)
    say(f"All folds: AP {numbers.ap}")
    return numbers


def train_folds(
    run: RunFolder, whole: LabelledFolder, budget: Budget, say: Say, on_progress: OnProgress
) -> None:
    """Train all folds; those that are trained already are left as they are."""
    record = run.load_record()
    count = len(whole.folds)
    shared = load_run_config(run, record)
    for number in range(1, count + 1):
        own = run.fold(number)
        experiment = divide_budget(shared, budget, count + 2 - number)
        _train_fold(own, number, record, experiment, whole, _prefixed(say, number, count), on_progress)
        # Nothing goes on from a fold that is finished.
        shutil.rmtree(own.checkpoints, ignore_errors=True)
        gc.collect()  # decoded images and the network, before the next one has its own


def _prefixed(say: Say, number: int, count: int) -> Say:
    return lambda line: say(f"fold {number} of {count}: {line}")


def _train_fold(
    own: RunFolder,
    number: int,
    record: RunRecord,
    shared: ExperimentConfig,
    whole: LabelledFolder,
    say: Say,
    on_progress: OnProgress,
) -> None:
    division = replace(Division.of_record(record), fold=number)
    part = division.part_of(whole)
    origin: RunRecord = {"dataset": record["dataset"], **division.to_record()}
    if not own.record.exists():
        shutil.rmtree(own.root, ignore_errors=True)  # what was there before a first word was written
        say(
            f"{counted(len(part.train.images), 'image')} to train on, {len(part.val.images):,} to validate on"
        )
        start(own, part, shared, Beginning(origin), say, on_progress)
    elif not own.is_finished():
        go_on(own, Path(record["dataset"]), say, on_progress, part)
    else:
        say("trained already.")


def _train_on_all(
    run: RunFolder,
    whole: LabelledFolder,
    numbers: FoldNumbers,
    budget: Budget,
    say: Say,
    on_progress: OnProgress,
) -> None:
    """Train the model of all images, as the folds have shown it is best trained."""
    record = run.load_record()
    shared = divide_budget(load_run_config(run, record), budget, 1)
    planned = plan_whole(shared, whole, _speed_for(shared), say)
    experiment = settle(shared, int(planned.training.steps), numbers)
    training = experiment.training
    say(
        f"Now all {numbers.images:,} images: {describe_depth(training.frozen_until)}, as most folds; "
        f"{counted(int(training.steps), 'step')}, for the best weights came after "
        f"{', '.join(f'{_share(fold):.0%}' for fold in numbers.folds)} of the usual steps; the last are kept."
    )
    origin: RunRecord = {
        "dataset": record["dataset"],
        **Division.of_record(record).to_record(),
        "folded": True,
        "card": {"AP": numbers.estimate},
    }
    start(run, whole, experiment, Beginning(origin), say, on_progress)


def settle(shared: ExperimentConfig, planned: int, numbers: FoldNumbers) -> ExperimentConfig:
    """The experiment of the model of all images: the folds' depth and the folds' length.

    There is nothing to choose its weights by, so it is as long as the folds' best weights took in the median,
    as a share of their schedule, and its rate falls to 0 within that. The depth is that of most folds, the
    smallest of several.

    Args:
        shared: what the folds were trained by.
        planned: steps that all images would be trained for.
        numbers: of the folds.
    """
    steps = max(min(planned, 1), round(planned * median(_share(fold) for fold in numbers.folds)))
    depths = Counter(fold.trained for fold in numbers.folds)
    most = max(depths.values())
    depth = max((name for name in depths if depths[name] == most), key=_first_trained)
    training = replace(
        shared.training, steps=steps, epochs=AUTO, frozen_until=depth, evaluate_every=max(1, steps)
    )
    return replace(shared, training=training)


def _share(fold: Fold) -> float:
    """What part of its usual steps a fold took to its best weights; more than 1 where it was lengthened."""
    return fold.best_step / fold.steps if fold.steps else 1.0


def _first_trained(name: str) -> float:
    """Where in the network training begins: the later, the less is trained."""
    found = re.search(r"\d+", name)
    return {"none": -1.0, "heads": math.inf}.get(name, float(found[0]) if found else 0.0)
