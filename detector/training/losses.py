"""SSD's losses, with hard negatives."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from detector.training.targets import BACKGROUND


@dataclass(frozen=True)
class LossSums:
    """What some images of a batch add up to, before division by the number of positives in all of it.

    Attributes:
        classification, localization: scalars.
    """

    classification: tf.Tensor
    localization: tf.Tensor


def sum_losses(
    box_encodings: tf.Tensor,
    class_logits: tf.Tensor,
    box_targets: tf.Tensor,
    class_targets: tf.Tensor,
    *,
    negatives_per_positive: float = 3.0,
    min_negatives: int = 3,
) -> LossSums:
    """SSD's losses over a batch: sigmoid cross-entropy of the classes, smooth L1 of the boxes.

    Of the anchors on background, only those with the greatest classification loss take part: in each image
    ``negatives_per_positive`` for each positive, and ``min_negatives`` at least. Shapes are static and
    nothing depends on the data but values, so it compiles for any device.

    Args:
        box_encodings: (B, A, 4) float32.
        class_logits: (B, A, K + 1) float32, background in column 0.
        box_targets: (B, A, 4) float32, (ty, tx, th, tw).
        class_targets: (B, A) int32, as in ``Targets.classes``.
        negatives_per_positive: the ratio.
        min_negatives: for images with no or few positives.

    Source: Liu et al., SSD, 2016, section 2.2; the released model's recipe for the rest.
    """
    # The losses of all anchors are computed and then multiplied with masks: an image's number of positives
    # changes values and never a shape. Hard negatives are those that the network is most wrong about: with
    # all of them, the many anchors on background would outweigh the few on objects.
    columns = class_logits.shape[-1]
    positive = tf.cast(class_targets > BACKGROUND, tf.float32)
    negative = class_targets == BACKGROUND
    # An ignored anchor has an all-zero row; it is neither positive nor negative and takes no part.
    one_hot = tf.one_hot(class_targets, columns)
    class_losses = tf.reduce_sum(
        tf.nn.sigmoid_cross_entropy_with_logits(labels=one_hot, logits=class_logits), axis=-1
    )
    wanted = tf.reduce_sum(positive, axis=1) * negatives_per_positive
    hard = _hardest(class_losses, negative, tf.maximum(wanted, float(min_negatives)))
    errors = tf.abs(box_encodings - box_targets)
    smooth_l1 = tf.where(errors < 1, 0.5 * errors * errors, errors - 0.5)
    return LossSums(
        classification=tf.reduce_sum(class_losses * (positive + hard)),
        localization=tf.reduce_sum(tf.reduce_sum(smooth_l1, axis=-1) * positive),
    )


def _hardest(losses: tf.Tensor, negative: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """(B, A) float mask of the ``wanted`` (B,) negatives with the greatest loss in each image."""
    # Sorting the sort's own order gives each anchor its rank; what is no negative has -1 and comes last.
    ranked = tf.stop_gradient(tf.where(negative, losses, -1.0))
    order = tf.argsort(ranked, axis=1, direction="DESCENDING", stable=True)
    rank = tf.argsort(order, axis=1)
    return tf.cast(tf.logical_and(rank < tf.cast(wanted, tf.int32)[:, None], negative), tf.float32)
