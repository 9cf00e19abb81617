"""What training any network takes, as Model Garden's trainer wants it: inputs, and one step."""

from __future__ import annotations

import functools
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from official.core import base_task, config_definitions

from detector.classifier_spec import ClassifierSpec
from detector.model.network import get_weights, set_weights, split_network, variables_by_key
from detector.spec import ModelSpec
from detector.system.machine import available_threads
from detector.training.micro_batches import add_in_parts, micro_batch_size
from detector.training.plan import Plan
from detector.training.samples import Source
from detector.weights import Weights

_MOST_PARALLEL_SAMPLES = 16


class NetworkTask(base_task.Task, ABC):  # type: ignore[misc]
    """Trains a network on samples.

    Args:
        plan: what to train and how.
        spec: the network.
        weights: what it starts from; keys that are missing keep their fresh values.
        samples: where samples come from: pictures, or features of the layers that are frozen.
        first_step: number of the step that the inputs begin at.
        on_bad_loss: called with the dataset's image indices when a loss is not finite.

    Attributes:
        losses: names of the losses that are told, the first ones of ``_losses``.
        num_losses: how many ``_losses`` returns.
    """

    losses: ClassVar[tuple[str, ...]]
    num_losses: ClassVar[int]

    def __init__(
        self,
        plan: Plan,
        spec: ModelSpec | ClassifierSpec,
        weights: Weights,
        samples: Source,
        *,
        first_step: int,
        on_bad_loss: Callable[[list[int]], None],
    ) -> None:
        super().__init__(config_definitions.TaskConfig(), name=type(self).__name__)
        self._config = plan.config
        self._plan = plan
        self._spec = spec
        self._weights = weights
        self._samples = samples
        self._first_step = first_step
        self._on_bad_loss = on_bad_loss
        self._regularised: list[tf.Variable] = []

    @abstractmethod
    def _build_network(self) -> tf_keras.Model:
        """The network with fresh weights, as the plan has it trained."""

    @abstractmethod
    def _count(self, targets: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """What the losses of one replica's part of the batch are to be divided by, before it is added up."""

    @abstractmethod
    def _losses(
        self, inputs: tuple[tf.Tensor, ...], targets: tuple[tf.Tensor, ...], count: tf.Tensor
    ) -> tf.Tensor:
        """(N,) losses of some images of a batch, of a given count over all replicas; they are added up."""

    def build_model(self) -> tf_keras.Model:
        """The network with its initial weights."""
        tf_keras.utils.set_random_seed(self._config.training.seed)
        network = self._build_network()
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
        return network

    def freeze(self, network: tf_keras.Model) -> None:
        """Let samples that are features take over the frozen layers, once the network has its weights."""
        self._samples.freeze(lambda: get_weights(network, self._spec))

    def build_inputs(
        self, params: object, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Endless batches of (inputs, targets, image index); inputs and targets are tuples.

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

        def make(n: np.int64) -> tuple[NDArray[np.generic] | np.generic, ...]:
            samples = source()
            assert samples is not None, "the training that asks for samples is over"
            sample = samples(int(n))
            return *sample.inputs, *sample.targets.arrays, np.int64(sample.index)

        shapes, kind = self._samples.input_shapes, tf.as_dtype(self._samples.input_type)
        inputs = [(kind, shape) for shape in shapes]
        targets = [(tf.as_dtype(type_), shape) for type_, shape in self._samples.target_types]
        known = [*inputs, *targets, (tf.int64, ())]
        values = tf.numpy_function(make, [number], [type_ for type_, _ in known], stateful=False)
        values = [tf.ensure_shape(value, shape) for value, (_, shape) in zip(values, known, strict=True)]
        return tuple(values[: len(inputs)]), tuple(values[len(inputs) : -1]), values[-1]

    def _prepare(self, inputs: tuple[tf.Tensor, ...]) -> tf.Tensor | list[tf.Tensor]:
        """What the trained part of the network reads."""
        values = [tf.cast(value, tf.float32) for value in inputs]
        if self._samples.first is None:
            return values[0] * self._spec.pixel_scale + self._spec.pixel_offset
        return values if len(values) > 1 else values[0]

    def build_metrics(self, training: bool = True) -> list[tf_keras.metrics.Metric]:
        """Means over the steps of a loop."""
        return [tf_keras.metrics.Mean(f"{name}_loss") for name in self.losses]

    def train_step(
        self,
        inputs: tuple[tf.Tensor, ...],
        model: tf_keras.Model,
        optimizer: tf_keras.optimizers.Optimizer,
        metrics: Sequence[tf_keras.metrics.Metric] | None = None,
    ) -> dict[str, tf.Tensor]:
        """One step on one replica's part of the batch.

        Losses are divided by a count of the whole batch, over all replicas, so that the gradients, which are
        summed over replicas, are those of one replica with all images. A replica whose loss or gradient is
        not finite contributes nothing.
        """
        network_inputs, targets, indices = inputs
        report = functools.partial(_report_to, weakref.ref(self))
        replicas = tf.distribute.get_replica_context()
        count = float(replicas.num_replicas_in_sync)
        divisor = replicas.all_reduce(tf.distribute.ReduceOp.SUM, self._count(targets))
        divisor = tf.maximum(divisor, 1.0)
        with tf.GradientTape() as tape:
            penalty = self._penalty() / count
        of_penalty = tape.gradient(penalty, model.trainable_variables, unconnected_gradients="zero")
        losses, gradients = add_in_parts(
            lambda inputs, targets: self._losses(inputs, targets, divisor),
            (network_inputs, targets),
            self._micro_batch_size(int(indices.shape[0])),
            model.trainable_variables,
            of_penalty,
            self.num_losses,
        )
        total = tf.reduce_sum(losses) + penalty
        finite = tf.math.is_finite(total) & tf.math.is_finite(tf.linalg.global_norm(gradients))
        tf.cond(finite, lambda: np.int64(0), lambda: tf.numpy_function(report, [indices], tf.int64))
        gradients = [tf.where(finite, gradient, tf.zeros_like(gradient)) for gradient in gradients]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        weight = tf.cast(finite, tf.float32)
        for metric, value in zip(metrics or (), tf.unstack(losses), strict=False):
            metric.update_state(_finite(value * count), sample_weight=weight)
        return {self.loss: _finite(total * count)}

    def _micro_batch_size(self, batch: int) -> int:
        """Number of images at a time. Statistics of a batch need all of it, and a GPU is the faster the more
        it has.
        """
        if self._plan.live_batch_norm or tf.config.list_logical_devices("GPU"):
            return batch
        return micro_batch_size(self._spec, self._plan.frozen_until, batch)

    def _penalty(self) -> tf.Tensor:
        """L2 of the trained kernels, as TF-Slim has it: half the squared norm."""
        decay = self._config.optimizer.weight_decay
        return decay * tf.add_n([tf.nn.l2_loss(kernel) for kernel in self._regularised])

    def report(self, indices: NDArray[np.int64]) -> None:
        """Pass on which images a step showed whose loss is not finite."""
        self._on_bad_loss([int(index) for index in indices])


def _report_to(task: weakref.ref[NetworkTask], indices: NDArray[np.int64]) -> np.int64:
    found = task()
    if found is not None:
        found.report(indices)
    return np.int64(0)


def _finite(value: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_finite(value), value, tf.zeros_like(value))
