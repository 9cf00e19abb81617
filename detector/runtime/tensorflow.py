"""TensorFlow as a backend."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import tensorflow as tf

from detector.architecture import LOGITS
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.images import Image
from detector.model.network import build_classifier_network, build_network, set_weights
from detector.spec import ModelSpec
from detector.weights import Weights


class TensorFlowBackend:
    """Runs the network as TensorFlow builds it.

    The number of threads holds for the whole process and cannot be changed once TensorFlow has run.
    """

    input = None

    def __init__(self, weights: Weights, spec: ModelSpec, threads: int) -> None:
        _use_threads(threads)
        network = build_network(spec)
        set_weights(network, spec, weights)
        self._network = network
        self._function = tf.function(
            lambda image: network(image, training=False),
            input_signature=[tf.TensorSpec((1, *spec.input_hw, 3), tf.float32)],
            autograph=False,
        )

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        outputs = self._function(tf.constant(network_input))
        return outputs["box_encodings"].numpy()[0], outputs["class_logits"].numpy()[0]

    def split(self, count: int) -> Sequence[TensorFlowBackend]:
        """This backend for every caller: TensorFlow takes several at once and shares its threads out."""
        return [self] * count


class TensorFlowClassifier:
    """Runs a classifier as TensorFlow builds it; its threads are as those of ``TensorFlowBackend``."""

    def __init__(self, weights: Weights, spec: ClassifierSpec, threads: int) -> None:
        _use_threads(threads)
        network = build_classifier_network(spec)
        set_weights(network, spec, weights)
        self._network = network

        def run(image: tf.Tensor) -> tf.Tensor:
            normalised = tf.cast(image, tf.float32) * spec.pixel_scale + spec.pixel_offset
            return tf.nn.softmax(network(normalised, training=False)[LOGITS])

        signature = [tf.TensorSpec((1, *spec.input_hw, 3), tf.uint8)]
        self._function = tf.function(run, input_signature=signature, autograph=False)

    def run(self, image: Image) -> FloatArray:
        probabilities: FloatArray = self._function(tf.constant(image)).numpy()[0]
        return probabilities

    def split(self, count: int) -> Sequence[TensorFlowClassifier]:
        """This backend for every caller: TensorFlow takes several at once and shares its threads out."""
        return [self] * count


def _use_threads(threads: int) -> None:
    with suppress(RuntimeError):  # TensorFlow has run already and keeps the threads that it has
        tf.config.threading.set_intra_op_parallelism_threads(threads)
