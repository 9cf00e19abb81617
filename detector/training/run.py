"""A training run from its first step to its last: the loop around ``NetworkTask.train_step``."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import orbit
import tensorflow as tf

from detector.spec import ModelSpec
from detector.system.invocation import command
from detector.system.silence import make_silenceable, silenced
from detector.training.budget import FIRST_STEPS, Costs, fit_steps, still_rises
from detector.training.checkpoints import Checkpoint, find_checkpoint
from detector.training.cluster import is_chief, worker_count
from detector.training.config import AUTO
from detector.training.job import Job, StopError
from detector.training.measure import measure_of
from detector.training.run_folder import RunFolder
from detector.training.run_log import RunLog
from detector.training.samples import Source
from detector.training.saved_state import SavedState, TrainingError, first_line
from detector.training.tasks import build_task
from detector.training.trainer import Trainer, build_trainer
from detector.training.trial import find_depth

_MOST_BAD_STEPS = 5  # in a row
_LOOP_SECONDS = 4.0  # between points of the loss curve
_CHECKPOINT_SECONDS = 60.0
_LOOP_STEPS, _CHECKPOINT_STEPS = 100, 500  # the same for several workers

make_silenceable(orbit.controller)


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


def train(job: Job) -> Outcome:
    """Train as planned; what the plan leaves open is found out first, and written into the run's config.

    Raises:
        TrainingError: losses that are not finite, too little memory, or a damaged checkpoint.
        ImageError: an image that could be read at the start cannot be any more.
        DetectorError: the disk is full or the folder cannot be written to any more.
    """
    sources = job.build_sources()
    checkpoint = find_checkpoint(job.folder.checkpoints).whole
    try:
        if is_chief():
            past = job.folder.rewind_history(0 if checkpoint is None else checkpoint.step)
            job.validation.restore(past, job.say)
        if job.plan.config.training.frozen_until == AUTO:
            job = replace(job, plan=find_depth(job, sources))
            job.folder.settle_config(job.plan.config)
        return Run(job, sources.before(job.plan.frozen_until), checkpoint).execute()
    except tf.errors.OpError as error:
        if sources.pictures.failure is not None:  # on its way through TensorFlow it has lost its kind
            raise sources.pictures.failure from error
        raise _explained(error, job.folder, job.plan.config.training.batch_size) from error


def _explained(error: tf.errors.OpError, folder: RunFolder, batch: int) -> TrainingError:
    """What TensorFlow failed at, in a sentence with what to do about it."""
    go_on = f"go on with `{command('train', '--resume', folder.root)}`."
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

    Args:
        job: what to train; nothing in its plan is ``auto``.
        samples: those of the job, for the layers that are trained.
        checkpoint: what it goes on from; None for a run that begins.
    """

    # One step: `Trainer` (trainer.py) loops over batches that `NetworkTask.build_inputs` (network_task.py)
    # makes of the samples, and has each replica do `NetworkTask.train_step`: network, losses (task.py of a
    # detector, classification/task.py), gradients. Then it calls `_after_step` here. Orbit's controller calls
    # `_record_losses` after each loop.

    def __init__(self, job: Job, samples: Source, checkpoint: Checkpoint | None) -> None:
        self._job = job
        self._samples = samples
        first_step = 0 if checkpoint is None else checkpoint.step
        if is_chief() and (line := samples.describe()):
            job.say(line)
        task = build_task(job, job.plan, samples, first_step=first_step, on_bad_loss=self._note_bad_loss)
        self._trainer = build_trainer(task, job.plan.config, job.strategy, self._after_step)
        self._saved = SavedState(self._trainer, job.folder, checkpoint)
        task.freeze(self._trainer.model)
        self._log = RunLog(job, first_step)
        self._controller = orbit.Controller(
            global_step=self._trainer.global_step,
            trainer=self._trainer,
            strategy=job.strategy,
            steps_per_loop=1_000_000,  # the loops below are shorter
            summary_dir=str(job.folder.tensorboard / "train") if is_chief() else None,
            train_actions=[lambda output: self._log.record_losses(self._trainer.step, output)],
        )
        self._workers = worker_count()
        self._told = False
        self._bad_step = False
        self._bad_in_a_row = 0

    def execute(self) -> Outcome:
        """Train to the last step, or until patience ends it.

        Raises:
            TrainingError: losses that are not finite, or too little memory.
            DetectorError: the disk is full or the folder cannot be written to any more.
            StopError: as ``on_progress`` raised it.
        """
        validation = self._job.validation
        saved_at = time.monotonic()
        self._lengthen()
        try:
            with self._log.bar_from(self._trainer.step):
                while True:
                    if self._trainer.step >= self._next_evaluation:
                        self._saved.save()
                        self._evaluate()
                        self._lengthen()
                        saved_at = time.monotonic()
                    if self._trainer.step >= self._job.steps or self._agree(validation.exhausted):
                        break
                    self._train_until(self._next_evaluation)
                    self._keep_to_time()
                    if self._checkpoint_is_due(saved_at):
                        self._saved.save()
                        saved_at = time.monotonic()
        except (KeyboardInterrupt, StopError):
            if not self._workers:
                self._saved.save()
            raise
        if self._agree(validation.best is None):  # the best weights were lost before the run went on
            self._evaluate()
        speed, step = self._log.clock.images_per_second, self._trainer.step
        return Outcome(step, validation.best_from, speed, step < self._job.steps)

    @property
    def _next_evaluation(self) -> int:
        """The step that the next one is due at; the last step has one."""
        last, steps = max(self._log.evaluated, default=0), self._job.steps
        if last == steps and self._log.evaluated:
            return steps + 1
        return min(steps, last + int(self._job.plan.config.training.evaluate_every))

    def _train_until(self, due: int) -> None:
        """Train to the next point of the curve, and no further than a step."""
        step = self._trainer.step
        # Reading the losses waits for all workers, so they have to do it after the same steps.
        if self._workers:
            count = _LOOP_STEPS - step % _LOOP_STEPS
        else:
            count = self._log.clock.steps_in(_LOOP_SECONDS) if self._told else FIRST_STEPS
        # Orbit prints what the bar shows already.
        with silenced():
            self._controller.train(min(due, step + count), checkpoint_at_completion=False)

    def _keep_to_time(self) -> None:
        """Say how long the run takes, once that is known. Where its time is limited and it would end too
        late, or there is room for more, let it end at another step.
        """
        job, step, per_step = self._job, self._trainer.step, self._log.clock.seconds_per_step
        if per_step is None or self._workers or (job.budget.left is None and self._told):
            return
        costs = Costs(per_step, self._seconds_per_evaluation(), job.seconds_at_end)
        if job.budget.left is not None:
            every = int(job.plan.config.training.evaluate_every)
            steps = fit_steps(
                job.budget.left,
                costs,
                step=step,
                planned=job.steps,
                most=job.most_steps,
                evaluate_every=every,
            )
            if steps != job.steps:
                job = self._change_steps(steps)
        if not self._told and step < job.steps:
            self._log.tell_time(step, costs)
        self._told = True

    def _lengthen(self) -> None:
        """Take as many steps again where AP or accuracy still rises late in a run of the usual steps."""
        job, usual = self._job, self._job.usual_steps
        if not usual == job.most_steps == job.steps or not still_rises(self._log.run_values, usual):
            return
        longer, rises = 2 * usual, f"{measure_of(job.spec).title} still rises"
        if job.budget.left is None:
            job = self._change_steps(longer)
            job.say(f"{rises}, so there will be {longer:,} steps in place of {usual:,}.")
        else:
            job.say(f"{rises}, so there will be up to {longer:,} steps, if the time is enough.")
        self._job = replace(job, most_steps=longer)
        job.folder.update_record(most_steps=longer)

    def _change_steps(self, steps: int) -> Job:
        """The job with another number of steps, which holds from now on."""
        self._job = job = replace(self._job, plan=self._job.plan.with_steps(steps))
        job.folder.settle_config(job.plan.config)
        self._trainer.schedule.stretch(steps)
        self._log.change_steps(job)
        return job

    def _seconds_per_evaluation(self) -> float:
        """Of those that were, or of one that tries out how long they take."""
        validation = self._job.validation
        if not validation.count:
            with self._log.clock.paused():
                validation.try_speed(self._trainer.averaged_weights(self._job.spec))
        return validation.seconds_each

    def _checkpoint_is_due(self, saved_at: float) -> bool:
        if self._workers:  # all of them save, so all of them count steps
            return self._trainer.step % _CHECKPOINT_STEPS == 0
        return time.monotonic() - saved_at > _CHECKPOINT_SECONDS

    def _evaluate(self) -> None:
        weights = self._trainer.averaged_weights(self._job.spec)
        if self._job.teacher is not None and isinstance(self._job.spec, ModelSpec):
            weights = self._job.teacher.draw_back(weights, self._job.spec)
        step = self._trainer.step
        self._log.evaluated.add(step)
        if is_chief():
            with self._log.clock.paused():
                metrics, is_best = self._job.validation(weights, step)
            self._log.record_evaluation(step, metrics, is_best)

    def _agree(self, finished: bool) -> bool:
        """The first worker's decision, for all workers."""
        if not self._workers:
            return finished

        mine = float(finished and is_chief())

        def vote() -> tf.Tensor:
            return tf.constant(mine)

        strategy = self._job.strategy
        total = strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(vote), axis=None)
        return bool(total.numpy() > 0)

    def _after_step(self, trainer: Trainer) -> None:
        self._log.clock.tick()
        self._bad_in_a_row = self._bad_in_a_row + 1 if self._bad_step else 0
        self._bad_step = False
        if self._bad_in_a_row >= _MOST_BAD_STEPS:
            rate = self._job.plan.config.optimizer.learning_rate
            raise TrainingError(
                f"The loss was not finite in {_MOST_BAD_STEPS} steps in a row, so training stopped; the "
                "images are named above. Look at them with `ssdlite data check`, or train with a lower rate: "
                f"--set optimizer.learning_rate={rate / 4:g}."
            )
        self._log.show(trainer)

    def _note_bad_loss(self, indices: list[int]) -> None:
        self._bad_step = True
        names = ", ".join(self._samples.dataset.images[index].name for index in indices)
        self._job.say(f"The loss is not finite; this step is skipped. Its images: {names}")
