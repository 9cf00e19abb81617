"""What is trained: everything that a run takes, decided and at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from detector.classifier_spec import ClassifierSpec
from detector.data.dataset import Dataset
from detector.spec import ModelSpec
from detector.system.terminal import ignore
from detector.training.budget import SECONDS_AT_END, Budget
from detector.training.classification.samples import ClassSource
from detector.training.features import Sources, picture_bytes
from detector.training.picture_source import PictureSource
from detector.training.plan import Plan
from detector.training.run_folder import RunFolder
from detector.training.samples import SampleSource
from detector.training.teacher import Teacher
from detector.training.validation import Validation
from detector.weights import Weights

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Progress:
    """A point of a run: losses every few seconds, metrics after each evaluation.

    Attributes:
        step: how many steps are done.
        steps: how many there are; where time is limited it may be another number later on.
        losses: ``loss``, ``classification_loss`` and, of a detector, ``localization_loss``, means since the
            point before; empty for an evaluation.
        metrics: the COCO numbers of the validation images, or ``accuracy`` and ``balanced_accuracy`` of a
            classifier, in [0, 1]; empty for a point of the losses.
        is_best: whether the weights are the best so far.
        fold: which of the folds it is of, from 1 on; None without folds, and for the model of all images.
    """

    step: int
    steps: int
    losses: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    is_best: bool = False
    fold: int | None = None


class StopError(Exception):
    """Raised by ``on_progress`` to end a run as Ctrl-C does, with a checkpoint; its cause says why."""


@dataclass(frozen=True)
class Job:
    """A run that can be trained; ``detector.training.run.train`` does it.

    Attributes:
        plan: what to do; what it leaves open is found out first.
        spec: the network.
        weights: what it starts from; keys that are missing keep their fresh values.
        data: what it is trained on.
        strategy: the devices.
        validation: evaluates weights and keeps the best.
        folder: where the run's files are.
        say: takes a line for each thing worth telling.
        on_progress: takes the points of the run; may raise StopError.
        budget: the time that it has.
        most_steps: that it has where there is time for all.
        usual_steps: the same as it began, where AP may lengthen it; 0 where the number was asked for.
        test_images: images that are looked at once more, at the end.
        fold: that it validates on; None without folds, and for the model of all images.
        teacher: of the classes that are kept; None where none are.
    """

    plan: Plan
    spec: ModelSpec | ClassifierSpec
    weights: Weights
    data: Dataset
    strategy: tf.distribute.Strategy
    validation: Validation
    folder: RunFolder
    say: Callable[[str], None] = ignore
    on_progress: Callable[[Progress], object] = ignore
    budget: Budget = field(default_factory=Budget)
    most_steps: int = 0
    usual_steps: int = 0
    test_images: int = 0
    fold: int | None = None
    teacher: Teacher | None = None

    @property
    def steps(self) -> int:
        """Number of steps in all."""
        return int(self.plan.config.training.steps)

    @property
    def seconds_at_end(self) -> float:
        """About what comes after the last evaluation takes: test images, pictures, a report."""
        looks = self.test_images + self.validation.images_left
        return SECONDS_AT_END + looks * self.validation.seconds_per_image

    def build_sources(self) -> Sources:
        """Where its samples come from; images and features are kept, so one serves the trial and the run."""
        config = self.plan.config
        seed = config.training.seed
        room = picture_bytes(config, self.plan.frozen_until is not None)
        pictures: PictureSource
        if isinstance(self.spec, ClassifierSpec):
            pictures = ClassSource(self.data, self.spec, config.augmentation, seed=seed, cache_bytes=room)
        else:
            pictures = SampleSource(
                self.data,
                self.spec,
                config.augmentation,
                iou_threshold=config.loss.match_iou,
                seed=seed,
                cache_bytes=room,
            )
        return Sources(pictures, self.spec, config)
