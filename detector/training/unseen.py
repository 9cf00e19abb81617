"""Folds for the sake of their detections: each picture is judged by a model that has not seen it."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from detector.data.folder import LabelledFolder
from detector.errors import DetectorError
from detector.system.terminal import ignore
from detector.training.budget import Budget, measure_speed
from detector.training.cluster import worker_count
from detector.training.config import AUTO, ExperimentConfig
from detector.training.division import Division
from detector.training.folds import build_record, plan_whole, share_plan, train_folds
from detector.training.job import Progress
from detector.training.launch import alone
from detector.training.plan import Plan
from detector.training.resumption import differs
from detector.training.run_folder import RunFolder, fingerprint

DEFAULTS = ExperimentConfig()
_EPOCHS = 12  # half of the usual, which is enough to tell what is an object
_LEAST_STEPS = 300
# Times of a step by the depth against that of a middling one, and seconds around the steps of a fold.
_LITTLE_COST, _MUCH_COST = 0.65, 1.25
_SECONDS_AROUND = 15.0


@dataclass(frozen=True)
class UnseenPlan:
    """How the folds will be trained.

    Attributes:
        whole: the dataset in its folds.
        experiment: the same for all of them.
        dataset, division: where it lies, and how it is divided.
    """

    whole: LabelledFolder
    experiment: ExperimentConfig
    dataset: Path
    division: Division

    @property
    def minutes(self) -> float:
        """About what it takes on this machine."""
        training, hw = self.experiment.training, self.experiment.model.input_hw
        speed, folds = measure_speed(self.experiment.model.backbone), len(self.whole.folds)
        little, much = Plan(self.experiment).depths
        costs = {little: _LITTLE_COST, much: _MUCH_COST}
        cost = costs.get(str(training.frozen_until), 1.0)
        step = training.batch_size * speed.seconds_per_sample(hw) * cost
        looks = len(self.whole.train.images) * speed.seconds_per_look(hw)
        return (folds * (int(training.steps) * step + _SECONDS_AROUND) + looks) / 60


def plan_unseen(dataset: Path, division: Division, experiment: ExperimentConfig = DEFAULTS) -> UnseenPlan:
    """How a dataset is trained in folds quickly: half of the usual epochs, no trial, one evaluation.

    One evaluation, so that nothing is chosen by the labels that are to be judged.

    Args:
        dataset: a folder of labelled images.
        division: with folds.
        experiment: what is decided already.

    Raises:
        DatasetError: it cannot be read, or not be divided so.
    """
    assert division.folds is not None
    if worker_count():
        raise DetectorError("--with-model trains on one machine; unset TF_CONFIG.")
    whole = division.load(dataset, experiment.training.seed)
    planned = plan_whole(experiment, whole, None, ignore)
    shared = share_plan(experiment, planned)
    training, seen = shared.training, len(whole.train.images) * (division.folds - 1) / division.folds
    steps = training.steps
    if steps == AUTO:
        few = min(_EPOCHS * seen / training.batch_size, int(planned.training.steps) / 2)
        steps = max(_LEAST_STEPS, math.ceil(few))
    depth = planned.training.frozen_until
    if depth == AUTO:
        little, much = Plan(planned).depths
        depth = much if planned.augmentation.crop else little
    training = replace(training, steps=steps, evaluate_every=max(1, int(steps)), frozen_until=depth)
    return UnseenPlan(whole, replace(shared, training=training), dataset, division)


def is_trained(run: RunFolder, plan: UnseenPlan) -> bool:
    """Whether a folder holds all folds of this plan, of the dataset as it is."""
    return _is_of(run, plan) and all(
        run.fold(number).is_finished() for number in range(1, len(plan.whole.folds) + 1)
    )


def _is_of(run: RunFolder, plan: UnseenPlan) -> bool:
    """Whether a run, complete or not, was begun by this plan, of the dataset as it is."""
    if not run.record.exists():
        return False
    record = run.load_record()
    now = fingerprint(plan.whole.train, plan.whole.val)
    return record.get("fingerprint") == now and not differs(plan.experiment, record)


def train_unseen(
    plan: UnseenPlan, run: RunFolder, say: Callable[[str], None], on_progress: Callable[[Progress], object]
) -> None:
    """Train the folds in a folder; those that an earlier call has finished are left as they are.

    Ctrl-C leaves a folder with which the same call goes on. Folds of other labels are removed first.

    Raises:
        DetectorError: another process trains there, or there is no room.
    """
    assert plan.division.folds is not None
    if run.record.exists() and not _is_of(run, plan):
        with alone(run, say):
            shutil.rmtree(run.root / "folds", ignore_errors=True)
            run.forget()
    if not run.record.exists():
        run.check_free()
    with alone(run, say):
        if not run.record.exists():
            record = build_record(plan.dataset, plan.division, plan.whole, plan.experiment)
            run.start(plan.experiment.to_yaml(), record)
        train_folds(run, plan.whole, Budget(), ignore, on_progress)
