"""The folder of a run as training leaves it, made without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from detector.architecture import build_architecture
from detector.boxes import FloatArray
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.spec import ModelSpec
from detector.training.checkpoints import Checkpoint
from detector.training.config import ExperimentConfig
from detector.training.config_file import load_config
from detector.training.resumption import weights_digest
from detector.training.run_folder import RunFolder, fingerprint
from detector.training.validation import Validation
from tests.data.labelled import CLASSES, Photo, write_voc

SETTINGS = (
    "model.input_size=96",
    "model.width_multiplier=0.1",
    "training.initial_weights=none",
    "training.batch_size=2",
    "training.steps=9",
    "training.evaluate_every=3",
    "training.frozen_until=heads",
    "training.batch_norm=frozen",
    "loss.classification=varifocal",
    "augmentation.crop=0",
    "augmentation.colours=0",
)


SPEC = load_config(None, SETTINGS).model.build_spec("small", CLASSES)


def write_shapes(root: Path) -> Path:
    """Eight small photographs with a box each, two of them to validate on."""
    photos = [
        Photo(f"{n}.jpg", ((CLASSES[n % 3], 5 + n, 4, 40 + n, 40),), "val" if n % 4 == 3 else "train")
        for n in range(8)
    ]
    return write_voc(root, photos)


def random_weights(spec: ModelSpec, seed: int = 0) -> dict[str, FloatArray]:
    """Weights with which the network finds something."""
    rng = np.random.default_rng(seed)
    shapes = build_architecture(spec).weight_shapes
    return {key: rng.uniform(0.01, 0.1, shape).astype(np.float32) for key, shape in shapes.items()}


def begin_run(root: Path, dataset: Path, settings: tuple[str, ...] = SETTINGS) -> RunFolder:
    """The folder of a run that has not taken a step."""
    config, folder = load_config(None, settings), load_labelled_folder(dataset)
    run = RunFolder(root)
    run.start(config.to_yaml(), _record(config, folder))
    return run


def _record(config: ExperimentConfig, folder: LabelledFolder) -> Mapping[str, Any]:
    return {
        "dataset": str(folder.root),
        "train": None,
        "val": None,
        "classes": list(folder.classes),
        "fingerprint": fingerprint(folder.train, folder.val),
        "config": asdict(config),
        "weights": weights_digest({}),
        "card": {"source": "a test"},
        "step": 0,
        "finished": False,
    }


def validation_of(run: RunFolder, patience: int = 10) -> Validation:
    """What evaluates the weights of a run."""
    folder = load_labelled_folder(Path(run.load_record()["dataset"]))
    spec = load_config(run.config).model.build_spec("small", folder.classes)
    return Validation(folder.val, spec, run, patience)


def write_run(root: Path, dataset: Path) -> RunFolder:
    """The folder of a run that was interrupted at step 6 of 9, with the checkpoints of steps 3 and 6."""
    run = begin_run(root, dataset)
    validation = validation_of(run)
    run.checkpoints.mkdir()
    for step in (3, 6):
        run.append_history({"step": step, "loss": 10 / step, "seconds": float(step)})
        checkpoint = Checkpoint(run.checkpoints, step)
        for suffix in ("index", "data-00000-of-00001"):
            checkpoint.prefix.with_name(f"ckpt-{step}.{suffix}").write_bytes(bytes(range(step, 200)) * 20)
        checkpoint.seal(history=len(run.load_history()))
        run.update_record(step=step)
        metrics, _ = validation(random_weights(SPEC), step)
        run.append_history({"step": step, **metrics})
    return run
