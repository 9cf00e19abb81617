"""The time of a run in folds: its parts, and when they are too short."""

from __future__ import annotations

import pytest

from detector.errors import DetectorError
from detector.training.budget import Budget, Speed
from detector.training.config import ExperimentConfig
from detector.training.config_file import load_config
from detector.training.fold_time import check_time, describe_shortage, divide_budget

# A look takes 5 ms, a sample 12.5: 12 steps of 8 images 1.2 seconds, and with 100 looks 1.7.
SPEED = Speed(0.01, 2)


def limited(minutes: float, *settings: str) -> ExperimentConfig:
    return load_config(None, (f"training.minutes={minutes}", "model.input_size=300", *settings))


def test_time_is_shared_equally_where_there_is_a_limit() -> None:
    experiment = load_config(None)
    assert divide_budget(experiment, Budget(), 4) == experiment
    limited = load_config(None, ("training.minutes=12",))
    assert divide_budget(limited, Budget(12), 4).training.minutes == pytest.approx(3, abs=0.01)
    assert divide_budget(limited, Budget(12, 360), 2).training.minutes == pytest.approx(3, abs=0.01)
    assert divide_budget(limited, Budget(12, 7200), 2).training.minutes > 0


@pytest.mark.parametrize(("minutes", "trainings", "enough"), [(0.5, 6, 1.7), (0.59, 6, 1.7), (0.2, 3, 0.9)])
def test_what_cannot_be_kept_is_refused_with_what_would_do(
    minutes: float, trainings: int, enough: float
) -> None:
    with pytest.raises(DetectorError, match=f"at least 6 seconds for each of {trainings} trainings") as error:
        check_time(limited(minutes), Budget(minutes), trainings, 100, SPEED)
    assert f"Give it --minutes {enough:g} or more, or fewer folds." in str(error.value)
    check_time(limited(enough), Budget(enough), trainings, 100, SPEED)


def test_first_steps_alone_may_take_too_long() -> None:
    slow = Speed(0.4, 2)  # 48 seconds for the first steps, 20 for 100 looks
    with pytest.raises(DetectorError, match="at least 68 seconds"):
        check_time(limited(6), Budget(6), 6, 100, slow)
    check_time(limited(6, "training.steps=3"), Budget(6), 6, 100, slow)
    check_time(limited(7), Budget(7), 6, 100, slow)


def test_time_that_one_training_needs_is_said_to_be_missing() -> None:
    line = describe_shortage(limited(1), Budget(1), 6, 100, SPEED)
    assert line is not None
    assert line.startswith("There is too little time: 6 trainings in 60 seconds, and each takes about 17 at")
    assert "--minutes 1.7 or more would do." in line
    assert describe_shortage(limited(1.7), Budget(1.75), 6, 100, SPEED) is None
    late = describe_shortage(limited(1.7), Budget(1.7, 600), 2, 100, SPEED)
    assert late is not None
    assert "2 trainings in 0 seconds" in late


def test_without_a_limit_nothing_is_said_or_refused() -> None:
    plan = load_config(None)
    assert describe_shortage(plan, Budget(), 6, 100, None) is None
    check_time(plan, Budget(), 6, 100, None)
