"""Batches whose images go through the network in parts, so that a step takes little memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from detector.architecture import layers_of
from detector.classifier_spec import ClassifierSpec
from detector.spec import ModelSpec

# Measured at 512 from block_3 on, where 8 images have outputs of 560 MiB: a step of 8 at a time takes .94 GB,
# of 2 at a time .48 GB, and both take the same time.
_MOST_BYTES = 224 << 20


def micro_batch_size(spec: ModelSpec | ClassifierSpec, first: str | None, batch: int) -> int:
    """The number of images at a time: a divisor of the batch, whose layers' outputs take 224 MiB at most
    where that is possible.

    Args:
        spec: the network.
        first: name of the first layer that is trained, None for all: what goes before it keeps no outputs.
        batch: number of images in the batch.
    """
    layers = layers_of(spec).layers
    names = [layer.name for layer in layers]
    trained = layers[0 if first is None else names.index(first) :]
    each = sum(4 * math.prod(layer.out_hw) * layer.out_channels for layer in trained)
    most = max(1, _MOST_BYTES // each)
    return max(size for size in range(1, batch + 1) if batch % size == 0 and size <= most)


def add_in_parts(
    losses_of: Callable[..., tf.Tensor],
    samples: tuple[tf.Tensor | tuple[tf.Tensor, ...], ...],
    size: int,
    variables: Sequence[tf.Variable],
    gradients: list[tf.Tensor],
    num_losses: int,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """(N,) losses of a batch, and the gradients with those of the losses' sum added.

    Args:
        losses_of: (N,) losses of some of the samples, which add up to those of all.
        samples: tensors (B, ...), whose parts ``losses_of`` takes.
        size: how many go through the network at a time; divides B.
        variables: that the gradients are of.
        gradients: what is there already.
        num_losses: N.
    """
    count = int(tf.nest.flatten(samples)[0].shape[0]) // size
    parts = tf.nest.map_structure(lambda each: tf.reshape(each, (count, size, *each.shape[1:])), samples)

    def add(
        number: tf.Tensor, losses: tf.Tensor, sums: list[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            own = losses_of(*tf.nest.map_structure(lambda each: each[number], parts))
            total = tf.reduce_sum(own)
        more = tape.gradient(total, variables)
        return number + 1, losses + own, [a + b for a, b in zip(sums, more, strict=True)]

    state = (tf.constant(0), tf.zeros(num_losses), gradients)
    if count > 1:  # one after another, so that only one has its outputs in memory
        state = tf.while_loop(lambda number, *_: number < count, add, state, parallel_iterations=1)
    else:
        state = add(*state)
    return state[1:]
