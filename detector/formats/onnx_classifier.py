"""Writes a classifier as an ONNX file, straight from the weights; needs the package ``onnx``.

Input ``image``: uint8 (1, H, W, 3), RGB. Output ``probabilities``: float32 (1, K), which add up to 1. The
spec and the names of the classes are in the file's metadata, as ``model_spec`` and ``labels``.
"""

from __future__ import annotations

from onnx import TensorProto

from detector.architecture import LOGITS, PROBABILITIES, build_classifier
from detector.classifier_spec import ClassifierSpec
from detector.formats.onnx_graph import Graph
from detector.formats.onnx_layers import add_image, add_layers
from detector.layers import IMAGE
from detector.weights import Weights, fold_batch_norm


def build_classifier_onnx(weights: Weights, spec: ClassifierSpec, *, half: bool = False) -> bytes:
    """The classifier as the bytes of an ONNX file, the spec and the labels within.

    Args:
        weights: of the spec's network.
        spec: what network it is.
        half: store the kernels as float16; the network still computes in float32.
    """
    graph = Graph(half)
    image = add_image(graph, spec, as_bytes=True)
    layers = build_classifier(spec)
    activations = add_layers(graph, layers, fold_batch_norm(weights, layers), image)
    shape = (1, len(spec.classes))
    rows = graph.add(
        "Reshape", [activations[LOGITS], graph.constant(f"{LOGITS}/shape", shape)], f"{LOGITS}/rows"
    )
    graph.add("Softmax", [rows], PROBABILITIES, axis=1)
    return graph.finish({IMAGE: (TensorProto.UINT8, (1, *spec.input_hw, 3))}, {PROBABILITIES: shape}, spec)
