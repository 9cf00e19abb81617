"""Writes a classifier as a TFLite file, straight from the weights and without TensorFlow.

Input ``image``: uint8 (1, H, W, 3), RGB. Output ``probabilities``: float32 (1, K), which add up to 1. TFLite
Metadata say what they are to programs that know nothing of this project; see ``tflite.task_metadata``.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from detector.architecture import LOGITS, PROBABILITIES, build_classifier
from detector.backbones import BACKBONES
from detector.classifier_spec import ClassifierSpec
from detector.formats.tflite.graph import OPERATORS, Graph
from detector.formats.tflite.layers import Constants, LayerWriter
from detector.formats.tflite.metadata import pack_spec
from detector.formats.tflite.quantization import Quantization
from detector.formats.tflite.task_metadata import NAME, build_classifier_metadata
from detector.layers import IMAGE
from detector.weights import Weights, fold_batch_norm


def build_classifier_tflite(
    weights: Weights,
    spec: ClassifierSpec,
    *,
    half: bool = False,
    quantization: Quantization | None = None,
) -> bytes:
    """The classifier as the bytes of a TFLite file, the spec and the labels within.

    Args:
        weights: of the spec's network.
        spec: what network it is.
        half: store the kernels as float16; the network still computes in float32.
        quantization: compute in int8, with these ranges; float32 if none is given.
    """
    graph = Graph()
    writer = LayerWriter(graph, Constants(graph, half=half), quantization)
    image = writer.add_image(spec, as_bytes=True)
    layers = build_classifier(spec)
    folded = fold_batch_norm(weights, layers)
    for layer in layers.layers:
        writer.add(layer, folded)
    count = len(spec.classes)
    shape = graph.constant(f"{LOGITS}/shape", np.array([1, count], np.int32))
    reshape = schema.ReshapeOptionsT()
    reshape.newShape = [1, count]
    rows = graph.tensor(f"{LOGITS}/rows", (1, count))
    graph.operator(OPERATORS.RESHAPE, reshape, [writer.output(LOGITS), shape], rows)
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    probabilities = graph.tensor(PROBABILITIES, (1, count))
    graph.operator(OPERATORS.SOFTMAX, softmax, [rows], probabilities)
    content = graph.finish(
        {IMAGE: image},
        {PROBABILITIES: probabilities},
        {NAME: build_classifier_metadata(spec, quantized=quantization is not None)},
        description=BACKBONES[spec.backbone].title,
    )
    return content + pack_spec(spec)
