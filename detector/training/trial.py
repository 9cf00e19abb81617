"""How far to unfreeze: found out by trying, on the data that is to be trained on.

A backbone that stays as it is cannot learn what tells look-alikes apart; one that is trained on few images
forgets what it knew. Which of the two weighs more is a matter of the data, and a short training of each kind
shows it. docs/training.md has the study.
"""

from __future__ import annotations

import time
from dataclasses import replace

import tensorflow as tf
from tqdm import tqdm

from detector.boxes import FloatArray
from detector.system.progress import bars_hidden
from detector.system.terminal import ignore
from detector.training.features import Sources
from detector.training.history import build_entry
from detector.training.job import Job
from detector.training.measure import measure_of
from detector.training.plan import Plan, describe_depth
from detector.training.tasks import build_task
from detector.training.trainer import build_trainer

_STEPS = 120
# Training more has to be better by more than chance, which is the coarser the fewer objects there are: this
# much AP or accuracy, divided by the root of their number; a classifier's pictures are objects here.
_MARGIN = 0.2
_SHARE = 0.2  # of the time that is left, where it is limited, for one more depth


def find_depth(job: Job, sources: Sources) -> Plan:
    """A job's plan with the depth of training that did best in a trial.

    Depths are tried from the least on, as long as the last one was better than the one before. The weights
    of the trials take part in the race for the best of the run, with the same evaluation.
    """
    validation, key = job.validation, measure_of(job.spec).key
    job.folder.rewind_history(-1)  # of a trial that was interrupted
    best_depth, best, took = job.plan.depths[0], -1.0, 0.0
    objects = sum(not annotation["iscrowd"] for annotation in validation.evaluated.annotations)
    margin = _MARGIN / max(1, objects) ** 0.5
    reason = f"training more has to bring {100 * margin:.1f} {key} to be worth it"
    for depth in job.plan.depths:
        left, start = job.budget.left, time.monotonic()
        if left is not None and 2 * took > _SHARE * left:
            reason = "there is no time to try out more"
            break
        tried = _at_depth(job.plan, depth)
        trained = _train_briefly(tried, job, sources)
        words = f"the end of the trial of {_STEPS} steps, {describe_depth(depth)}"
        metrics, is_best = validation.try_out(trained, words)
        seconds = {"seconds": round(job.budget.seconds, 1)}
        job.folder.append_history(build_entry(0, {**metrics, **seconds}, trial=depth))
        value, took = metrics[key], time.monotonic() - start
        kept = "; its weights are kept until the run has better ones" if is_best else ""
        job.say(f"Trial of {_STEPS} steps, {describe_depth(depth)}: {key} {100 * value:.1f}{kept}")
        if value <= best + margin:
            break
        best_depth, best = depth, value
    job.say(f"So {describe_depth(best_depth)} ({reason}).")
    chosen = _at_depth(job.plan, best_depth)
    sources.keep_only(chosen.frozen_until)
    return chosen


def _at_depth(plan: Plan, depth: str) -> Plan:
    return replace(
        plan, config=replace(plan.config, training=replace(plan.config.training, frozen_until=depth))
    )


def _train_briefly(plan: Plan, job: Job, sources: Sources) -> dict[str, FloatArray]:
    """The averaged weights after a short training, the learning rate falling to 0 within it."""
    config = replace(plan.config, training=replace(plan.config.training, steps=_STEPS))
    samples = sources.before(plan.frozen_until)
    task = build_task(job, replace(plan, config=config), samples, first_step=0, on_bad_loss=ignore)
    with tqdm(total=_STEPS, desc="trial", unit="step", disable=bars_hidden(), leave=False) as bar:
        trainer = build_trainer(task, config, job.strategy, lambda _: bar.update())
        task.freeze(trainer.model)
        trainer.train(tf.constant(_STEPS))
    return trainer.averaged_weights(job.spec)
