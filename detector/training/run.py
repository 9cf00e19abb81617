"""A training run from its first step to its last, through Model Garden's trainer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import orbit
import tensorflow as tf
from tqdm import tqdm

from detector.data.dataset import Dataset
from detector.spec import ModelSpec
from detector.training.checkpoints import Checkpoint, find_checkpoint
from detector.training.clock import WARM_UP_STEPS, Clock, describe_minutes
from detector.training.cluster import is_chief, worker_count
from detector.training.config import AUTO
from detector.training.plan import Plan
from detector.training.run_folder import RunFolder
from detector.training.samples import SampleSource
from detector.training.saved_state import SavedState, TrainingError, first_line
from detector.training.task import DetectionTask
from detector.training.trainer import Trainer, build_trainer
from detector.training.trial import find_depth
from detector.training.validation import Validation
from detector.weights import Weights

_MOST_BAD_STEPS = 5  # in a row
_LOOP_SECONDS = 4.0  # between points of the loss curve
_CHECKPOINT_SECONDS = 60.0
_LOOP_STEPS, _CHECKPOINT_STEPS = 100, 500  # the same for several workers


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        steps: how many were done.
        best_from: when the best weights came about, in words.
        images_per_second: of training, without evaluation and the first steps.
        stopped_early: whether patience ended it.
    """

    steps: int
    best_from: str
    images_per_second: float
    stopped_early: bool


def train(
    plan: Plan,
    spec: ModelSpec,
    weights: Weights,
    data: Dataset,
    strategy: tf.distribute.Strategy,
    validation: Validation,
    folder: RunFolder,
    say: Callable[[str], None],
) -> Outcome:
    """Train as planned; what the plan leaves open is found out first, and written into the run's config.

    Args:
        plan: what to do.
        spec: the network.
        weights: what it starts from.
        data: what it is trained on.
        strategy: the devices.
        validation: evaluates weights and keeps the best.
        folder: where the run's files are.
        say: takes a line for each thing worth telling.

    Raises:
        TrainingError: losses that are not finite, too little memory, or a damaged checkpoint.
        ImageError: an image that could be read at the start cannot be any more.
        DetectorError: the disk is full or the folder cannot be written to any more.
    """
    samples = SampleSource(
        data,
        spec,
        plan.config.augmentation,
        iou_threshold=plan.config.loss.match_iou,
        seed=plan.config.training.seed,
        cache_bytes=int(plan.config.runtime.cache_gib * (1 << 30)),
    )
    checkpoint = find_checkpoint(folder.checkpoints).whole
    first_step = 0 if checkpoint is None else checkpoint.step
    try:
        if is_chief():
            validation.restore(folder.rewind_history(first_step), say)
        if plan.config.training.frozen_until == AUTO:
            plan = find_depth(plan, spec, weights, samples, strategy, validation, folder, say)
            folder.settle_config(plan.config)
        return Run(plan, spec, weights, samples, strategy, validation, folder, say, checkpoint).execute()
    except tf.errors.OpError as error:
        if samples.failure is not None:  # on its way through TensorFlow it has lost its kind
            raise samples.failure from error
        raise _explained(error, folder, plan.config.training.batch_size) from error


def _explained(error: tf.errors.OpError, folder: RunFolder, batch: int) -> TrainingError:
    """What TensorFlow failed at, in a sentence with what to do about it."""
    go_on = f"go on with `ssdlite train --resume {folder.root}`."
    if not isinstance(error, tf.errors.ResourceExhaustedError):
        return TrainingError(
            f"TensorFlow cannot go on ({first_line(error)}). Once that is put right, {go_on}"
        )
    if "No space left" in str(error):
        return TrainingError(f"The disk of {folder.root} is full; free some space, then {go_on}")
    return TrainingError(
        f"There is too little memory for batches of {batch} ({first_line(error)}); try "
        f"--set training.batch_size={max(1, batch // 2)}."
    )


