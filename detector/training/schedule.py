"""The learning rate over the steps, and a run whose number of steps may change while it is trained."""

from __future__ import annotations

import math

import tensorflow as tf
import tf_keras

from detector.training.config import OptimizerConfig


class Schedule(tf_keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The rate of an ``OptimizerConfig`` at each step.

    Args:
        config: the optimizer's.
        steps: of the whole run, over which the cosine falls to 0.
    """

    def __init__(self, config: OptimizerConfig, steps: int) -> None:
        super().__init__()
        self._config = config
        self._steps = tf.Variable(max(steps, 1), trainable=False, dtype=tf.int64)

    def stretch(self, steps: int) -> None:
        """Let the run end at another step: from here on the rate falls to 0 there."""
        self._steps.assign(max(steps, 1))

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate at a step, a float32 scalar."""
        step = tf.cast(step, tf.float32)
        # A short run has a short warm-up.
        warmup = tf.cast(
            tf.minimum(tf.cast(self._config.warmup_steps, tf.int64), self._steps // 10), tf.float32
        )
        rising = self._after_warmup(warmup) * step / tf.maximum(warmup, 1.0)
        return tf.where(step < warmup, rising, self._after_warmup(step))

    def _after_warmup(self, step: tf.Tensor | float) -> tf.Tensor:
        config = self._config
        if config.schedule == "constant":
            return tf.constant(config.learning_rate, tf.float32)
        if config.schedule == "exponential":  # in stairs
            return config.learning_rate * tf.pow(config.decay_rate, tf.floor(step / config.decay_steps))
        done = tf.minimum(step / tf.cast(self._steps, tf.float32), 1.0)
        return config.learning_rate * 0.5 * (1 + tf.cos(math.pi * done))

    def get_config(self) -> dict[str, object]:
        """Nothing: it is made anew from the experiment."""
        return {}
