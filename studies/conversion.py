"""TensorFlow's own conversion to TFLite: what the files of ``tflite.writer`` are held to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from detector.boxes import FloatArray
from detector.formats.tflite.metadata import pack_spec
from detector.layers import IMAGE
from detector.model.network import build_network, set_weights
from detector.spec import ModelSpec
from detector.weights import Weights


def convert_to_tflite(
    weights: Weights, spec: ModelSpec, representative: Sequence[FloatArray] | None = None
) -> bytes:
    """The network as a TFLite file, with inputs and outputs as ``build_tflite`` has them; takes half a
    minute.

    Args:
        weights: of the spec's network.
        spec: what network it is.
        representative: network inputs (1, H, W, 3) to quantize to int8 with; float32 if there are none.
    """
    network = build_network(spec)
    set_weights(network, spec, weights)
    function = tf.function(
        lambda image: network(image, training=False),
        input_signature=[tf.TensorSpec((1, *spec.input_hw, 3), tf.float32, name=IMAGE)],
        autograph=False,
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], network)
    if representative is not None:

        def inputs() -> Iterator[dict[str, Any]]:
            for network_input in representative:
                yield {IMAGE: network_input}

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = inputs
    return bytes(converter.convert()) + pack_spec(spec)
