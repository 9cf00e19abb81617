"""The time of a run in folds: its parts for the trainings, and whether they are long enough."""

from __future__ import annotations

import math
from dataclasses import replace

from detector.errors import DetectorError
from detector.system.terminal import counted
from detector.training.budget import FIRST_STEPS, LEAST_MINUTES, SECONDS_AT_END, Budget, Speed
from detector.training.config import AUTO, ExperimentConfig

_SECONDS_AROUND = 10.0 + SECONDS_AT_END  # before the first step, where network and graph are built, and after


def divide_budget(experiment: ExperimentConfig, budget: Budget, trainings: int) -> ExperimentConfig:
    """The experiment of the next of so many trainings, which have equal parts of the time that is left."""
    if budget.left is None:
        return experiment
    minutes = max(LEAST_MINUTES, budget.left / 60 / trainings)
    return replace(experiment, training=replace(experiment.training, minutes=minutes))


def describe_shortage(
    planned: ExperimentConfig, budget: Budget, trainings: int, images: int, speed: Speed | None
) -> str | None:
    """A line where the trainings have less time than each takes at the least; None where they have enough.

    Args:
        planned: what is trained.
        budget: the time of all of them.
        trainings: how many there are to come.
        images: that each evaluation looks at.
        speed: of this machine; None where time is not limited.
    """
    left = budget.left
    if left is None or speed is None:
        return None
    least = _least_seconds(planned, images, speed) + _SECONDS_AROUND
    if left >= trainings * least:
        return None
    return (
        f"There is too little time: {counted(trainings, 'training')} in {max(0.0, left):.0f} seconds, and "
        f"each takes about {least:.0f} at the least, so it will take longer and each will learn next to "
        f"nothing. --minutes {_enough(budget, trainings * least):g} or more would do."
    )


def check_time(
    planned: ExperimentConfig, budget: Budget, trainings: int, images: int, speed: Speed | None
) -> None:
    """Raise DetectorError where there is less time than the first steps of each training take alone.

    Args are those of ``describe_shortage``.
    """
    left = budget.left
    if left is None or speed is None:
        return
    least = _least_seconds(planned, images, speed)
    sure = max(60 * LEAST_MINUTES, least)
    if left >= trainings * sure:
        return
    raise DetectorError(
        f"Expected at least {math.ceil(sure)} seconds for each of {trainings} trainings, one a fold and one "
        f"on all images; {budget.minutes:g} minutes leave {max(0.0, left) / trainings:.1f} for each. Give it "
        f"--minutes {_enough(budget, trainings * (least + _SECONDS_AROUND)):g} or more, or fewer folds."
    )


def _least_seconds(planned: ExperimentConfig, images: int, speed: Speed) -> float:
    """Of the steps after which a training knows how long it takes, and of an evaluation."""
    training, input_hw = planned.training, planned.model.input_hw
    steps = FIRST_STEPS if training.steps == AUTO else min(FIRST_STEPS, int(training.steps))
    samples, looks = steps * training.batch_size, min(images, training.validation_images)
    return samples * speed.seconds_per_sample(input_hw) + looks * speed.seconds_per_look(input_hw)


def _enough(budget: Budget, seconds: float) -> float:
    """Minutes in all with which so many seconds would be left, rounded up."""
    return math.ceil((budget.seconds + seconds) / 6) / 10
