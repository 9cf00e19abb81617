"""What is told of a run while it is trained: history, TensorBoard's curves, a bar, a line now and then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import tensorflow as tf
from tqdm import tqdm

from detector.system.progress import bars_hidden
from detector.system.terminal import counted
from detector.training.budget import Costs
from detector.training.clock import Clock, describe_minutes
from detector.training.cluster import is_chief, worker_count
from detector.training.history import LOSSES, HistoryEntry, build_entry, value_of
from detector.training.job import Job, Progress
from detector.training.measure import measure_of
from detector.training.trainer import Trainer


class RunLog:
    """Keeps and tells what comes about; of several workers the first writes and the others keep silent.

    Args:
        job: what is trained.
        first_step: where it begins or goes on.

    Attributes:
        clock: how fast it is.
        evaluated: the steps that were.
    """

    def __init__(self, job: Job, first_step: int) -> None:
        self._job = job
        self._chief = is_chief()
        self._history = job.folder.load_history(first_step)
        if self._chief:
            self._summaries = tf.summary.create_file_writer(str(job.folder.tensorboard / "validation"))
        self._bar: tqdm[NoReturn] | None = None
        self.clock = Clock(job.plan.config.training.batch_size)
        self._measure = measure_of(job.spec)
        self.evaluated = {step for step, _ in self.run_values}

    @property
    def run_values(self) -> list[tuple[int, float]]:
        """Step and AP, or accuracy, of each evaluation of the run."""
        own = [entry for entry in self._history if "trial" not in entry]
        found = ((entry["step"], value_of(entry, self._measure.key)) for entry in own)
        return [(step, value) for step, value in found if value is not None]

    @contextmanager
    def bar_from(self, step: int) -> Iterator[None]:
        """A block with a bar for the steps of the run, at a terminal."""
        hidden = bars_hidden() if self._chief else True
        with tqdm(
            total=self._job.steps, initial=step, desc="training", unit="step", disable=hidden
        ) as self._bar:
            yield

    def show(self, trainer: Trainer) -> None:
        """Show that a step is done; once it is known how long steps take, say how long the run will."""
        if self._bar is not None:
            self._bar.update()
            if not worker_count() and self.clock.shall_show():
                loss = float(trainer.train_loss.result())
                self._bar.set_postfix_str(f"loss {loss:.2f}, {self.clock.images_per_second:.0f} images/s")

    def tell_time(self, step: int, costs: Costs) -> None:
        """Say how long the run will take, from the first steps that were measured."""
        left, each = self._job.steps - step, costs.evaluation
        evaluations = -(-left // int(self._job.plan.config.training.evaluate_every))
        seconds = left * costs.step + evaluations * each + costs.end
        share = evaluations * each / seconds
        limit = self._job.budget.left
        self._job.say(
            f"{self._job.plan.config.training.batch_size / costs.step:.0f} images/s: "
            f"{describe_minutes(seconds / 60)} to go for {counted(left, 'step')}, {share:.0%} of it for "
            f"{counted(evaluations, 'evaluation')}."
            + ("" if limit is None else _describe_limit(limit, seconds))
        )

    def change_steps(self, job: Job) -> None:
        """Go on with another number of steps."""
        self._job, steps = job, job.steps
        if self._bar is not None:
            self._bar.total = steps
            self._bar.refresh()

    def record_losses(self, step: int, output: Mapping[str, tf.Tensor]) -> None:
        """Keep the means over the steps of a loop, as Orbit has them."""
        values = {name: float(value) for name, value in output.items()}
        told = [name for name in LOSSES if name in values]
        losses = {"loss": values["training_loss"], **{name: values[name] for name in told}}
        rates = {
            "learning_rate": values["learning_rate"],
            "images_per_second": round(self.clock.images_per_second, 1),
        }
        if self._chief:
            self._record(build_entry(step, {**losses, **rates}))
            self._job.on_progress(Progress(step, self._job.steps, losses=losses, fold=self._job.fold))

    def record_evaluation(self, step: int, metrics: Mapping[str, float], is_best: bool) -> None:
        """Keep the numbers of an evaluation and say the most important ones."""
        if not metrics:  # the model of all images has none to be measured on
            return
        self._record(build_entry(step, metrics))
        with self._summaries.as_default():
            for name, value in metrics.items():
                tf.summary.scalar(name, value, step=step)
        self._summaries.flush()
        first = self._measure
        loss = next((entry["loss"] for entry in reversed(self._history) if "loss" in entry), float("nan"))
        self._job.say(
            f"step {step:,}: {first.key} {100 * metrics[first.key]:.1f}  "
            f"{first.second_name} {100 * metrics[first.second_key]:.1f}  "
            f"loss {loss:.2f}{'  best so far' if is_best else ''}"
        )
        self._job.on_progress(
            Progress(step, self._job.steps, metrics=metrics, is_best=is_best, fold=self._job.fold)
        )

    def _record(self, entry: HistoryEntry) -> None:
        entry["seconds"] = round(self._job.budget.seconds, 1)
        self._history.append(entry)
        self._job.folder.append_history(entry)


def _describe_limit(left: float, needed: float) -> str:
    """What there is of a limited time, in words."""
    if left < 0.9 * needed:
        return " There is less time than that: it ends as soon as it can."
    return f" There {'is' if left < 90 else 'are'} {describe_minutes(left / 60)}."
