"""The trainer's state on disk: written as checkpoints, and read back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tensorflow as tf

from detector.errors import DetectorError
from detector.system.invocation import command
from detector.training.checkpoints import Checkpoint
from detector.training.cluster import is_chief
from detector.training.run_folder import RunFolder
from detector.training.trainer import Trainer


class TrainingError(DetectorError):
    """Training that cannot go on."""


class SavedState:
    """Writes the state of a trainer into its run's folder, each step once.

    Args:
        trainer: its network, optimizer, averages and step are what is written.
        folder: the run's.
        checkpoint: a whole one that the trainer goes on from, if any; it is read at once.

    Raises:
        TrainingError: the checkpoint is of another network.
    """

    def __init__(self, trainer: Trainer, folder: RunFolder, checkpoint: Checkpoint | None) -> None:
        self._trainer = trainer
        self._folder = folder
        # Every worker has to save, and one of them into the run's folder.
        self._scratch = None if is_chief() else tempfile.TemporaryDirectory()
        self._saved_step = -1
        if checkpoint is not None:
            self._read(checkpoint)

    def _read(self, checkpoint: Checkpoint) -> None:
        try:
            status = self._trainer.checkpoint.read(str(checkpoint.prefix))
            # The optimizer's momentum does not exist before the first step; all else has to be there.
            status.assert_existing_objects_matched().expect_partial()
        except (tf.errors.OpError, AssertionError, ValueError) as error:
            raise TrainingError(
                f"The checkpoint {checkpoint.prefix} is not of this network ({first_line(error)}); the run "
                "cannot go on from it."
            ) from error
        self._saved_step = checkpoint.step

    def save(self) -> None:
        """Write everything that a resumed run needs.

        Raises:
            TrainingError: the disk is full, or the folder cannot be written to any more.
        """
        step = self._trainer.step
        # A resumed optimizer has no variables before its first step: a checkpoint would lack them.
        if step == self._saved_step:
            return
        folder = self._folder.checkpoints if self._scratch is None else Path(self._scratch.name)
        checkpoint = Checkpoint(folder, step)
        try:
            checkpoint.remove()
            self._trainer.checkpoint.write(str(checkpoint.prefix))
            checkpoint.seal(history=len(self._folder.load_history()))
            if self._scratch is None:
                self._folder.update_record(step=step)
        except (tf.errors.OpError, OSError, DetectorError) as error:
            raise TrainingError(
                f"No checkpoint could be written to {self._folder.checkpoints} ({first_line(error)}): free "
                f"some space, then go on with `{command('train', '--resume', self._folder.root)}`."
            ) from error
        self._saved_step = step


def first_line(error: Exception) -> str:
    """The beginning of what an error says."""
    return str(getattr(error, "message", error)).split("\n")[0][:120]
