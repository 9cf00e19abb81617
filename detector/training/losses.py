"""What boxes and classes lose: SSD's losses, and the varifocal loss of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from detector.box_coder import Scales
from detector.training.config import ClassLoss
from detector.training.targets import BACKGROUND

# The varifocal loss: how much all counts that is no object, by which power of its score, and the whole. The
# last is 1 in the paper; fine-tuning in few steps needs more beside smooth L1.
_ALPHA, _GAMMA, _FACTOR = 0.75, 2.0, 3.0
_LARGEST_LOG = 4.0  # of a side in anchors; what a network says before it knows better may overflow
_TINY = 1e-7


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
    class_loss: ClassLoss,
    scales: Scales = (10.0, 10.0, 5.0, 5.0),
    negatives_per_positive: float = 3.0,
    min_negatives: int = 3,
    columns: Sequence[float] | None = None,
) -> LossSums:
    """What a batch loses: smooth L1 of the boxes, and of the classes one of two.

    ``hard_negatives`` is SSD's sigmoid cross-entropy. Of the anchors on background, only those with the
    greatest loss take part: in each image ``negatives_per_positive`` for each positive, and
    ``min_negatives`` at least.

    ``varifocal`` is the varifocal loss: the score of an anchor on an object should be the IoU of the object
    with the box that the anchor predicts, and not 1, and the better the box the more it counts: with a box
    beside its object, not at all. All that is no object takes part, the less the lower its score. Nothing is
    asked of background's column, for no score depends on it.

    Shapes are static and nothing depends on the data but values, so it compiles for any device.

    Args:
        box_encodings: (B, A, 4) float32.
        class_logits: (B, A, K + 1) float32, background in column 0.
        box_targets: (B, A, 4) float32, (ty, tx, th, tw).
        class_targets: (B, A) int32, as in ``Targets.classes``.
        class_loss: which of the two.
        scales: the box coder's; of ``varifocal``.
        negatives_per_positive: the ratio; of ``hard_negatives``, like the next one.
        min_negatives: for images with no or few positives.
        columns: 1 for each of the K + 1 that takes part and 0 for others, of which only the targets of
            positives do; None for all.

    Source: Liu et al., SSD, 2016, section 2.2, and the released model's recipe for the rest; Zhang et al.,
    VarifocalNet, 2021, section 3.2.
    """
    # The losses of all anchors are computed and then multiplied with masks: an image's number of positives
    # changes values and never a shape.
    positive = tf.cast(class_targets > BACKGROUND, tf.float32)
    negative = class_targets == BACKGROUND
    # An ignored anchor has an all-zero row; it is neither positive nor negative and takes no part.
    one_hot = tf.one_hot(class_targets, class_logits.shape[-1])
    if class_loss == "varifocal":
        quality = tf.stop_gradient(_overlaps(box_encodings, box_targets, scales))
        by_column = _varifocal(class_logits, one_hot, quality[..., None])
    else:
        by_column = tf.nn.sigmoid_cross_entropy_with_logits(labels=one_hot, logits=class_logits)
    if columns is not None:
        by_column *= tf.maximum(tf.constant(columns), one_hot * positive[..., None])
    class_losses = tf.reduce_sum(by_column, axis=-1)
    if class_loss == "varifocal":
        negatives = tf.cast(negative, tf.float32)
    else:
        # Those that the network is most wrong about: with all of them, the many anchors on background would
        # outweigh the few on objects.
        wanted = tf.reduce_sum(positive, axis=1) * negatives_per_positive
        negatives = _hardest(class_losses, negative, tf.maximum(wanted, float(min_negatives)))
    smooth_l1 = _smooth_l1(box_encodings - box_targets)
    return LossSums(
        classification=tf.reduce_sum(class_losses * (positive + negatives)),
        localization=tf.reduce_sum(tf.reduce_sum(smooth_l1, axis=-1) * positive),
    )


@dataclass(frozen=True)
class KeptSums:
    """How far kept classes are from what they were, over one replica's part of a batch.

    Attributes:
        classification: half the squared error of the logits, summed over columns, the mean over anchors.
        localization: smooth L1 of the boxes, the mean over anchors.
        seen: the same, the sum over anchors, each counted by the greatest score of the teacher.
    """

    classification: tf.Tensor
    localization: tf.Tensor
    seen: tf.Tensor


def sum_kept(
    outputs: tuple[tf.Tensor, tf.Tensor],
    teacher: tuple[tf.Tensor, tf.Tensor],
    class_targets: tf.Tensor,
    kept: Sequence[int],
) -> KeptSums:
    """What holds the classes of an earlier network, the teacher, where no label tells more.

    Logits and not scores are compared: almost all scores are next to 0, and what features mean for a class
    that these images do not show is told by how far below it is. So are boxes, on all anchors, and the more
    where the teacher sees something. On anchors of labelled objects the labels say where these are, and of a
    kept class that one has, that it is there.

    Args:
        outputs: (B, A, 4) box encodings and (B, A, K + 1) class logits.
        teacher: (B, A, 4) and (B, A, T + 1), of the kept classes alone, on the same inputs.
        class_targets: (B, A) int32, as in ``Targets.classes``.
        kept: the column of each of the T kept classes in the network's logits.

    Source: Ba and Caruana, Do Deep Nets Really Need to be Deep?, 2014 (logits); Shmelkov et al., Incremental
    Learning of Object Detectors without Catastrophic Forgetting, 2017 (classes and boxes of a detector).
    """
    encodings, logits = outputs
    their_encodings, their_logits = teacher[0], teacher[1][..., 1:]
    labelled = tf.gather(tf.one_hot(class_targets, logits.shape[-1]), kept, axis=-1)
    errors = (tf.gather(logits, kept, axis=-1) - their_logits) * (1 - labelled)
    moved = tf.reduce_sum(_smooth_l1(encodings - their_encodings), axis=-1)
    moved *= tf.cast(class_targets <= BACKGROUND, tf.float32)
    anchors = float(logits.shape[1])
    return KeptSums(
        classification=0.5 * tf.reduce_sum(errors * errors) / anchors,
        localization=tf.reduce_sum(moved) / anchors,
        seen=tf.reduce_sum(moved * tf.reduce_max(tf.sigmoid(their_logits), axis=-1)),
    )


def _smooth_l1(differences: tf.Tensor) -> tf.Tensor:
    errors = tf.abs(differences)
    return tf.where(errors < 1, 0.5 * errors * errors, errors - 0.5)


def _varifocal(logits: tf.Tensor, labels: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
    """The loss of each column: a score should be the quality where the label is 1, and 0 where that is 0;
    background's column has none.
    """
    wanted = labels * quality
    weights = wanted + (1 - labels) * _ALPHA * tf.sigmoid(logits) ** _GAMMA
    weights *= tf.constant([0.0, *[_FACTOR] * (logits.shape[-1] - 1)])
    return weights * tf.nn.sigmoid_cross_entropy_with_logits(labels=wanted, logits=logits)


def _overlaps(encodings: tf.Tensor, others: tf.Tensor, scales: Scales) -> tf.Tensor:
    """(B, A) IoU of boxes with others of the same anchors, both (B, A, 4) as they are encoded."""
    # In units of the anchor, whose centre is 0: an overlap is the same in any units.
    sides, starts, ends = [], [], []
    for boxes in (encodings, others):
        centre = boxes[..., :2] / tf.constant(scales[:2])
        logs = boxes[..., 2:] / tf.constant(scales[2:])
        side = tf.exp(tf.clip_by_value(logs, -_LARGEST_LOG, _LARGEST_LOG))
        sides.append(side)
        starts.append(centre - side / 2)
        ends.append(centre + side / 2)
    shared = tf.reduce_prod(tf.nn.relu(tf.minimum(*ends) - tf.maximum(*starts)), axis=-1)
    areas = [tf.reduce_prod(side, axis=-1) for side in sides]
    return shared / (areas[0] + areas[1] - shared + _TINY)


def _hardest(losses: tf.Tensor, negative: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """(B, A) float mask of the ``wanted`` (B,) negatives with the greatest loss in each image."""
    # Sorting the sort's own order gives each anchor its rank; what is no negative has -1 and comes last.
    ranked = tf.stop_gradient(tf.where(negative, losses, -1.0))
    order = tf.argsort(ranked, axis=1, direction="DESCENDING", stable=True)
    rank = tf.argsort(order, axis=1)
    return tf.cast(tf.logical_and(rank < tf.cast(wanted, tf.int32)[:, None], negative), tf.float32)
