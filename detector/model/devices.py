"""The devices that TensorFlow sees, and whether it computes."""

from __future__ import annotations

import tensorflow as tf


def list_gpus() -> list[str]:
    """Names of the GPUs that TensorFlow can use."""
    return [device.name for device in tf.config.list_physical_devices("GPU")]


def compute_sum(count: int) -> int:
    """0 + 1 + ... + (count - 1), computed by TensorFlow."""
    return int(tf.reduce_sum(tf.range(count)))
