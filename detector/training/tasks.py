"""Which task a job is."""

from __future__ import annotations

from collections.abc import Callable

from detector.classifier_spec import ClassifierSpec
from detector.training.classification.task import ClassificationTask
from detector.training.job import Job
from detector.training.network_task import NetworkTask
from detector.training.picture_source import Source
from detector.training.plan import Plan
from detector.training.task import DetectionTask


def build_task(
    job: Job, plan: Plan, samples: Source, *, first_step: int, on_bad_loss: Callable[[list[int]], object]
) -> NetworkTask:
    """The task that trains a job's network by a plan, the job's or one of a trial; see ``NetworkTask``."""
    spec = job.spec
    if isinstance(spec, ClassifierSpec):
        return ClassificationTask(
            plan, spec, job.weights, samples, first_step=first_step, on_bad_loss=on_bad_loss
        )
    return DetectionTask(
        plan,
        spec,
        job.weights,
        samples,
        first_step=first_step,
        on_bad_loss=on_bad_loss,
        teacher=job.teacher,
    )
