"""SSD's losses, with hard negatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from detector.box_coder import Scales
from detector.boxes import FloatArray
from detector.training.targets import BACKGROUND


@dataclass(frozen=True)
class LossSums:
    """What one replica's part of a batch adds up to, before division by the number of positives.

    Attributes:
        classification, localization: scalars.
        num_positives: number of matched anchors, a float scalar.
    """

    classification: tf.Tensor
    localization: tf.Tensor
    num_positives: tf.Tensor


def sum_losses(
    box_encodings: tf.Tensor,
    class_logits: tf.Tensor,
    box_targets: tf.Tensor,
    class_targets: tf.Tensor,
    *,
    anchors: FloatArray,
    scales: Scales = (10.0, 10.0, 5.0, 5.0),
    box_loss: str = "smooth_l1",
    class_loss: str = "cross_entropy",
    label_smoothing: float = 0.0,
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
    iou = None
    if box_loss == "smooth_l1":
        errors = tf.abs(box_encodings - box_targets)
        box_losses = tf.reduce_sum(tf.where(errors < 1, 0.5 * errors * errors, errors - 0.5), axis=-1)
        if class_loss in ("quality", "varifocal"):
            iou, _ = _overlap(
                _decode(box_encodings, anchors, scales), _decode(box_targets, anchors, scales), "iou"
            )
    else:
        # Background has targets of zero, the anchors themselves: finite, and masked.
        iou, loss = _overlap(
            _decode(box_encodings, anchors, scales), _decode(box_targets, anchors, scales), box_loss
        )
        box_losses = loss
    # An ignored anchor has an all-zero row; it is neither positive nor negative and takes no part.
    one_hot = tf.one_hot(class_targets, columns)
    if class_loss in ("quality", "varifocal"):
        quality = tf.stop_gradient(tf.clip_by_value(iou, 0.0, 1.0))[..., None]
        one_hot = one_hot * tf.where(positive[..., None] > 0, quality, 1.0)
    if label_smoothing:
        one_hot = one_hot * (1 - label_smoothing) + 0.5 * label_smoothing
    cross = tf.nn.sigmoid_cross_entropy_with_logits(labels=one_hot, logits=class_logits)
    if class_loss in ("focal", "varifocal"):
        cross = cross[..., 1:]
        target, p = one_hot[..., 1:], tf.sigmoid(class_logits[..., 1:])
        taking_part = tf.cast(class_targets >= 0, tf.float32)[..., None]
        if class_loss == "focal":
            weight = target * 0.25 * (1 - p) ** 2 + (1 - target) * 0.75 * p**2
        else:
            weight = tf.where(target > 0, target, 0.75 * tf.stop_gradient(p) ** 2)
        classification = tf.reduce_sum(cross * weight * taking_part)
    else:
        class_losses = tf.reduce_sum(cross, axis=-1)
        wanted = tf.reduce_sum(positive, axis=1) * negatives_per_positive
        hard = _hardest(class_losses, negative, tf.maximum(wanted, float(min_negatives)))
        classification = tf.reduce_sum(class_losses * (positive + hard))
    return LossSums(
        classification=classification,
        localization=tf.reduce_sum(box_losses * positive),
        num_positives=tf.reduce_sum(positive),
    )


def _decode(encodings: tf.Tensor, anchors: FloatArray, scales: Scales) -> tf.Tensor:
    """(B, A, 4) xyxy."""
    left, top, right, bottom = (tf.constant(column, tf.float32) for column in anchors.T)
    ty, tx, th, tw = tf.unstack(encodings, axis=-1)
    width, height = right - left, bottom - top
    x = (left + right) / 2 + tx / scales[1] * width
    y = (top + bottom) / 2 + ty / scales[0] * height
    w = tf.exp(tf.clip_by_value(tw / scales[3], -4.0, 4.0)) * width
    h = tf.exp(tf.clip_by_value(th / scales[2], -4.0, 4.0)) * height
    return tf.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=-1)


def _overlap(a: tf.Tensor, b: tf.Tensor, kind: str) -> tuple[tf.Tensor, tf.Tensor]:
    """IoU (B, A) and the loss (B, A)."""
    tiny = 1e-7
    al, at, ar, ab = tf.unstack(a, axis=-1)
    bl, bt, br, bb = tf.unstack(b, axis=-1)
    inter = tf.maximum(tf.minimum(ar, br) - tf.maximum(al, bl), 0) * tf.maximum(
        tf.minimum(ab, bb) - tf.maximum(at, bt), 0
    )
    union = (ar - al) * (ab - at) + (br - bl) * (bb - bt) - inter
    iou = inter / (union + tiny)
    cw, ch = tf.maximum(ar, br) - tf.minimum(al, bl), tf.maximum(ab, bb) - tf.minimum(at, bt)
    if kind == "giou":
        hull = cw * ch
        return iou, 1 - iou + (hull - union) / (hull + tiny)
    if kind in ("diou", "ciou"):
        far = ((al + ar - bl - br) ** 2 + (at + ab - bt - bb) ** 2) / 4
        loss = 1 - iou + far / (cw**2 + ch**2 + tiny)
        if kind == "ciou":
            v = (4 / np.pi**2) * (
                tf.atan((br - bl) / (bb - bt + tiny)) - tf.atan((ar - al) / (ab - at + tiny))
            ) ** 2
            alpha = tf.stop_gradient(v / (1 - iou + v + tiny))
            loss += alpha * v
        return iou, loss
    return iou, 1 - iou


def _hardest(losses: tf.Tensor, negative: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """(B, A) float mask of the ``wanted`` (B,) negatives with the greatest loss in each image."""
    # Sorting the sort's own order gives each anchor its rank; what is no negative has -1 and comes last.
    ranked = tf.stop_gradient(tf.where(negative, losses, -1.0))
    order = tf.argsort(ranked, axis=1, direction="DESCENDING", stable=True)
    rank = tf.argsort(order, axis=1)
    return tf.cast(tf.logical_and(rank < tf.cast(wanted, tf.int32)[:, None], negative), tf.float32)
