"""Writes the network as a TFLite file, straight from the weights and without TensorFlow.

Each layer becomes one convolution with its batch normalisation folded in and its ReLU6 fused; the heads'
outputs are reshaped and joined over the feature maps. That is five operators, and a few more where numbers
change their type. Two shapes of file:

- Raw outputs. Input ``image``: float32 (1, H, W, 3), RGB, normalised as the spec says. Outputs
  ``box_encodings`` float32 (1, A, 4) and ``class_logits`` float32 (1, A, K + 1).
- With post-processing. Input ``image``: uint8 (1, H, W, 3), RGB. Outputs: see ``tflite.postprocess``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from detector.architecture import IMAGE, Architecture, Layer, build_architecture
from detector.boxes import FloatArray
from detector.formats.tflite.graph import FLOAT32, INT8, OPERATORS, UINT8, Graph, Scale
from detector.formats.tflite.metadata import pack_spec
from detector.formats.tflite.postprocess import add_postprocess
from detector.formats.tflite.quantization import Quantization, quantize_kernel, range_to_scale
from detector.formats.tflite.task_metadata import NAME, build_task_metadata
from detector.spec import ModelSpec
from detector.weights import Weights, fold_batch_norm

_SILENT_LOGIT = -20.0


def build_tflite(
    weights: Weights,
    spec: ModelSpec,
    *,
    half: bool = False,
    quantization: Quantization | None = None,
    postprocess: bool = False,
) -> bytes:
    """The network as the bytes of a TFLite file, the spec and the labels within.

    ``tflite.metadata`` says how the spec is packed.

    Args:
        weights: of the spec's network.
        spec: what network it is.
        half: store the kernels as float16; the network still computes in float32.
        quantization: compute in int8, with these ranges; float32 if none is given.
        postprocess: take bytes and give detections, instead of raw inputs and outputs.
    """
    architecture = build_architecture(spec)
    graph = Graph()
    network = _Network(graph, half, quantization)
    image = network.add_image(spec, as_bytes=postprocess)
    folded = fold_batch_norm(weights, architecture)
    if postprocess:
        _silence_background(folded, architecture, len(spec.classes) + 1)
    for layer in architecture.layers:
        network.add_layer(layer, *folded[layer.name])
    outputs = {
        "box_encodings": network.join("box_encodings", architecture, architecture.box_heads, 4),
        "class_logits": network.join(
            "class_logits", architecture, architecture.class_heads, len(spec.classes) + 1
        ),
    }
    metadata = {}
    for_edge_tpu = False
    if postprocess:
        metadata[NAME] = build_task_metadata(spec, quantized=quantization is not None)
        for_edge_tpu = quantization is not None and quantization.integer_heads
        outputs = add_postprocess(graph, spec, **outputs, integer=for_edge_tpu)
    # pycoral reads outputs by their order where there is no signature, and else by names of its own.
    # Source: pycoral 2.0, ``pycoral/adapters/detect.py``, get_objects.
    content = graph.finish({IMAGE: image}, outputs, metadata, signature=not for_edge_tpu)
    return content + pack_spec(spec)


def _silence_background(
    folded: dict[str, tuple[FloatArray, FloatArray]], architecture: Architecture, columns: int
) -> None:
    """Give the background a score of nothing everywhere, for what would take it for a class."""
    for head in architecture.class_heads:
        kernel, bias = (values.copy() for values in folded[head])
        kernel[..., ::columns] = 0
        bias[::columns] = _SILENT_LOGIT
        folded[head] = kernel, bias


class _Network:
    """Adds the layers to a graph. Each activation is there as float32, as int8 or, where both are read, as
    both.
    """

    def __init__(self, graph: Graph, half: bool, quantization: Quantization | None) -> None:
        self._graph = graph
        self._half = half
        self._quantization = quantization
        self._tensors: dict[tuple[str, int], int] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def add_image(self, spec: ModelSpec, *, as_bytes: bool) -> int:
        """Add the model's input and the first activation; the input's tensor comes back."""
        graph = self._graph
        shape = self._shapes[IMAGE] = (1, *spec.input_hw, 3)
        if not as_bytes:
            return self._tensor(IMAGE, FLOAT32)
        if self._quantization:
            zero_point = round(-spec.pixel_offset / spec.pixel_scale)
            image = graph.tensor(IMAGE, shape, UINT8, Scale(np.array([spec.pixel_scale]), zero_point))
            graph.operator(OPERATORS.QUANTIZE, None, [image], self._tensor(IMAGE, INT8), version=2)
            return image
        image = graph.tensor(IMAGE, shape, UINT8)
        cast = schema.CastOptionsT()
        cast.inDataType, cast.outDataType = UINT8, FLOAT32
        x = graph.operator(OPERATORS.CAST, cast, [image], graph.tensor(f"{IMAGE}/float", shape))
        scaled = graph.tensor(f"{IMAGE}/scaled", shape)
        factor = graph.constant(f"{IMAGE}/scale", np.array([spec.pixel_scale], np.float32))
        x = graph.operator(OPERATORS.MUL, schema.MulOptionsT(), [x, factor], scaled)
        offset = graph.constant(f"{IMAGE}/offset", np.array([spec.pixel_offset], np.float32))
        graph.operator(OPERATORS.ADD, schema.AddOptionsT(), [x, offset], self._tensor(IMAGE, FLOAT32))
        return image

    def add_layer(self, layer: Layer, kernel: FloatArray, bias: FloatArray) -> None:
        """Add a layer whose source is there."""
        convolution = f"{layer.name}_conv" if layer.shortcut else layer.name
        self._shapes[convolution] = self._shapes[layer.name] = (1, *layer.out_hw, layer.out_channels)
        stored = kernel.transpose(3, 0, 1, 2)
        quantization = self._quantization
        if quantization is None or layer.name in quantization.float_layers:
            kind = FLOAT32
            constants = [self._float_kernel(layer, stored), self._graph.constant(f"{layer.name}/bias", bias)]
        else:
            kind = INT8
            constants = self._int8_constants(quantization, layer, stored, bias)
        inputs = [self._read(layer.source, kind), *constants]
        output = self._tensor(convolution, kind)
        code, options = _convolution(layer)
        self._graph.operator(code, options, inputs, output, version=3 if kind == INT8 else 1)
        if layer.shortcut:
            operands = [self._read(layer.shortcut, kind), output]
            output = self._tensor(layer.name, kind)
            version = 2 if kind == INT8 else 1
            self._graph.operator(OPERATORS.ADD, schema.AddOptionsT(), operands, output, version)

    def join(self, name: str, architecture: Architecture, heads: Sequence[str], columns: int) -> int:
        """Add the rows of all feature maps as one tensor (1, A, ``columns``).

        It is float32; where all is to stay integer, int8. Float rows come from a scale of each head's own.
        """
        kind = INT8 if self._quantization and self._quantization.integer_heads else FLOAT32
        scale = self._scale(heads[0], kind)  # integer heads have the same scale
        rows = []
        total = 0
        for head in heads:
            layer = architecture[head]
            count = layer.out_hw[0] * layer.out_hw[1] * layer.out_channels // columns
            shape = (1, count, columns)
            options = schema.ReshapeOptionsT()
            options.newShape = list(shape)
            inputs = [
                self._read(head, kind),
                self._graph.constant(f"{head}/shape", np.array(shape, np.int32)),
            ]
            output = self._graph.tensor(f"{head}/rows", shape, kind, scale)
            rows.append(self._graph.operator(OPERATORS.RESHAPE, options, inputs, output))
            total += count
        options = schema.ConcatenationOptionsT()
        options.axis = 1
        output = self._graph.tensor(name, (1, total, columns), kind, scale)
        return self._graph.operator(
            OPERATORS.CONCATENATION, options, rows, output, version=2 if kind == INT8 else 1
        )

    def _float_kernel(self, layer: Layer, stored: FloatArray) -> int:
        name = f"{layer.name}/kernel"
        if not self._half:
            return self._graph.constant(name, stored)
        half = self._graph.constant(f"{name}/half", stored.astype(np.float16))
        return self._graph.operator(
            OPERATORS.DEQUANTIZE, None, [half], self._graph.tensor(name, stored.shape), version=3
        )

    def _int8_constants(
        self, quantization: Quantization, layer: Layer, stored: FloatArray, bias: FloatArray
    ) -> list[int]:
        axis = 0 if layer.kind == "conv" else 3
        kernel, scales = quantize_kernel(stored, axis)
        bias = bias + quantization.bias_corrections.get(layer.name, np.float32(0))
        bias_scales = scales * range_to_scale(*quantization.ranges[layer.source]).scale
        integers = np.clip(np.round(bias / bias_scales), -(2**30), 2**30).astype(np.int32)
        return [
            self._graph.constant(f"{layer.name}/kernel", kernel, Scale(scales, 0, axis)),
            self._graph.constant(f"{layer.name}/bias", integers, Scale(bias_scales)),
        ]

    def _read(self, name: str, kind: int) -> int:
        """The activation in that type; converted from the other one where it is there in that one only."""
        if (name, kind) in self._tensors:
            return self._tensors[name, kind]
        if kind == INT8:
            source = self._tensors[name, FLOAT32]
            return self._graph.operator(OPERATORS.QUANTIZE, None, [source], self._tensor(name, kind))
        source = self._tensors[name, INT8]
        return self._graph.operator(OPERATORS.DEQUANTIZE, None, [source], self._tensor(name, kind), version=2)

    def _tensor(self, name: str, kind: int) -> int:
        """Add the activation in that type."""
        other = (name, FLOAT32 if kind == INT8 else INT8) in self._tensors
        index = self._graph.tensor(
            f"{name}/converted" if other else name, self._shapes[name], kind, self._scale(name, kind)
        )
        self._tensors[name, kind] = index
        return index

    def _scale(self, name: str, kind: int) -> Scale | None:
        if kind != INT8 or self._quantization is None:
            return None
        return range_to_scale(*self._quantization.ranges[name])


def _convolution(layer: Layer) -> tuple[int, object]:
    """Operator and options of a layer."""
    if layer.kind == "conv":
        code, options = OPERATORS.CONV_2D, schema.Conv2DOptionsT()
    else:
        code, options = OPERATORS.DEPTHWISE_CONV_2D, schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = 1
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = layer.stride
    options.dilationHFactor = options.dilationWFactor = 1
    activation = schema.ActivationFunctionType
    options.fusedActivationFunction = activation.RELU6 if layer.relu6 else activation.NONE
    return code, options
