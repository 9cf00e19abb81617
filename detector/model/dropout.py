"""Dropout that a run which is gone on with draws as it would have drawn."""

from __future__ import annotations

import tensorflow as tf
import tf_keras


class CountedDropout(tf_keras.layers.Layer):  # type: ignore[misc]
    """Leaves out a share of the numbers while training, others each time, and makes up for it with the rest.

    What is left out follows from how often that was done, which is among the layer's weights and so in every
    checkpoint. Keras's own layer has a generator that checkpoints do not hold.
    """

    def __init__(self, rate: float, **options: object) -> None:
        super().__init__(**options)
        self._rate = rate
        self._done = self.add_weight(
            "done",
            (),
            dtype=tf.int64,
            initializer="zeros",
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The inputs, some of them 0 while training."""
        if not training:
            return inputs
        seed = tf.stack([tf.constant(0, tf.int64), self._done.assign_add(1)])
        return tf.nn.experimental.stateless_dropout(inputs, self._rate, seed)
