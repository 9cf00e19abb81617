"""A TFLite graph in the making: tensors, constants and operators, and at the end the bytes of the file.

Source: the TFLite schema, ``schema.fbs``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

OPERATORS = schema.BuiltinOperator
FLOAT32 = schema.TensorType.FLOAT32
INT8 = schema.TensorType.INT8
UINT8 = schema.TensorType.UINT8
BOOL = schema.TensorType.BOOL

_TYPE_OF = {
    np.dtype(np.float32): FLOAT32,
    np.dtype(np.float16): schema.TensorType.FLOAT16,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int8): INT8,
}


@dataclass(frozen=True)
class Scale:
    """How integers stand for numbers: ``value = (integer - zero_point) * scale``.

    Attributes:
        scale: (1,), or one for each channel.
        zero_point: the integer for 0; with a scale for each channel it is 0.
        axis: of the channels.
    """

    scale: NDArray[np.float32]
    zero_point: int = 0
    axis: int = 0


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


class Graph:
    """Tensors are known by the index that comes back when they are added."""

    def __init__(self) -> None:
        self._tensors: list[schema.TensorT] = []
        self._buffers: list[_Buffer] = [_Buffer()]  # buffer 0 is empty by convention
        self._operators: list[schema.OperatorT] = []
        self._codes: list[tuple[int, int, str | None]] = []

    def tensor(self, name: str, shape: Sequence[int], kind: int = FLOAT32, scale: Scale | None = None) -> int:
        """Add a tensor that an operator writes, or that the caller of the model does."""
        return self._add_tensor(name, shape, kind, 0, scale)

    def constant(self, name: str, values: NDArray[np.generic], scale: Scale | None = None) -> int:
        """Add a tensor with fixed values."""
        buffer = _Buffer()
        buffer.data = values
        self._buffers.append(buffer)
        return self._add_tensor(name, values.shape, _TYPE_OF[values.dtype], len(self._buffers) - 1, scale)

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The shape of a tensor that was added."""
        return tuple(self._tensors[tensor].shape)

    def operator(
        self, code: int, options: object, inputs: Sequence[int], output: int, version: int = 1
    ) -> int:
        """Add a builtin operator; the index of its output comes back.

        Args:
            code: one of ``OPERATORS``.
            options: the schema's options object of that operator, or None.
            inputs: tensors that it reads.
            output: tensor that it writes.
            version: of the operator, for runtimes that are older than it.
        """
        operator = self._add_operator((code, version, None), inputs, [output])
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        return output

    def custom_operator(
        self, name: str, options: bytes, inputs: Sequence[int], outputs: Sequence[int]
    ) -> None:
        """Add a custom operator with its options as a FlexBuffer."""
        operator = self._add_operator((OPERATORS.CUSTOM, 1, name), inputs, outputs)
        operator.customOptions = np.frombuffer(options, np.uint8)

    def finish(
        self,
        inputs: Mapping[str, int],
        outputs: Mapping[str, int],
        metadata: Mapping[str, bytes] | None = None,
        *,
        description: str = "SSDLite",
        signature: bool = True,
    ) -> bytes:
        """The model as bytes, with metadata by its name.

        Args:
            inputs, outputs: tensors by name, in the model's order.
            description: of the network.
            signature: whether programs can ask for inputs and outputs by these names.
        """
        subgraph = schema.SubGraphT()
        subgraph.name = "main"
        subgraph.tensors = self._tensors
        subgraph.operators = self._operators
        subgraph.inputs = list(inputs.values())
        subgraph.outputs = list(outputs.values())
        model = schema.ModelT()
        model.version = 3
        model.description = description
        model.operatorCodes = [_operator_code(*code) for code in self._codes]
        model.subgraphs = [subgraph]
        model.metadata = [self._add_metadata(*item) for item in (metadata or {}).items()]
        model.buffers = self._buffers
        model.signatureDefs = [_signature(inputs, outputs)] if signature else []
        builder = flatbuffers.Builder(1 << 25)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _add_metadata(self, name: str, content: bytes) -> schema.MetadataT:
        buffer = _Buffer()
        buffer.data = np.frombuffer(content, np.uint8)
        self._buffers.append(buffer)
        entry = schema.MetadataT()
        entry.name = name
        entry.buffer = len(self._buffers) - 1
        return entry

    def _add_operator(
        self, code: tuple[int, int, str | None], inputs: Sequence[int], outputs: Sequence[int]
    ) -> schema.OperatorT:
        if code not in self._codes:
            self._codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes.index(code)
        operator.inputs = list(inputs)
        operator.outputs = list(outputs)
        self._operators.append(operator)
        return operator

    def _add_tensor(
        self, name: str, shape: Sequence[int], kind: int, buffer: int, scale: Scale | None
    ) -> int:
        tensor = schema.TensorT()
        tensor.name = name
        tensor.shape = list(shape)
        tensor.type = kind
        tensor.buffer = buffer
        tensor.hasRank = True
        if scale is not None:
            parameters = schema.QuantizationParametersT()
            parameters.scale = scale.scale.astype(np.float32)
            parameters.zeroPoint = np.full(len(scale.scale), scale.zero_point, np.int64)
            parameters.quantizedDimension = scale.axis
            tensor.quantization = parameters
        self._tensors.append(tensor)
        return len(self._tensors) - 1


def _signature(inputs: Mapping[str, int], outputs: Mapping[str, int]) -> schema.SignatureDefT:
    entry = schema.SignatureDefT()
    entry.signatureKey = "serving_default"
    entry.inputs = [_tensor_map(name, index) for name, index in inputs.items()]
    entry.outputs = [_tensor_map(name, index) for name, index in outputs.items()]
    return entry


def _tensor_map(name: str, index: int) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name = name
    entry.tensorIndex = index
    return entry


def _operator_code(code: int, version: int, custom: str | None) -> schema.OperatorCodeT:
    entry = schema.OperatorCodeT()
    entry.builtinCode = code
    entry.deprecatedBuiltinCode = min(code, OPERATORS.PLACEHOLDER_FOR_GREATER_OP_CODES)
    entry.version = version
    entry.customCode = custom
    return entry
