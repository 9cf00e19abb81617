"""Speed of training, as ratios measured side by side: ``python -m studies.training_speed FOLDER``.

Three steps take turns: training everything with batch statistics, training on a frozen backbone, and that
again on one batch that is already in memory. The last two show what the input costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf

from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.training.config import ExperimentConfig
from detector.training.config_file import load_config
from detector.training.initial_weights import load_initial_weights
from detector.training.plan import build_plan
from detector.training.samples import SampleSource
from detector.training.task import DetectionTask
from detector.training.trainer import Trainer, build_strategy, build_trainer

_ROUNDS = 12
_STEPS = 4  # of each kind in a round
_FULL = ("training.frozen_until=none", "training.batch_norm=live")
_FROZEN = ("training.frozen_until=heads", "training.batch_norm=frozen")


def bench_training(folder: LabelledFolder, settings: tuple[str, ...] = ()) -> dict[str, float]:
    """Images per second of each kind of training: the median over rounds in which they take turns.

    Args:
        folder: what to train on.
        settings: keys of the experiment, as for ``--set``.
    """
    common = (*settings, "training.steps=1000000", "training.evaluate_every=1000000")
    full, frozen = (load_config(None, (*common, *kind)) for kind in (_FULL, _FROZEN))
    strategy = build_strategy(full)
    kinds: dict[str, Callable[[], None]] = {
        "full": _stepper(_trainer(folder, full, strategy)),
        "frozen": _stepper(_trainer(folder, frozen, strategy)),
        "frozen, cached batch": _stepper(_trainer(folder, frozen, strategy), cached=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    warm_up = -(-len(folder.train.images) // full.training.batch_size)  # fills the cache of images
    for name, step in kinds.items():
        for _ in range(1 if "cached" in name else warm_up if name == "frozen" else 2):
            step()
    for _ in range(_ROUNDS):
        for name, step in kinds.items():
            start = time.perf_counter()
            for _ in range(_STEPS):
                step()
            seconds[name].append(time.perf_counter() - start)
    images = _STEPS * full.training.batch_size
    return {name: images / float(np.median(times)) for name, times in seconds.items()}


def _trainer(folder: LabelledFolder, config: ExperimentConfig, strategy: Any) -> Trainer:
    plan = build_plan(config, folder)
    spec = config.model.build_spec("bench", folder.classes)
    weights = load_initial_weights("released", spec, seed=0).weights
    samples = SampleSource(
        folder.train, spec, plan.config.augmentation, iou_threshold=0.5, seed=0, cache_bytes=2 << 30
    )
    task = DetectionTask(plan, spec, weights, samples, first_step=0, on_bad_loss=print)
    return build_trainer(task, plan.config, strategy, lambda _: None)


def _stepper(trainer: Trainer, *, cached: bool = False) -> Callable[[], None]:
    """One step of a trainer, on new batches or again and again on its first."""
    batches = iter(trainer.train_dataset)
    if cached:
        batch = next(batches)
        batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    step = tf.function(trainer.train_step)
    return lambda: step(batches)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
def study_training_speed(folder: Path, settings: tuple[str, ...]) -> None:
    """Measure training everything against training on a frozen backbone, on the images in FOLDER."""
    speeds = bench_training(load_labelled_folder(folder), settings)
    for name, speed in speeds.items():
        echo(f"{name:22}{speed:7.1f} images/s")
    echo(f"frozen against full: {speeds['frozen'] / speeds['full']:.2f} times")
    echo(f"with its input against a cached batch: {speeds['frozen'] / speeds['frozen, cached batch']:.1%}")


if __name__ == "__main__":
    main(prog_name="python -m studies.training_speed", command=study_training_speed)
