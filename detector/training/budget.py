"""The time that a run has, and how many steps fit into it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.architecture import build_architecture
from detector.backbones import BackboneName
from detector.formats.tflite.writer import build_tflite
from detector.input_sizes import SizeHW
from detector.runtime.litert import open_interpreter
from detector.spec import ModelSpec
from detector.system.machine import available_threads
from detector.training.cluster import worker_count
from detector.training.config import AUTO, ConfigError, ExperimentConfig

EVALUATIONS = 8  # of a run
FIRST_STEPS = 12  # after which it is known how long a run will take
SECONDS_AT_END = 5.0  # for curves, predictions and the report
LEAST_MINUTES = 0.1  # that a run may be given

# Measured with two threads: 11.5 ms a sample from block_6 on with kept features, 9.3 ms a look with one.
_TRAINED_AGAINST_LOOKED_AT = 2.5
_LOOKS = 5
_WORTH_IT = 0.03  # a number of steps that differs by less stays
_LATE = 0.75  # of the steps, from where on it is looked whether AP still rises
_LEAST_EVALUATIONS = 4  # that can show it


class Budget:
    """The time of a run, from the moment that it was asked for; what went before an interruption counts.

    Args:
        minutes: that it has; None for as many as it takes.
        spent: seconds before it was interrupted.
    """

    def __init__(self, minutes: float | None = None, spent: float = 0.0) -> None:
        self.minutes = minutes
        self._began = time.monotonic() - spent

    @property
    def seconds(self) -> float:
        """Since the run was asked for."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float | None:
        """Seconds that are left, maybe less than none; None without a limit."""
        return None if self.minutes is None else 60 * self.minutes - self.seconds


def budget_of(experiment: ExperimentConfig, spent: float = 0.0) -> Budget:
    """The time that an experiment has, from now on; ``spent`` seconds of it were before an interruption.

    Raises:
        ConfigError: several workers, which would have to agree on what is left.
    """
    minutes = experiment.training.minutes
    if minutes != AUTO and worker_count():
        raise ConfigError(
            "training.minutes is for one process; say with training.steps how long several train."
        )
    return Budget(None if minutes == AUTO else float(minutes), spent)


@dataclass(frozen=True)
class Costs:
    """What things take, in seconds.

    Attributes:
        step: one step.
        evaluation: one evaluation of the run.
        end: everything after the last step but its evaluation.
    """

    step: float
    evaluation: float
    end: float


@dataclass(frozen=True)
class Speed:
    """How fast this machine is, roughly: enough to choose an input size by.

    Attributes:
        seconds: that one thread takes to look at an image of 300 x 300.
        threads: that there are.
    """

    seconds: float
    threads: int

    def seconds_per_look(self, input_hw: SizeHW) -> float:
        """What an evaluation takes for an image, on all threads."""
        return self.seconds * input_hw[0] * input_hw[1] / 300**2 / self.threads

    def seconds_per_sample(self, input_hw: SizeHW) -> float:
        """What training takes for a sample: about that of half of the network, on all threads."""
        return _TRAINED_AGAINST_LOOKED_AT * self.seconds_per_look(input_hw)


def measure_speed(backbone: BackboneName) -> Speed:
    """The speed of this machine, from a few looks of a network with that backbone at nothing."""
    spec = ModelSpec("speed", ("nothing",), input_hw=(300, 300), backbone=backbone)
    shapes = build_architecture(spec).weight_shapes
    network = open_interpreter(build_tflite({k: np.ones(s, np.float32) for k, s in shapes.items()}, spec), 1)
    seconds = []
    for _ in range(_LOOKS):
        start = time.perf_counter()
        network.invoke()
        seconds.append(time.perf_counter() - start)
    return Speed(min(seconds), available_threads())


def still_rises(evaluations: Sequence[tuple[int, float]], steps: int) -> bool:
    """Whether AP was never as great as late in a run of so many steps, but before its end.

    It depends on nothing that comes later, so that a run that is gone on with decides as it did before.

    Args:
        evaluations: step and AP of each, in their order.
        steps: that the run has.
    """
    late = next((n for n, (step, _) in enumerate(evaluations) if step >= _LATE * steps), None)
    if late is None or late + 1 < _LEAST_EVALUATIONS or evaluations[late][0] >= steps:
        return False
    return evaluations[late][1] > max(ap for _, ap in evaluations[:late])


def fit_steps(left: float, costs: Costs, *, step: int, planned: int, most: int, evaluate_every: int) -> int:
    """The number of steps in all with which a run ends in time.

    Args:
        left: seconds.
        costs: of its parts.
        step: how many steps are done.
        planned: how many there are to be so far, which holds where another number would differ little.
        most: how many there are to be where time does not matter.
        evaluate_every: steps from one evaluation to the next.
    """
    evaluations = max(1, -(-(planned - step) // evaluate_every))
    room = left - costs.end - evaluations * costs.evaluation
    fits = min(most, step + max(0, int(room / costs.step)))
    return planned if abs(fits - planned) <= _WORTH_IT * max(planned - step, 1) else max(fits, 1)
