"""The folder of a training run: what it holds, and what it takes to go on with it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from detector.data.dataset import Dataset
from detector.errors import DetectorError
from detector.system.files import cannot_write, check_writable, replacing
from detector.system.invocation import command
from detector.system.reading import parsing, read_whole
from detector.system.run_names import RUN_RECORD, RUN_VALIDATION, RUN_WEIGHTS
from detector.training.config import ExperimentConfig
from detector.training.history import HistoryEntry, parse_entry
from detector.training.run_lock import LOCK_NAME
from detector.training.run_record import RunRecord, faulty_key

# Two checkpoints of weights, momentum and average, the best weights, and the logs.
_NEEDED_BYTES = 400 << 20
_MOST_RECORD_BYTES, _MOST_HISTORY_BYTES = 16 << 20, 1 << 30


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
        """What was trained on, in JSON: dataset, splits, classes, config, how far the run has come."""
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
    def best(self) -> Path:
        """AP or accuracy of the best weights, and the list of the files that were written with them."""
        return self.root / "best.json"

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
    def scores(self) -> Path:
        """A classifier's scores of the validation images, in place of detections."""
        return self.root / "predictions.json"

    @property
    def validation(self) -> Path:
        """The validation images and their objects as COCO JSON, for ``ssdlite eval``."""
        return self.root / RUN_VALIDATION

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
    def fold_numbers(self) -> Path:
        """What the folds found, and which images are in which."""
        return self.root / "folds.json"

    @property
    def old_validation(self) -> Path:
        """What validated the run that this one goes on from, as COCO JSON."""
        return self.root / "old_validation.json"

    def fold(self, number: int) -> RunFolder:
        """The run of a fold, from 1 on."""
        return RunFolder(self.root / "folds" / str(number))

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's logs."""
        return self.root / "tensorboard"

    def start(self, config: str, record: RunRecord) -> None:
        """Make the folder and write what a resumed run needs; nothing is left of it if that fails.

        Raises:
            DetectorError: the folder is in use, cannot be written to, or the disk is nearly full.
        """
        self.check_free()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.check_space()
            self.save_config(config)
            self.save_record(record)
        except BaseException:  # Ctrl-C, too: a folder with half of it could not be resumed
            self.forget()
            raise

    def forget(self) -> None:
        """Remove what makes the folder a run, which has not begun."""
        for path in (self.record, self.config):
            path.unlink(missing_ok=True)

    def start_again(self, config: str, record: RunRecord) -> None:
        """Write what a resumed run needs over what was there; interrupted, it is as before or all written."""
        # A config that is missing is written anew from the record.
        self.config.unlink(missing_ok=True)
        self.save_record(record)
        self.save_config(config)

    def check_free(self) -> None:
        """Raise DetectorError when the folder is in use or cannot be written to."""
        if self.record.exists():
            raise DetectorError(
                f"{self.root} holds a run already: go on with "
                f"`{command('train', '--resume', self.root)}`, or choose another --output."
            )
        if self.root.exists() and (not self.root.is_dir() or any(self._content())):
            raise DetectorError(f"{self.root} is not empty; choose another --output.")
        check_writable(self.root)

    def make(self) -> None:
        """Make the folder where it is missing; DetectorError where that cannot be."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.root, error) from error

    def remove_if_empty(self) -> None:
        """Remove the folder where no run was begun in it."""
        with suppress(OSError):
            if not any(self._content()):
                (self.root / LOCK_NAME).unlink(missing_ok=True)
                self.root.rmdir()

    def _content(self) -> Iterator[Path]:
        return (path for path in self.root.iterdir() if path.name != LOCK_NAME)

    def check_kinds(self) -> None:
        """Raise DetectorError when a folder lies where a file belongs, or the other way round."""
        folders = (self.checkpoints, self.tensorboard)
        written = (self.config, self.history, self.weights, self.best, self.tflite)
        shown = (self.metrics, self.detections, self.scores, self.validation, self.curves)
        for path in (*written, *shown, self.predictions, *folders):
            if path.exists() and path.is_dir() != (path in folders):
                raise DetectorError(f"{path} is a {'file' if path in folders else 'folder'}; remove it.")

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

    def save_record(self, record: Mapping[str, object]) -> None:
        """Write the record."""
        with replacing(self.record) as path:
            path.write_text(json.dumps(record, indent=1))

    def load_record(self) -> RunRecord:
        """The record.

        Raises:
            DetectorError: the folder holds no run, or its record is damaged.
        """
        if not self.record.exists():
            raise DetectorError(f"{self.root} holds no training run (there is no run.json in it).")
        with parsing(f"{self.record} is damaged; {self._only_weights()}"):
            content = json.loads(read_whole(self.record, _MOST_RECORD_BYTES))
            if not isinstance(content, dict):
                raise TypeError("no JSON object")
        return cast(RunRecord, content)

    def is_finished(self) -> bool:
        """Whether a run has come to its end in it; DetectorError where its record is damaged."""
        return self.record.exists() and self.load_record().get("finished") is True

    def check_record(self, record: Mapping[str, object]) -> None:
        """Raise DetectorError unless a record holds all that it takes to go on."""
        if (key := faulty_key(record)) is not None:
            state = "damaged" if key in record else "damaged or of an earlier version"
            raise DetectorError(f"{self.record} is {state} ({key}); {self._only_weights()}.")

    def load_estimate(self) -> float:
        """The AP in the metrics; DetectorError where they cannot be read."""
        with parsing(f"{self.metrics} is damaged; {self._only_weights()}"):
            return float(json.loads(read_whole(self.metrics, _MOST_RECORD_BYTES))["AP"])

    def _only_weights(self) -> str:
        if not self.weights.is_file():
            return "the run cannot be resumed"
        return (
            "the run cannot be resumed; start a new one from its best weights with "
            f"--set training.initial_weights={self.root}"
        )

    def update_record(self, **facts: object) -> None:
        """Write facts into the record, over those of the same names."""
        self.save_record({**self.load_record(), **facts})

    def settle_config(self, config: ExperimentConfig) -> None:
        """Write the experiment of a run that has begun, now that more of it is decided."""
        self.save_config(config.to_yaml())
        self.update_record(config=asdict(config))

    def append_history(self, entry: HistoryEntry) -> None:
        """Add a line to the history."""
        try:
            with self.history.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise cannot_write(self.history, error) from error

    def load_history(self, until_step: int | None = None) -> list[HistoryEntry]:
        """The history up to a step; lines that were cut off or damaged are left out.

        Raises:
            DetectorError: the file cannot be read.
        """
        content = read_whole(self.history, _MOST_HISTORY_BYTES) if self.history.exists() else b""
        entries = (parse_entry(line) for line in content.split(b"\n"))
        return [entry for entry in entries if entry and (until_step is None or entry["step"] <= until_step)]

    def seconds_so_far(self) -> float:
        """What the run took so far, by its history."""
        return max((float(entry.get("seconds", 0)) for entry in self.load_history()), default=0.0)

    def rewind_history(self, step: int) -> list[HistoryEntry]:
        """Forget what came after a step, for a run that goes on from there; the rest comes back."""
        kept = self.load_history(step)
        if self.history.exists():
            with replacing(self.history) as path:
                path.write_text("".join(json.dumps(entry) + "\n" for entry in kept), encoding="utf-8")
        return kept


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
            line = f"{image.id} {image.name} {file} {image.size_wh}"
            digest.update(line.encode(errors="surrogatepass"))  # a name need not be UTF-8
        for annotation in dataset.annotations:
            digest.update(repr(sorted(annotation.items())).encode())
    return digest.hexdigest()
