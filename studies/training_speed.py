"""Speed of training, as ratios measured side by side: ``python -m studies.training_speed FOLDER``.

Steps of several kinds take turns: training everything with batch statistics and with frozen ones, and
training from some layer on, with features of the frozen layers that are new each time and that are kept.
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
from detector.training.features import Sources
from detector.training.initial_weights import load_initial_weights
from detector.training.plan import build_plan
from detector.training.samples import SampleSource
from detector.training.task import DetectionTask
from detector.training.trainer import Trainer, build_strategy, build_trainer

_ROUNDS = 12
_STEPS = 4  # of each kind in a round
_PLAIN = ("augmentation.crop=0", "augmentation.colours=0", "model.input_size=300")
_KEPT, _NEW = "runtime.cache_gib=2", "runtime.cache_gib=0"
_KINDS = {
    "everything, batch statistics": ("training.frozen_until=none", "training.batch_norm=live", _KEPT),
    "everything": ("training.frozen_until=none", _KEPT),
    "from block_3 on, kept": ("training.frozen_until=block_3_expand", _KEPT),
    "from block_6 on, kept": ("training.frozen_until=block_6_expand", _KEPT),
    "from block_13 on, new": ("training.frozen_until=block_13_expand", _NEW),
    "from block_13 on, kept": ("training.frozen_until=block_13_expand", _KEPT),
    "heads, new": ("training.frozen_until=heads", _NEW),
    "heads, kept": ("training.frozen_until=heads", _KEPT),
}


def bench_training(folder: LabelledFolder, settings: tuple[str, ...] = ()) -> dict[str, float]:
    """Images per second of each kind of training: the median over rounds in which they take turns.

    Args:
        folder: what to train on.
        settings: keys of the experiment, as for ``--set``.
    """
    common = (*settings, "training.batch_norm=frozen", "training.steps=1000000", *_PLAIN)
    strategy = build_strategy(load_config(None, common))
    kinds: dict[str, Callable[[], None]] = {}
    for name, own in _KINDS.items():
        config = load_config(None, (*common, *own))
        kinds[name] = _stepper(_trainer(folder, config, strategy))
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    epoch = -(-len(folder.train.images) // config.training.batch_size)
    for name, step in kinds.items():
        # Two epochs of flips alone show all that there is to keep.
        for _ in range(2 * epoch + 8 if "kept" in name else 2):
            step()
    for _ in range(_ROUNDS):
        for name, step in kinds.items():
            start = time.perf_counter()
            for _ in range(_STEPS):
                step()
            seconds[name].append(time.perf_counter() - start)
    images = _STEPS * config.training.batch_size
    return {name: images / float(np.median(times)) for name, times in seconds.items()}


def _trainer(folder: LabelledFolder, config: ExperimentConfig, strategy: Any) -> Trainer:
    plan = build_plan(config, folder)
    spec = config.model.build_spec("bench", folder.classes)
    weights = load_initial_weights("released", spec, seed=0).weights
    samples = SampleSource(
        folder.train, spec, plan.config.augmentation, iou_threshold=0.5, seed=0, cache_bytes=2 << 30
    )
    shown = Sources(samples, spec, plan.config).before(plan.frozen_until)
    task = DetectionTask(plan, spec, weights, shown, first_step=0, on_bad_loss=print)
    trainer = build_trainer(task, plan.config, strategy, lambda _: None)
    task.freeze(trainer.model)
    return trainer


def _stepper(trainer: Trainer) -> Callable[[], None]:
    """One step of a trainer on a new batch."""
    batches = iter(trainer.train_dataset)
    step = tf.function(trainer.train_step)
    return lambda: step(batches)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
def study_training_speed(folder: Path, settings: tuple[str, ...]) -> None:
    """Measure training everything against training a part, on the images in FOLDER."""
    speeds = bench_training(load_labelled_folder(folder), settings)
    slowest, everything, *_ = speeds.values()
    echo(f"{'trained':32}{'images/s':>9}{'times':>8}{'times':>8}")
    for name, speed in speeds.items():
        echo(f"{name:32}{speed:9.1f}{speed / slowest:8.2f}{speed / everything:8.2f}")


if __name__ == "__main__":
    main(prog_name="python -m studies.training_speed", command=study_training_speed)
