"""TensorFlow as a backend."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import tensorflow as tf

from detector.boxes import FloatArray
from detector.model.network import build_network, set_weights
from detector.spec import ModelSpec
from detector.weights import Weights


class TensorFlowBackend:
    """Runs the network as TensorFlow builds it.

    The number of threads holds for the whole process and cannot be changed once TensorFlow has run.
    """

    input = None

    def __init__(self, weights: Weights, spec: ModelSpec, threads: int) -> None:
        with suppress(RuntimeError):  # TensorFlow has run already and keeps the threads that it has
            tf.config.threading.set_intra_op_parallelism_threads(threads)
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
