"""Losses beside those of the product, for ``studies.recipes``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from detector.box_coder import Scales
from detector.boxes import FloatArray
from detector.training.losses import _hardest
from detector.training.targets import BACKGROUND

_TINY = 1e-7
_SAME_BOX = 1e-4  # of two objects that differ, one corner is further apart than this, normalised
_LARGEST_LOG = (
    4.0  # of a side in units of its anchor's; what a network says before it knows better may overflow
)


@dataclass(frozen=True)
class Answers:
    """What the network answers for some images, and what it should.

    Attributes:
        logits: (B, A, K + 1) of the classes, background in column 0.
        classes: (B, A) int32, as in ``Targets.classes``.
        boxes, truth: (B, A, 4) boxes as they are predicted and of the objects, xyxy, normalised; the truth of
            an anchor without an object is the anchor.
    """

    logits: tf.Tensor
    classes: tf.Tensor
    boxes: tf.Tensor
    truth: tf.Tensor

    @property
    def positive(self) -> tf.Tensor:
        """(B, A) 1 for anchors with an object, 0 for others."""
        return tf.cast(self.classes > BACKGROUND, tf.float32)

    @property
    def labels(self) -> tf.Tensor:
        """(B, A, K + 1) 1 for the column of each anchor; all 0 for those that are ignored."""
        return tf.one_hot(self.classes, self.logits.shape[-1])

    @property
    def quality(self) -> tf.Tensor:
        """(B, A) IoU of each predicted box with its object, 0 where there is none."""
        return tf.stop_gradient(_overlaps(self.boxes, self.truth)[0] * self.positive)


BoxLoss = Callable[[Answers], tf.Tensor]  # a scalar, the sum over images and anchors
ClassLoss = Callable[[Answers], tf.Tensor]


def decode(encodings: tf.Tensor, anchors: FloatArray, scales: Scales) -> tf.Tensor:
    """(B, A, 4) boxes, xyxy, as ``detector.box_coder.decode`` has them."""
    left, top, right, bottom = (tf.constant(corner, tf.float32) for corner in anchors.T)
    ty, tx, th, tw = tf.unstack(encodings, axis=-1)
    x = (left + right) / 2 + tx / scales[1] * (right - left)
    y = (top + bottom) / 2 + ty / scales[0] * (bottom - top)
    half_w = tf.exp(tf.clip_by_value(tw / scales[3], -_LARGEST_LOG, _LARGEST_LOG)) * (right - left) / 2
    half_h = tf.exp(tf.clip_by_value(th / scales[2], -_LARGEST_LOG, _LARGEST_LOG)) * (bottom - top) / 2
    return tf.stack([x - half_w, y - half_h, x + half_w, y + half_h], axis=-1)


def _overlaps(boxes: tf.Tensor, others: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """IoU and union of boxes (..., 4), pair by pair."""
    left, top, right, bottom = tf.unstack(boxes, axis=-1)
    other_left, other_top, other_right, other_bottom = tf.unstack(others, axis=-1)
    width = tf.maximum(tf.minimum(right, other_right) - tf.maximum(left, other_left), 0)
    height = tf.maximum(tf.minimum(bottom, other_bottom) - tf.maximum(top, other_top), 0)
    areas = (right - left) * (bottom - top) + (other_right - other_left) * (other_bottom - other_top)
    union = areas - width * height
    return width * height / (union + _TINY), union


def own_choice(answers: Answers) -> tf.Tensor:
    """(B, A) int32 classes, where each object keeps the anchors that answer best for it: as many as the ten
    greatest overlaps of their boxes with it add up to, one at least. The others are background.

    How well an anchor answers is its cross-entropy and three times the negative logarithm of the overlap.

    Args:
        answers: whose anchors with an object are the candidates.

    Source: Ge et al., YOLOX, 2021, section 2.1, "SimOTA".
    """
    cross = tf.nn.sigmoid_cross_entropy_with_logits(labels=answers.labels, logits=answers.logits)
    costs = tf.reduce_sum(cross[..., 1:], axis=-1) - 3 * tf.math.log(answers.quality + _TINY)

    def choose(image: tuple[tf.Tensor, ...]) -> tf.Tensor:
        classes, truth, quality, costs = image
        candidates = tf.where(classes > BACKGROUND)[:, 0]
        truth, quality, costs = (tf.gather(each, candidates) for each in (truth, quality, costs))
        # Anchors of the same object are known by its box, which each of them has in its own words.
        apart = tf.reduce_max(tf.abs(truth[:, None] - truth), axis=-1)
        same = tf.cast(apart < _SAME_BOX, tf.float32)

        def rank(values: tf.Tensor) -> tf.Tensor:  # among those of the same object, equal ones by their place
            order = tf.argsort(tf.argsort(values, stable=True))
            return tf.reduce_sum(same * tf.cast(order < order[:, None], tf.float32), axis=1)

        best = tf.cast(rank(-quality) < 10, tf.float32)
        wanted = tf.maximum(tf.floor(tf.reduce_sum(same * quality * best, axis=1)), 1.0)
        left_out = tf.boolean_mask(candidates, rank(costs) >= wanted)
        return tf.tensor_scatter_nd_update(
            classes, left_out[:, None], tf.fill(tf.shape(left_out), BACKGROUND)
        )

    images = (answers.classes, answers.truth, answers.quality, tf.stop_gradient(costs))
    return tf.map_fn(choose, images, fn_output_signature=tf.int32)


def overlap_loss(kind: str, weight: float) -> BoxLoss:
    """GIoU, DIoU or CIoU of the boxes on objects, times a weight.

    Source: Rezatofighi et al., Generalized Intersection over Union, 2019; Zheng et al., Distance-IoU Loss,
    2020.
    """

    def loss(answers: Answers) -> tf.Tensor:
        iou, union = _overlaps(answers.boxes, answers.truth)
        left, top, right, bottom = tf.unstack(answers.boxes, axis=-1)
        own_left, own_top, own_right, own_bottom = tf.unstack(answers.truth, axis=-1)
        hull_w = tf.maximum(right, own_right) - tf.minimum(left, own_left)
        hull_h = tf.maximum(bottom, own_bottom) - tf.minimum(top, own_top)
        if kind == "giou":
            losses = 1 - iou + (hull_w * hull_h - union) / (hull_w * hull_h + _TINY)
        else:
            far = (
                (left + right - own_left - own_right) ** 2 + (top + bottom - own_top - own_bottom) ** 2
            ) / 4
            losses = 1 - iou + far / (hull_w**2 + hull_h**2 + _TINY)
        if kind == "ciou":
            angle = tf.atan((own_right - own_left) / (own_bottom - own_top + _TINY))
            shape = 4 / math.pi**2 * (angle - tf.atan((right - left) / (bottom - top + _TINY))) ** 2
            losses += tf.stop_gradient(shape / (1 - iou + shape + _TINY)) * shape
        return weight * tf.reduce_sum(losses * answers.positive)

    return loss


def _by_quality(answers: Answers, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Weighted cross-entropy over all anchors that are not ignored; background's column answers nothing."""
    cross = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=answers.logits)
    counted = tf.cast(answers.classes >= BACKGROUND, tf.float32)[..., None]
    return tf.reduce_sum((cross * weights * counted)[..., 1:])


