"""The detection task, as Model Garden's trainer wants it: network, inputs, and one step of training."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from official.core import base_task, config_definitions

from detector.model.network import (
    build_network,
    get_weights,
    set_weights,
    split_network,
    variables_by_key,
)
from detector.spec import ModelSpec
from detector.system.machine import available_threads
from detector.training.losses import sum_kept, sum_losses
from detector.training.micro_batches import add_in_parts, micro_batch_size
from detector.training.plan import Plan
from detector.training.samples import Source
from detector.training.targets import BACKGROUND
from detector.training.teacher import Teacher
from detector.weights import Weights

_MOST_PARALLEL_SAMPLES = 16
# Of a box there are 4 numbers, of the classes a column each; and what COCO loses first is how well boxes fit.
_BOXES = 10.0


class DetectionTask(base_task.Task):  # type: ignore[misc]
    """Trains the network on samples.

    Args:
        plan: what to train and how.
        spec: the network.
        weights: what it starts from; keys that are missing keep their fresh values.
        samples: where samples come from: pictures, or features of the layers that are frozen.
        first_step: number of the step that the inputs begin at.
        on_bad_loss: called with the dataset's image indices when a loss is not finite.
        teacher: of the classes that are kept; None where none are.
    """

    def __init__(
        self,
        plan: Plan,
        spec: ModelSpec,
        weights: Weights,
        samples: Source,
        *,
        first_step: int,
        on_bad_loss: Callable[[list[int]], None],
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__(config_definitions.TaskConfig(), name="detection")
        self._config = plan.config
        self._plan = plan
        self._spec = spec
        self._weights = weights
        self._samples = samples
        self._first_step = first_step
        self._on_bad_loss = on_bad_loss
        self._regularised: list[tf.Variable] = []
        self._teacher = teacher
        self._kept = [] if teacher is None else teacher.columns_in(spec)
        # Of kept columns the teacher tells what they should be, and of background only a label would.
        self._taught = None if teacher is None else _without(len(spec.classes) + 1, [0, *self._kept])

    def build_model(self) -> tf_keras.Model:
        """The network with its initial weights."""
        tf_keras.utils.set_random_seed(self._config.training.seed)
        network = build_network(
            self._spec,
            frozen_until=self._plan.frozen_until,
            live_batch_norm=self._plan.live_batch_norm,
            batch_norm_momentum=self._config.training.batch_norm_momentum,
        )
        set_weights(network, self._spec, self._weights)
        trained = {variable.ref() for variable in network.trainable_variables}
        self._regularised = [
            variable
            for key, variable in variables_by_key(network, self._spec).items()
            if key.endswith("/kernel") and "depthwise" not in key and variable.ref() in trained
        ]
        self._trained_part = network
        if self._samples.first is not None:
            self._trained_part = split_network(network, self._spec, self._samples.first)
        if self._teacher is not None:
            self._teaching_part = self._build_teacher(self._teacher)
        return network

    def _build_teacher(self, teacher: Teacher) -> tf_keras.Model:
        """The teacher, which reads what the trained part of the network reads: frozen layers are its own."""
        network = build_network(teacher.spec, frozen_until=self._plan.frozen_until, live_batch_norm=False)
        set_weights(network, teacher.spec, teacher.weights)
        network.trainable = False
        first = self._samples.first
        return network if first is None else split_network(network, teacher.spec, first)

    def freeze(self, network: tf_keras.Model) -> None:
        """Let samples that are features take over the frozen layers, once the network has its weights."""
        self._samples.freeze(lambda: get_weights(network, self._spec))

    def build_inputs(
        self, params: object, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Endless batches of (inputs, box targets, class targets, image index); the inputs are a tuple.

        Each worker makes its own part of every global batch, in the order in which one worker would make it.
        """
        context = input_context or tf.distribute.InputContext()
        batch = context.get_per_replica_batch_size(self._config.training.batch_size)
        local = batch * (context.num_replicas_in_sync // context.num_input_pipelines)
        offset = context.input_pipeline_id * local
        whole = self._config.training.batch_size
        first = self._first_step * local

        def number(k: tf.Tensor) -> tf.Tensor:
            return (k // local) * whole + offset + k % local

        dataset = tf.data.Dataset.counter(first).map(number)
        dataset = dataset.map(
            self._make_sample, num_parallel_calls=min(available_threads(), _MOST_PARALLEL_SAMPLES)
        )
        return dataset.batch(batch, drop_remainder=True).prefetch(2)

    def _make_sample(self, number: tf.Tensor) -> tuple[tf.Tensor | tuple[tf.Tensor, ...], ...]:
        # TensorFlow keeps every function that it was given until the process ends. With the samples, which
        # hold pictures and features, each training of a trial or a fold would leave its memory behind.
        source = weakref.ref(self._samples)

        def make(n: np.int64) -> tuple[NDArray[np.generic] | np.int64, ...]:
            samples = source()
            assert samples is not None, "the training that asks for samples is over"
            sample = samples(int(n))
            targets = sample.targets
            return *sample.inputs, targets.boxes, targets.classes, np.int64(sample.index)

        shapes, anchors = self._samples.input_shapes, self._samples.num_anchors
        kind = tf.as_dtype(self._samples.input_type)
        kinds = [*(kind for _ in shapes), tf.float32, tf.int32, tf.int64]
        values = tf.numpy_function(make, [number], kinds, stateful=False)
        known = [*shapes, (anchors, 4), (anchors,), ()]
        *inputs, boxes, classes, index = (
            tf.ensure_shape(value, shape) for value, shape in zip(values, known, strict=True)
        )
        return tuple(inputs), boxes, classes, index

    def _prepare(self, inputs: tuple[tf.Tensor, ...]) -> tf.Tensor | list[tf.Tensor]:
        """What the trained part of the network reads."""
        values = [tf.cast(value, tf.float32) for value in inputs]
        if self._samples.first is None:
            return values[0] * self._spec.pixel_scale + self._spec.pixel_offset
        return values if len(values) > 1 else values[0]

    def build_metrics(self, training: bool = True) -> list[tf_keras.metrics.Metric]:
        """Means over the steps of a loop."""
        return [tf_keras.metrics.Mean(f"{name}_loss") for name in ("classification", "localization")]

    def train_step(
        self,
        inputs: tuple[tf.Tensor, ...],
        model: tf_keras.Model,
        optimizer: tf_keras.optimizers.Optimizer,
        metrics: Sequence[tf_keras.metrics.Metric] | None = None,
    ) -> dict[str, tf.Tensor]:
        """One step on one replica's part of the batch.

        Losses are divided by the number of positives of the whole batch, over all replicas, so that the
        gradients, which are summed over replicas, are those of one replica with all images. A replica whose
        loss or gradient is not finite contributes nothing.
        """
        network_inputs, box_targets, class_targets, indices = inputs
        report = functools.partial(_report_to, weakref.ref(self))
        replicas = tf.distribute.get_replica_context()
        count = float(replicas.num_replicas_in_sync)
        positives = tf.reduce_sum(tf.cast(class_targets > BACKGROUND, tf.float32))
        positives = tf.maximum(replicas.all_reduce(tf.distribute.ReduceOp.SUM, positives), 1.0)
        with tf.GradientTape() as tape:
            penalty = self._penalty() / count
        of_penalty = tape.gradient(penalty, model.trainable_variables, unconnected_gradients="zero")
        losses, gradients = add_in_parts(
            lambda inputs, boxes, classes: self._losses(inputs, boxes, classes, positives),
            (network_inputs, box_targets, class_targets),
            self._micro_batch_size(int(class_targets.shape[0])),
            model.trainable_variables,
            of_penalty,
        )
        classification, localization, _ = tf.unstack(losses)
        total = tf.reduce_sum(losses) + penalty
        finite = tf.math.is_finite(total) & tf.math.is_finite(tf.linalg.global_norm(gradients))
        tf.cond(finite, lambda: np.int64(0), lambda: tf.numpy_function(report, [indices], tf.int64))
        gradients = [tf.where(finite, gradient, tf.zeros_like(gradient)) for gradient in gradients]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        weight = tf.cast(finite, tf.float32)
        for metric, value in zip(metrics or (), (classification, localization), strict=False):
            metric.update_state(_finite(value * count), sample_weight=weight)
        return {self.loss: _finite(total * count)}

    def _micro_batch_size(self, batch: int) -> int:
        """Number of images at a time. Statistics of a batch need all of it, and a GPU is the faster the more
        it has.
        """
        if self._plan.live_batch_norm or tf.config.list_logical_devices("GPU"):
            return batch
        return micro_batch_size(self._spec, self._plan.frozen_until, batch)

    def _losses(
        self, inputs: tuple[tf.Tensor, ...], boxes: tf.Tensor, classes: tf.Tensor, positives: tf.Tensor
    ) -> tf.Tensor:
        """(3,) classification, localization and forgetting of some images of a batch that has so many
        positives in all.
        """
        loss = self._config.loss
        prepared = self._prepare(inputs)
        outputs = self._trained_part(prepared, training=True)
        sums = sum_losses(
            outputs["box_encodings"],
            outputs["class_logits"],
            boxes,
            classes,
            negatives_per_positive=loss.negatives_per_positive,
            min_negatives=loss.min_negatives,
            columns=self._taught,
        )
        return tf.stack(
            [
                loss.classification_weight * sums.classification / positives,
                loss.localization_weight * sums.localization / positives,
                tf.constant(0.0)
                if self._teacher is None
                else self._forgetting(prepared, outputs, classes, positives),
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

    def _penalty(self) -> tf.Tensor:
        """L2 of the trained kernels, as TF-Slim has it: half the squared norm."""
        decay = self._config.optimizer.weight_decay
        return decay * tf.add_n([tf.nn.l2_loss(kernel) for kernel in self._regularised])

    def report(self, indices: NDArray[np.int64]) -> None:
        """Pass on which images a step showed whose loss is not finite."""
        self._on_bad_loss([int(index) for index in indices])


def _without(columns: int, left_out: Sequence[int]) -> list[float]:
    """1 for each column, 0 for those that are left out."""
    return [float(column not in left_out) for column in range(columns)]


def _report_to(task: weakref.ref[DetectionTask], indices: NDArray[np.int64]) -> np.int64:
    found = task()
    if found is not None:
        found.report(indices)
    return np.int64(0)


def _finite(value: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_finite(value), value, tf.zeros_like(value))
