"""Graphs as TensorFlow writes them, and networks under the names of TF-Slim, without TensorFlow."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

import numpy as np

from detector.architecture import Architecture, build_architecture
from detector.boxes import FloatArray
from detector.layers import Layer
from detector.spec import ModelSpec
from detector.weights import Weights

_BACKBONE = "FeatureExtractor/MobilenetV2"
_HEADS = {"box": "BoxEncodingPredictor", "class": "ClassPredictor"}
_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int32): 3}


def field(number: int, content: bytes) -> bytes:
    """A field of a message, of bytes or of another message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """A number of any length."""
    data = b""
    while value > 127:
        data, value = data + bytes([value & 127 | 128]), value >> 7
    return data + bytes([value])


def node(
    name: str, op: str, inputs: tuple[str, ...] = (), value: object = None, epsilon: float | None = None
) -> bytes:
    """A node of a GraphDef."""
    content = field(1, name.encode()) + field(2, op.encode())
    content += b"".join(field(3, each.encode()) for each in inputs)
    if value is not None:
        array = np.asarray(value)
        shape = b"".join(field(2, b"\x08" + varint(size)) for size in array.shape)
        tensor = b"\x08" + varint(_TYPES[array.dtype]) + field(2, shape) + field(4, array.tobytes())
        content += field(5, field(1, b"value") + field(2, field(8, tensor)))
    if epsilon is not None:
        content += field(5, field(1, b"epsilon") + field(2, b"\x25" + struct.pack("<f", epsilon)))
    return field(1, content)


def graph(tensors: Mapping[str, FloatArray], *others: bytes) -> bytes:
    """A GraphDef of constants and other nodes."""
    return b"".join(node(name, "Const", value=each) for name, each in tensors.items()) + b"".join(others)


def saved_model(graph_def: bytes) -> bytes:
    """A SavedModel with that graph."""
    return b"\x08\x01" + field(2, field(2, graph_def))


def resize_nodes(height: int, width: int) -> bytes:
    """What a graph resizes its images with."""
    size = node("Preprocessor/map/stack", "Const", value=np.array([height, width], np.int32))
    return size + node(
        "Preprocessor/map/ResizeBilinear", "ResizeBilinear", ("image", "Preprocessor/map/stack")
    )


def random_network(spec: ModelSpec) -> dict[str, FloatArray]:
    """Weights of that network, all different and none of them large."""
    random = np.random.default_rng(0)
    weights = {}
    for key, shape in build_architecture(spec).weight_shapes.items():
        if key.endswith(("gamma", "moving_variance")):
            weights[key] = random.uniform(0.5, 1.5, shape).astype(np.float32)
        else:
            weights[key] = (random.normal(size=shape) / np.sqrt(max(np.prod(shape[:-1]), 1))).astype(
                np.float32
            )
    return weights


def slim_tensors(weights: Weights, spec: ModelSpec) -> dict[str, FloatArray]:
    """The same under the names of TF-Slim, as a checkpoint has them."""
    architecture = build_architecture(spec)
    tensors = {}
    for layer in architecture.layers:
        scope = slim_name(layer, architecture)
        name = "weights" if layer.kind == "conv" else "depthwise_weights"
        tensors[f"{scope}/{name}"] = weights[f"{layer.name}/kernel"]
        if layer.batch_norm is None:
            tensors[f"{scope}/biases"] = weights[f"{layer.name}/bias"]
            continue
        for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
            tensors[f"{scope}/BatchNorm/{variable}"] = weights[f"{layer.batch_norm}/{variable}"]
    return tensors


def slim_name(layer: Layer, architecture: Architecture) -> str:
    """The scope of a layer's variables in TF-Slim and the TensorFlow Object Detection API."""
    if layer.name == "Conv1":
        return f"{_BACKBONE}/Conv"
    if layer.name == "Conv_1":
        return f"{_BACKBONE}/Conv_1"
    if match := re.fullmatch(r"expanded_conv_(\w+)", layer.name):
        return f"{_BACKBONE}/expanded_conv/{match[1]}"
    if match := re.fullmatch(r"block_(\d+)_(\w+)", layer.name):
        return f"{_BACKBONE}/expanded_conv_{match[1]}/{match[2]}"
    if match := re.fullmatch(r"(box|class)_head_(\d)(_depthwise)?", layer.name):
        return f"BoxPredictor_{match[2]}/{_HEADS[match[1]]}{match[3] or ''}"
    match = re.fullmatch(r"extra_(\d)_(reduce|depthwise|project)", layer.name)
    assert match, layer.name
    number, part = match.groups()
    if part == "reduce":
        return f"{_BACKBONE}/layer_19_1_Conv2d_{number}_1x1_{layer.out_channels}"
    depth = architecture[f"extra_{number}_project"].out_channels
    suffix = "_depthwise" if part == "depthwise" else ""
    return f"{_BACKBONE}/layer_19_2_Conv2d_{number}_3x3_s2_{depth}{suffix}"