def focal(weight: float, alpha: float = 0.25, gamma: float = 2.0) -> ClassLoss:
    """Focal loss over all anchors. Source: Lin et al., Focal Loss for Dense Object Detection, 2017."""

    def loss(answers: Answers) -> tf.Tensor:
        labels, scores = answers.labels, tf.sigmoid(answers.logits)
        weights = labels * alpha * (1 - scores) ** gamma + (1 - labels) * (1 - alpha) * scores**gamma
        return weight * _by_quality(answers, labels, weights)

    return loss


def quality_focal(weight: float, beta: float = 2.0) -> ClassLoss:
    """Quality focal loss: the IoU is the target. Source: Li et al., Generalized Focal Loss, 2020."""

    def loss(answers: Answers) -> tf.Tensor:
        wanted = answers.labels * answers.quality[..., None]
        weights = tf.abs(wanted - tf.sigmoid(answers.logits)) ** beta
        return weight * _by_quality(answers, wanted, weights)

    return loss


def smoothed(share: float) -> ClassLoss:
    """The product's loss, whose targets are a half of the share away from 0 and 1.

    Source: Szegedy et al., Rethinking the Inception Architecture, 2016, section 7, for each column alone.
    """

    def loss(answers: Answers) -> tf.Tensor:
        labels = answers.labels * (1 - share) + share / 2
        cross = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=answers.logits)
        losses = tf.reduce_sum(cross, axis=-1)
        hard = _hardest(losses, answers.classes == BACKGROUND, _wanted(answers))
        return tf.reduce_sum(losses * (answers.positive + hard))

    return loss


def suppressed(iou_threshold: float) -> ClassLoss:
    """The product's loss, where no two hard negatives predict boxes that overlap by more.

    Source: TensorFlow Object Detection API, ``losses.HardExampleMiner``, whose threshold is .99.
    """

    def loss(answers: Answers) -> tf.Tensor:
        cross = tf.nn.sigmoid_cross_entropy_with_logits(labels=answers.labels, logits=answers.logits)
        losses = tf.reduce_sum(cross, axis=-1)
        ranked = tf.where(answers.classes == BACKGROUND, losses, -1.0)

        def choose(image: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
            boxes, scores, most = image
            chosen = tf.image.non_max_suppression(
                boxes, scores, tf.cast(most, tf.int32), iou_threshold, score_threshold=0.0
            )
            return tf.scatter_nd(chosen[:, None], tf.ones_like(chosen, tf.float32), tf.shape(scores))

        images = (tf.stop_gradient(answers.boxes), tf.stop_gradient(ranked), _wanted(answers))
        hard = tf.stop_gradient(tf.map_fn(choose, images, fn_output_signature=tf.float32))
        return tf.reduce_sum(losses * (answers.positive + hard))

    return loss


def _wanted(answers: Answers) -> tf.Tensor:
    """(B,) hard negatives of each image, by the product's defaults."""
    return tf.maximum(3 * tf.reduce_sum(answers.positive, axis=1), 3.0)
