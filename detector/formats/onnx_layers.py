"""The image and the layers of a network in an ONNX graph; needs the package ``onnx``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto

from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.formats.onnx_graph import Graph
from detector.layers import IMAGE, Layer, Layers
from detector.spec import ModelSpec


def add_image(graph: Graph, spec: ModelSpec | ClassifierSpec, *, as_bytes: bool) -> str:
    """The name of the normalised image, channels first: (1, 3, H, W)."""
    x = IMAGE
    if as_bytes:
        x = graph.add("Cast", [x], f"{IMAGE}/float", to=TensorProto.FLOAT)
        x = graph.add("Mul", [x, graph.constant(f"{IMAGE}/scale", spec.pixel_scale)], f"{IMAGE}/scaled")
        offset = graph.constant(f"{IMAGE}/offset", spec.pixel_offset)
        x = graph.add("Add", [x, offset], f"{IMAGE}/normalised")
    return graph.add("Transpose", [x], f"{IMAGE}/channels_first", perm=(0, 3, 1, 2))


def add_layers(
    graph: Graph, layers: Layers, folded: Mapping[str, tuple[FloatArray, FloatArray]], image: str
) -> dict[str, str]:
    """Add all layers; the names of their outputs, (1, C, h, w), come back by the layers' names.

    Args:
        graph: to add them to.
        layers: of the network.
        folded: kernels and biases by the layer's name.
        image: name of the normalised image, channels first.
    """
    activations = {IMAGE: image}
    for layer in layers.layers:
        if layer.kind == "mean":
            added = graph.add("GlobalAveragePool", [activations[layer.source]], layer.name)
        else:
            added = _add_convolution(graph, layer, *folded[layer.name], activations)
        activations[layer.name] = added
    return activations


def _add_convolution(
    graph: Graph, layer: Layer, kernel: FloatArray, bias: FloatArray, activations: dict[str, str]
) -> str:
    """Add a layer whose source is there; its output comes back."""
    (rows, top, bottom), (columns, left, right) = (
        _taps(size, out, layer.kernel, layer.stride)
        for size, out in zip(layer.in_hw, layer.out_hw, strict=True)
    )
    kernel = kernel[rows, columns]
    # Both kinds of kernel: (height, width, in, out) and (height, width, channels, 1).
    order = (3, 2, 0, 1) if layer.kind == "conv" else (2, 3, 0, 1)
    inputs = [
        activations[layer.source],
        graph.kernel(f"{layer.name}/kernel", np.ascontiguousarray(kernel.transpose(order))),
        graph.constant(f"{layer.name}/bias", bias),
    ]
    ends_here = not layer.relu6 and not layer.shortcut
    x = graph.add(
        "Conv",
        inputs,
        layer.name if ends_here else f"{layer.name}/conv",
        group=1 if layer.kind == "conv" else layer.in_channels,
        kernel_shape=kernel.shape[:2],
        strides=(layer.stride, layer.stride),
        pads=(top, left, bottom, right),
    )
    if layer.relu6:
        limits = [graph.constant("relu6/least", 0.0), graph.constant("relu6/greatest", 6.0)]
        x = graph.add("Clip", [x, *limits], f"{layer.name}/relu6" if layer.shortcut else layer.name)
    if layer.shortcut:
        x = graph.add("Add", [activations[layer.shortcut], x], layer.name)
    return x


def _taps(size: int, out: int, kernel: int, stride: int) -> tuple[slice, int, int]:
    """Along one axis the part of the kernel that ever meets a cell, and the padding before and after.

    TensorFlow's SAME puts an odd cell of padding after. The padding is spelt out, for OpenCV 5 takes auto_pad
    the wrong way round; and OpenCV 4 errs where a kernel is larger than its map, so what would only ever
    meet padding is cut off.
    """
    before = max((out - 1) * stride + kernel - size, 0) // 2
    first = max(0, before - (out - 1) * stride)
    end = min(kernel, size + before)
    before -= first
    return slice(first, end), before, max((out - 1) * stride + end - first - size - before, 0)
