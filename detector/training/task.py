"""The detection task: the network, and what its boxes and classes lose on some images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from detector.model.network import build_network, set_weights, split_network
from detector.spec import ModelSpec
from detector.training.config import AUTO
from detector.training.losses import sum_kept, sum_losses
from detector.training.network_task import NetworkTask
from detector.training.plan import Plan
from detector.training.samples import Source
from detector.training.targets import BACKGROUND
from detector.training.teacher import Teacher
from detector.weights import Weights

# Of a box there are 4 numbers, of the classes a column each; and what COCO loses first is how well boxes fit.
_BOXES = 10.0


class DetectionTask(NetworkTask):
    """Trains a detector on samples.

    Args:
        plan, spec, weights, samples: as of ``NetworkTask``.
        teacher: of the classes that are kept; None where none are.
        options: ``first_step`` and ``on_bad_loss``, as of ``NetworkTask``.
    """

    losses = ("classification", "localization")
    num_losses = 3

    def __init__(
        self,
        plan: Plan,
        spec: ModelSpec,
        weights: Weights,
        samples: Source,
        *,
        teacher: Teacher | None = None,
        **options: Any,
    ) -> None:
        super().__init__(plan, spec, weights, samples, **options)
        self._detector = spec
        self._teacher = teacher
        self._kept = [] if teacher is None else teacher.columns_in(spec)
        # Of kept columns the teacher tells what they should be, and of background only a label could.
        self._taught = None if teacher is None else _without(len(spec.classes) + 1, [0, *self._kept])

    def build_model(self) -> tf_keras.Model:
        """The network with its initial weights."""
        network = super().build_model()
        if self._teacher is not None:
            self._teaching_part = self._build_teacher(self._teacher)
        return network

    def _build_network(self) -> tf_keras.Model:
        return build_network(
            self._detector,
            frozen_until=self._plan.frozen_until,
            live_batch_norm=self._plan.live_batch_norm,
            batch_norm_momentum=self._config.training.batch_norm_momentum,
        )

    def _build_teacher(self, teacher: Teacher) -> tf_keras.Model:
        """The teacher, which reads what the trained part of the network reads: frozen layers are its own."""
        network = build_network(teacher.spec, frozen_until=self._plan.frozen_until, live_batch_norm=False)
        set_weights(network, teacher.spec, teacher.weights)
        network.trainable = False
        first = self._samples.first
        return network if first is None else split_network(network, teacher.spec, first)

    def _count(self, targets: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """The number of positives."""
        return tf.reduce_sum(tf.cast(targets[1] > BACKGROUND, tf.float32))

    def _losses(
        self, inputs: tuple[tf.Tensor, ...], targets: tuple[tf.Tensor, ...], count: tf.Tensor
    ) -> tf.Tensor:
        """(3,) classification, localization and forgetting of some images of a batch that has so many
        positives in all.
        """
        loss = self._config.loss
        assert loss.classification != AUTO, "the plan decides it"
        boxes, classes = targets
        prepared = self._prepare(inputs)
        outputs = self._trained_part(prepared, training=True)
        sums = sum_losses(
            outputs["box_encodings"],
            outputs["class_logits"],
            boxes,
            classes,
            class_loss=loss.classification,
            scales=self._detector.box_coder_scales,
            negatives_per_positive=loss.negatives_per_positive,
            min_negatives=loss.min_negatives,
            columns=self._taught,
        )
        return tf.stack(
            [
                loss.classification_weight * sums.classification / count,
                loss.localization_weight * sums.localization / count,
                tf.constant(0.0)
                if self._teacher is None
                else self._forgetting(prepared, outputs, classes, count),
            ]
        )

    def _forgetting(
        self,
        prepared: tf.Tensor | list[tf.Tensor],
        outputs: Mapping[str, tf.Tensor],
        class_targets: tf.Tensor,
        positives: tf.Tensor,
    ) -> tf.Tensor:
        """How far kept classes are from what the teacher makes of the same inputs."""
        told = self._teaching_part(prepared, training=False)
        own, theirs = ((each["box_encodings"], each["class_logits"]) for each in (outputs, told))
        kept = sum_kept(own, theirs, class_targets, self._kept)
        images = float(self._config.training.batch_size)
        boxes = kept.localization / images + kept.seen / positives
        total = kept.classification / images + _BOXES * boxes
        return self._config.loss.distillation_weight * total


def _without(columns: int, left_out: Sequence[int]) -> list[float]:
    """1 for each column, 0 for those that are left out."""
    return [float(column not in left_out) for column in range(columns)]
