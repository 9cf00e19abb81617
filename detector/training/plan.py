"""What a run will do, decided from the config and the data, with the reason for each choice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from detector.config import AUTO, ExperimentConfig
from detector.data.folder import LabelledFolder

FIRST_HEAD = "extra_2_reduce"
_EVALUATIONS = 10


@dataclass(frozen=True)
class Plan:
    """A run with everything decided.

    Attributes:
        config: nothing in it is ``auto``.
        reasons: a line for each choice that was made here.
    """

    config: ExperimentConfig
    reasons: tuple[str, ...] = ()

    @property
    def frozen_until(self) -> str | None:
        """First layer that is trained; None when all are."""
        name = self.config.training.frozen_until
        return {"none": None, "heads": FIRST_HEAD}.get(name, name)

    @property
    def live_batch_norm(self) -> bool:
        """Whether trained layers normalise by each batch's statistics."""
        return self.config.training.batch_norm == "live"


def build_plan(config: ExperimentConfig, folder: LabelledFolder) -> Plan:
    """The config with every ``auto`` decided by the data."""
    training = config.training
    reasons: list[str] = []
    decided: dict[str, Any] = {}
    fine_tuning = training.initial_weights not in ("none", "imagenet")
    if training.frozen_until == AUTO:
        decided["frozen_until"] = "block_6_expand" if fine_tuning else "none"
    if training.batch_norm == AUTO:
        decided["batch_norm"] = "frozen" if fine_tuning else "live"
    if training.steps == AUTO:
        decided["steps"] = 1000
    steps = int(decided.get("steps", training.steps))
    if training.evaluate_every == AUTO:
        decided["evaluate_every"] = max(1, -(-steps // _EVALUATIONS))
    # A short run has a short warm-up.
    optimizer = replace(config.optimizer, warmup_steps=min(config.optimizer.warmup_steps, steps // 10))
    return Plan(replace(config, training=replace(training, **decided), optimizer=optimizer), tuple(reasons))
