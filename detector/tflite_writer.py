"""Writes the network as a TFLite file, straight from the weights and without TensorFlow.

The network needs five operators. Each layer becomes one convolution with its batch normalisation folded
in and its ReLU6 fused; the heads' outputs are reshaped and joined over the feature maps.

Input ``image``: float32 (1, H, W, 3), RGB, normalised as the spec says. Outputs, by name:
``box_encodings`` float32 (1, A, 4) and ``class_logits`` float32 (1, A, K + 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from detector.architecture import IMAGE, Architecture, Layer, build_architecture
from detector.boxes import FloatArray
from detector.spec import ModelSpec
from detector.tflite_metadata import pack_spec
from detector.weights import Weights, fold_batch_norm

_OPERATORS = schema.BuiltinOperator
_OPERATOR_VERSIONS = {
    _OPERATORS.CONV_2D: 1,
    _OPERATORS.DEPTHWISE_CONV_2D: 1,
    _OPERATORS.ADD: 1,
    _OPERATORS.RESHAPE: 1,
    _OPERATORS.CONCATENATION: 1,
}


def build_tflite(weights: Weights, spec: ModelSpec) -> bytes:
    """The network as the bytes of a TFLite file, the spec and the labels within.

    ``tflite_metadata`` says how the spec is packed.
    """
    architecture = build_architecture(spec)
    graph = _Graph()
    tensors = {IMAGE: graph.tensor(IMAGE, (1, *spec.input_hw, 3))}
    folded = fold_batch_norm(weights, architecture)
    for layer in architecture.layers:
        tensors[layer.name] = _add_layer(graph, layer, tensors, *folded[layer.name])
    outputs = {
        "box_encodings": _join(graph, "box_encodings", architecture, architecture.box_heads, tensors, 4),
        "class_logits": _join(
            graph, "class_logits", architecture, architecture.class_heads, tensors, len(spec.classes) + 1
        ),
    }
    return graph.finish({IMAGE: tensors[IMAGE]}, outputs) + pack_spec(spec)


def _add_layer(
    graph: _Graph, layer: Layer, tensors: dict[str, int], kernel: FloatArray, bias: FloatArray
) -> int:
    activation = schema.ActivationFunctionType
    shape = (1, *layer.out_hw, layer.out_channels)
    if layer.kind == "conv":
        options: Any = schema.Conv2DOptionsT()
    else:
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = 1
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = layer.stride
    options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = activation.RELU6 if layer.relu6 else activation.NONE
    inputs = [
        tensors[layer.source],
        graph.constant(f"{layer.name}/kernel", kernel.transpose(3, 0, 1, 2)),
        graph.constant(f"{layer.name}/bias", bias),
    ]
    operator = _OPERATORS.CONV_2D if layer.kind == "conv" else _OPERATORS.DEPTHWISE_CONV_2D
    output = graph.operator(operator, options, inputs, graph.tensor(layer.name, shape))
    if layer.shortcut:
        add = schema.AddOptionsT()
        output = graph.operator(
            _OPERATORS.ADD, add, [tensors[layer.shortcut], output], graph.tensor(f"{layer.name}_add", shape)
        )
    return output


def _join(
    graph: _Graph,
    name: str,
    architecture: Architecture,
    heads: Sequence[str],
    tensors: dict[str, int],
    columns: int,
) -> int:
    rows = []
    parts = []
    for head in heads:
        layer = architecture[head]
        count = layer.out_hw[0] * layer.out_hw[1] * layer.out_channels // columns
        shape = (1, count, columns)
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        inputs = [tensors[head], graph.constant(f"{head}/shape", np.array(shape, np.int32))]
        parts.append(graph.operator(_OPERATORS.RESHAPE, options, inputs, graph.tensor(f"{head}/rows", shape)))
        rows.append(count)
    options = schema.ConcatenationOptionsT()
    options.axis = 1
    return graph.operator(
        _OPERATORS.CONCATENATION, options, parts, graph.tensor(name, (1, sum(rows), columns))
    )


class _Buffer(schema.BufferT):  # type: ignore[misc]
    """A buffer whose bytes start at a multiple of 16, as the schema demands (``force_align: 16``)."""

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 - the schema's name
        if self.data is None:
            schema.BufferStart(builder)
            return int(schema.BufferEnd(builder))
        data = self.data.tobytes()
        builder.StartVector(1, len(data), 16)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


class _Graph:
    """The tensors, buffers and operators of a TFLite model in the making."""

    def __init__(self) -> None:
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [_Buffer()]  # buffer 0 is empty by convention
        self._operators: list[Any] = []
        self._codes: list[int] = []

    def tensor(self, name: str, shape: tuple[int, ...]) -> int:
        """Add a float32 tensor that an operator writes; its index comes back."""
        return self._add_tensor(name, shape, schema.TensorType.FLOAT32, 0)

    def constant(self, name: str, values: np.ndarray[Any, Any]) -> int:
        """Add a tensor with fixed values; its index comes back."""
        buffer = _Buffer()
        buffer.data = values
        self._buffers.append(buffer)
        kind = schema.TensorType.INT32 if values.dtype == np.int32 else schema.TensorType.FLOAT32
        return self._add_tensor(name, values.shape, kind, len(self._buffers) - 1)

    def operator(self, code: int, options: Any, inputs: list[int], output: int) -> int:
        """Add an operator; the index of its output comes back."""
        if code not in self._codes:
            self._codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes.index(code)
        operator.inputs = inputs
        operator.outputs = [output]
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = options
        self._operators.append(operator)
        return output

    def finish(self, inputs: dict[str, int], outputs: dict[str, int]) -> bytes:
        """The model as bytes, with one signature of the given names."""
        subgraph = schema.SubGraphT()
        subgraph.name = "main"
        subgraph.tensors = self._tensors
        subgraph.operators = self._operators
        subgraph.inputs = list(inputs.values())
        subgraph.outputs = list(outputs.values())
        signature = schema.SignatureDefT()
        signature.signatureKey = "serving_default"
        signature.inputs = [_tensor_map(name, index) for name, index in inputs.items()]
        signature.outputs = [_tensor_map(name, index) for name, index in outputs.items()]
        model = schema.ModelT()
        model.version = 3
        model.description = "SSDLite MobileNetV2"
        model.operatorCodes = [_operator_code(code) for code in self._codes]
        model.subgraphs = [subgraph]
        model.buffers = self._buffers
        model.signatureDefs = [signature]
        builder = flatbuffers.Builder(1 << 25)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _add_tensor(self, name: str, shape: tuple[int, ...], kind: int, buffer: int) -> int:
        tensor = schema.TensorT()
        tensor.name = name
        tensor.shape = list(shape)
        tensor.type = kind
        tensor.buffer = buffer
        tensor.hasRank = True
        self._tensors.append(tensor)
        return len(self._tensors) - 1


def _tensor_map(name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name = name
    entry.tensorIndex = index
    return entry


def _operator_code(code: int) -> Any:
    entry = schema.OperatorCodeT()
    entry.builtinCode = code
    entry.deprecatedBuiltinCode = code
    entry.version = _OPERATOR_VERSIONS[code]
    return entry
