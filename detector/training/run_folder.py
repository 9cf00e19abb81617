"""The folder of a training run: what it holds, and what it takes to go on with it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.data.dataset import Dataset
from detector.data.listing import RUN_RECORD
from detector.errors import DetectorError
from detector.files import cannot_write, check_writable, replacing
from detector.runtime.model_file import RUN_WEIGHTS

# Two checkpoints of weights, momentum and average, the best weights, and the logs.
_NEEDED_BYTES = 400 << 20


@dataclass(frozen=True)
class RunFolder:
    """The files of a run.

    Attributes:
        root: the folder.
    """

    root: Path

    @property
    def config(self) -> Path:
        """The resolved experiment."""
        return self.root / "config.yaml"

    @property
    def record(self) -> Path:
        """What was trained on, in JSON: dataset, splits, fingerprint, how far the run has come."""
        return self.root / RUN_RECORD

    @property
    def history(self) -> Path:
        """Losses and metrics over time, one JSON object a line."""
        return self.root / "history.jsonl"

    @property
    def weights(self) -> Path:
        """The best weights so far."""
        return self.root / RUN_WEIGHTS

    @property
    def tflite(self) -> Path:
        """The best weights as a TFLite file."""
        return self.root / "model.tflite"

    @property
    def metrics(self) -> Path:
        """The metrics of the best weights on the validation images."""
        return self.root / "metrics.json"

    @property
    def detections(self) -> Path:
        """Their detections, in COCO's results format."""
        return self.root / "detections.json"

    @property
    def validation(self) -> Path:
        """The validation images and their objects as COCO JSON, for ``ssdlite eval``."""
        return self.root / "validation.json"

    @property
    def curves(self) -> Path:
        """Losses and metrics over time as a picture."""
        return self.root / "curves.png"

    @property
    def predictions(self) -> Path:
        """Detections against the truth as a picture."""
        return self.root / "predictions.jpg"

    @property
    def checkpoints(self) -> Path:
        """Folder of the trainer's checkpoints."""
        return self.root / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's logs."""
        return self.root / "tensorboard"

    def start(self, config: str, record: Mapping[str, Any]) -> None:
        """Make the folder and write what a resumed run needs.

        Raises:
            DetectorError: the folder is in use, cannot be written to, or the disk is nearly full.
        """
        self.check_free()
        self.root.mkdir(parents=True, exist_ok=True)
        self.check_space()
        self.save_config(config)
        self.save_record(record)

    def check_free(self) -> None:
        """Raise DetectorError when the folder is in use or cannot be written to."""
        if self.record.exists():
            raise DetectorError(
                f"{self.root} holds a run already: go on with `ssdlite train --resume {self.root}`, or "
                "choose another --output."
            )
        if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise DetectorError(f"{self.root} is not empty; choose another --output.")
        check_writable(self.root)

    def save_config(self, config: str) -> None:
        """Write the experiment."""
        with replacing(self.config) as path:
            path.write_text(config)

    def check_space(self) -> None:
        """Raise DetectorError when the disk has too little room for a run."""
        free = shutil.disk_usage(self.root).free
        if free < _NEEDED_BYTES:
            raise DetectorError(
                f"The disk of {self.root} has {free >> 20} MiB left and a run needs about "
                f"{_NEEDED_BYTES >> 20}; free some space or choose another --output."
            )

    def save_record(self, record: Mapping[str, Any]) -> None:
        """Write the record."""
        with replacing(self.record) as path:
            path.write_text(json.dumps(record, indent=1))

    def load_record(self) -> dict[str, Any]:
        """The record.

        Raises:
            DetectorError: the folder holds no run, or its record is damaged.
        """
        try:
            content = json.loads(self.record.read_text())
        except OSError as error:
            raise DetectorError(f"{self.root} holds no training run ({error.strerror}: run.json).") from error
        except ValueError as error:
            raise DetectorError(f"{self.record} is damaged ({error}); the run cannot be resumed.") from error
        if not isinstance(content, dict):
            raise DetectorError(f"{self.record} is damaged (no JSON object); the run cannot be resumed.")
        return content

    def append_history(self, entry: Mapping[str, Any]) -> None:
        """Add a line to the history."""
        try:
            with self.history.open("a") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise cannot_write(self.history, error) from error

    def load_history(self, until_step: int | None = None) -> list[dict[str, Any]]:
        """The history up to a step; lines that were cut off by a crash are left out."""
        entries = []
        for line in self.history.read_text().splitlines() if self.history.exists() else ():
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        return [entry for entry in entries if until_step is None or entry["step"] <= until_step]

    def rewind_history(self, step: int) -> list[dict[str, Any]]:
        """Forget what came after a step, for a run that goes on from there; the rest comes back."""
        kept = self.load_history(step)
        with replacing(self.history) as path:
            path.write_text("".join(json.dumps(entry) + "\n" for entry in kept))
        return kept


def free_run_folder(name: str) -> Path:
    """A folder for a new run, ``runs/NAME`` or the first ``runs/NAME-2``, ``-3`` ... that is free."""
    candidates = (Path("runs") / (name if number == 1 else f"{name}-{number}") for number in range(1, 10_000))
    return next(path for path in candidates if not path.exists())


def fingerprint(*datasets: Dataset) -> str:
    """A digest of the images' names and sizes and of the annotations: another one means other data."""
    digest = hashlib.sha256()
    for dataset in datasets:
        digest.update(repr(sorted(dataset.categories.items())).encode())
        for image in dataset.images:
            if image.record is None:
                file = str(image.path.stat().st_size)
            else:  # the index was compared with the sizes of the files when it was loaded
                file = f"{image.path.name} {image.record.offset} {image.record.length}"
            digest.update(f"{image.id} {image.name} {file} {image.size_wh}".encode())
        for annotation in dataset.annotations:
            digest.update(repr(sorted(annotation.items())).encode())
    return digest.hexdigest()