class Run:
    """Trains, evaluates, keeps the best, and can be gone on with after any end.

    Args: those of ``train``, but nothing in the plan is ``auto``, and
        checkpoint: what it goes on from; None for a run that begins.
    """

    def __init__(
        self,
        plan: Plan,
        spec: ModelSpec,
        weights: Weights,
        samples: SampleSource,
        strategy: tf.distribute.Strategy,
        validation: Validation,
        folder: RunFolder,
        say: Callable[[str], None],
        checkpoint: Checkpoint | None,
    ) -> None:
        self._config = plan.config
        self._spec = spec
        self._validation = validation
        self._folder = folder
        self._say = say
        self._chief = is_chief()
        self._workers = worker_count()
        self._strategy = strategy
        first_step = 0 if checkpoint is None else checkpoint.step
        self._samples = samples
        task = DetectionTask(
            plan, spec, weights, samples, first_step=first_step, on_bad_loss=self._note_bad_loss
        )
        self._trainer = build_trainer(task, self._config, self._strategy, self._after_step)
        self._saved = SavedState(self._trainer, folder, checkpoint)
        tensorboard = str(folder.tensorboard / "train") if self._chief else None
        if self._chief:
            self._summaries = tf.summary.create_file_writer(str(folder.tensorboard / "validation"))
        self._controller = orbit.Controller(
            global_step=self._trainer.global_step,
            trainer=self._trainer,
            strategy=self._strategy,
            steps_per_loop=1_000_000,  # the loops below are shorter
            summary_dir=tensorboard,
            train_actions=[self._record_losses],
        )
        self._history = folder.load_history(first_step)
        self._evaluated = {entry["step"] for entry in self._history if "AP" in entry and "trial" not in entry}
        self._bar: Any = None
        self._bad_step = False
        self._bad_in_a_row = 0
        self._clock = Clock(self._config.training.batch_size)
        self._earlier_seconds = max((float(entry.get("seconds", 0)) for entry in self._history), default=0.0)

    def execute(self) -> Outcome:
        """Train to the last step, or until patience ends it.

        Raises:
            TrainingError: losses that are not finite, or too little memory.
            DetectorError: the disk is full or the folder cannot be written to any more.
        """
        steps, every = int(self._config.training.steps), int(self._config.training.evaluate_every)
        saved_at = time.monotonic()
        try:
            with tqdm(
                total=steps, initial=self._trainer.step, desc="training", unit="step", disable=self._bar_off
            ) as self._bar:
                while True:
                    step = self._trainer.step
                    due = step >= steps or (step and step % every == 0)
                    if due and step not in self._evaluated:
                        self._saved.save()
                        self._evaluate()
                        saved_at = time.monotonic()
                    if step >= steps or self._agree(self._validation.exhausted):
                        break
                    self._train_until(min(steps, (step // every + 1) * every))
                    if self._checkpoint_is_due(saved_at):
                        self._saved.save()
                        saved_at = time.monotonic()
        except KeyboardInterrupt:
            if not self._workers:
                self._saved.save()
            raise
        if self._agree(self._validation.best is None):  # the best weights were lost before the run went on
            self._evaluate()
        best = self._validation.best_from
        return Outcome(self._trainer.step, best, self._clock.images_per_second, self._trainer.step < steps)

    @property
    def _bar_off(self) -> bool | None:
        return None if self._chief else True

    def _train_until(self, due: int) -> None:
        """Train to the next point of the curve, and no further than a step."""
        step = self._trainer.step
        # Reading the losses waits for all workers, so they have to do it after the same steps.
        count = _LOOP_STEPS - step % _LOOP_STEPS if self._workers else self._clock.steps_in(_LOOP_SECONDS)
        # Orbit prints what the bar shows already.
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            self._controller.train(min(due, step + count), checkpoint_at_completion=False)

    def _checkpoint_is_due(self, saved_at: float) -> bool:
        if self._workers:  # all of them save, so all of them count steps
            return self._trainer.step % _CHECKPOINT_STEPS == 0
        return time.monotonic() - saved_at > _CHECKPOINT_SECONDS

    def _evaluate(self) -> None:
        weights = self._trainer.averaged_weights(self._spec)
        step = self._trainer.step
        self._evaluated.add(step)
        if not self._chief:
            return
        with self._clock.paused():
            metrics, is_best = self._validation(weights, step)
        self._record({"step": step, **metrics})
        with self._summaries.as_default():
            for name, value in metrics.items():
                tf.summary.scalar(name, value, step=step)
        self._summaries.flush()
        losses = next((entry for entry in reversed(self._history) if "loss" in entry), {"loss": float("nan")})
        self._say(
            f"step {step:,}: AP {100 * metrics['AP']:.1f}  AP50 {100 * metrics['AP50']:.1f}  "
            f"loss {losses['loss']:.2f}{'  best so far' if is_best else ''}"
        )

    def _agree(self, finished: bool) -> bool:
        """The first worker's decision, for all workers."""
        if not self._workers:
            return finished

        def vote() -> Any:
            return tf.constant(float(finished and self._chief))

        total = self._strategy.reduce(tf.distribute.ReduceOp.SUM, self._strategy.run(vote), axis=None)
        return bool(total.numpy() > 0)

    def _record_losses(self, output: Any) -> None:
        """Orbit's action after each loop: the means over its steps."""
        values = {name: float(value) for name, value in output.items()}
        self._record(
            {
                "step": self._trainer.step,
                "loss": values["training_loss"],
                "classification_loss": values["classification_loss"],
                "localization_loss": values["localization_loss"],
                "learning_rate": values["learning_rate"],
                "images_per_second": round(self._clock.images_per_second, 1),
            }
        )

    def _record(self, entry: dict[str, Any]) -> None:
        if self._chief:
            entry["seconds"] = round(self._earlier_seconds + self._clock.seconds, 1)
            self._history.append(entry)
            self._folder.append_history(entry)

    def _after_step(self, trainer: Trainer) -> None:
        self._clock.tick()
        self._bad_in_a_row = self._bad_in_a_row + 1 if self._bad_step else 0
        self._bad_step = False
        if self._bad_in_a_row >= _MOST_BAD_STEPS:
            raise TrainingError(
                f"The loss was not finite in {_MOST_BAD_STEPS} steps in a row, so training stopped; the "
                "images are named above. Look at them with `ssdlite data check`, or train with a lower rate: "
                f"--set optimizer.learning_rate={self._config.optimizer.learning_rate / 4:g}."
            )
        if self._bar is not None:
            self._bar.update()
            if not self._workers and self._clock.shall_show():
                loss = float(trainer.train_loss.result())
                self._bar.set_postfix_str(f"loss {loss:.2f}, {self._clock.images_per_second:.0f} images/s")
        if self._clock.ticks == WARM_UP_STEPS + 5 and self._chief:
            left = int(self._config.training.steps) - self._trainer.step
            minutes = left * self._config.training.batch_size / self._clock.images_per_second / 60
            self._say(f"{self._clock.images_per_second:.0f} images/s: {describe_minutes(minutes)} to go.")

    def _note_bad_loss(self, indices: list[int]) -> None:
        self._bad_step = True
        names = ", ".join(self._samples.dataset.images[index].name for index in indices)
        self._say(f"The loss is not finite; this step is skipped. Its images: {names}")
