"""The classification task: the network, and what its logits lose on some pictures."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from detector.architecture import LOGITS
from detector.classifier_spec import ClassifierSpec
from detector.model.network import build_classifier_network
from detector.training.network_task import NetworkTask
from detector.training.plan import Plan
from detector.training.samples import Source
from detector.weights import Weights


class ClassificationTask(NetworkTask):
    """Trains a classifier on samples.

    Args:
        plan, spec, weights, samples: as of ``NetworkTask``.
        options: ``first_step`` and ``on_bad_loss``, as of ``NetworkTask``.
    """

    losses = ("classification",)
    num_losses = 1

    def __init__(
        self, plan: Plan, spec: ClassifierSpec, weights: Weights, samples: Source, **options: Any
    ) -> None:
        super().__init__(plan, spec, weights, samples, **options)
        self._classifier = spec

    def _build_network(self) -> tf_keras.Model:
        return build_classifier_network(
            self._classifier,
            frozen_until=self._plan.frozen_until,
            live_batch_norm=self._plan.live_batch_norm,
            batch_norm_momentum=self._config.training.batch_norm_momentum,
            dropout=self._config.classifier.dropout,
        )

    def _count(self, targets: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """The number of pictures."""
        return tf.cast(tf.size(targets[0]), tf.float32)

    def _losses(
        self, inputs: tuple[tf.Tensor, ...], targets: tuple[tf.Tensor, ...], count: tf.Tensor
    ) -> tf.Tensor:
        """(1,) the cross-entropy of softmax, in the mean over all pictures of the batch.

        With label smoothing of e the true class is asked for with 1 - e, and e is shared by all classes
        (Szegedy et al., Rethinking the Inception Architecture, 2016, section 7).
        """
        logits = self._trained_part(self._prepare(inputs), training=True)[LOGITS]
        wanted = tf.one_hot(targets[0], len(self._classifier.classes))
        smoothing = self._config.classifier.label_smoothing
        wanted = (1 - smoothing) * wanted + smoothing / len(self._classifier.classes)
        return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))[None] / count
