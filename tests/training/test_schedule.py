"""The learning rate: against numbers worked out by hand, and when a run is stretched."""

from __future__ import annotations

import math

import pytest

from detector.training.config import OptimizerConfig

schedule = pytest.importorskip("detector.training.schedule")


def rate(config: OptimizerConfig, step: int, steps: int = 100) -> float:
    return float(schedule.Schedule(config, steps)(step))


def test_a_cosine_falls_to_nothing_at_the_last_step() -> None:
    config = OptimizerConfig(learning_rate=0.4, warmup_steps=0)
    # 0.4 * (1 + cos(pi * step / 100)) / 2
    assert rate(config, 0) == pytest.approx(0.4)
    assert rate(config, 50) == pytest.approx(0.2)
    assert rate(config, 75) == pytest.approx(0.4 * (1 - math.sqrt(0.5)) / 2)
    assert rate(config, 100) == pytest.approx(0, abs=1e-8)
    assert rate(config, 130) == pytest.approx(0, abs=1e-8)


def test_the_warm_up_rises_in_a_line_to_what_follows() -> None:
    config = OptimizerConfig(learning_rate=0.4, warmup_steps=10)
    top = 0.4 * (1 + math.cos(math.pi * 10 / 100)) / 2
    for step in (0, 3, 9):
        assert rate(config, step) == pytest.approx(top * step / 10)
    assert rate(config, 10) == pytest.approx(top)


def test_stairs_and_a_constant() -> None:
    stairs = OptimizerConfig(
        learning_rate=0.4, warmup_steps=0, schedule="exponential", decay_rate=0.5, decay_steps=20
    )
    assert [rate(stairs, step) for step in (0, 19, 20, 45)] == pytest.approx([0.4, 0.4, 0.2, 0.1])
    constant = OptimizerConfig(learning_rate=0.4, warmup_steps=0, schedule="constant")
    assert rate(constant, 1000) == pytest.approx(0.4)


def test_a_run_that_is_stretched_falls_to_nothing_at_its_new_end() -> None:
    stretched = schedule.Schedule(OptimizerConfig(learning_rate=0.4, warmup_steps=0), 100)
    stretched.stretch(200)
    assert float(stretched(100)) == pytest.approx(0.2)
    assert float(stretched(200)) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("steps", [1, 9, 10, 40, 49, 51])
def test_a_short_run_has_a_short_warm_up(steps: int) -> None:
    config = OptimizerConfig(learning_rate=0.4, warmup_steps=500)
    rates = [rate(config, step, steps) for step in range(steps)]
    assert max(rates) > 0.38
    assert rates.index(max(rates)) == steps // 10


def test_a_run_that_is_cut_short_still_learns() -> None:
    cut = schedule.Schedule(OptimizerConfig(learning_rate=0.4, warmup_steps=50), 600)
    cut.stretch(40)
    assert float(cut(4)) > 0.38
