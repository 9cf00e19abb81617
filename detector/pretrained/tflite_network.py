"""The layers of a foreign TFLite file, told by how its operators follow one another.

What tensors are called depends on what converted them; the order of convolutions does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.layers import IMAGE, Layer
from detector.pretrained.foreign_layers import NAMES, ForeignLayer, folded_layer, name_architecture

_OPERATORS = schema.BuiltinOperator
_CONVOLUTIONS = {"conv": _OPERATORS.CONV_2D, "depthwise": _OPERATORS.DEPTHWISE_CONV_2D}
# What only passes on, or makes the input's bytes numbers.
_PASSIVE = {
    _OPERATORS.QUANTIZE, _OPERATORS.DEQUANTIZE, _OPERATORS.FAKE_QUANT, _OPERATORS.CAST, _OPERATORS.RELU6,
    _OPERATORS.MUL, _OPERATORS.SUB, _OPERATORS.RESHAPE, _OPERATORS.CONCATENATION, _OPERATORS.SQUEEZE,
}  # fmt: skip
_SCORES = (_OPERATORS.LOGISTIC, _OPERATORS.SOFTMAX)
_TYPES: dict[int, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype("<f4"),
    schema.TensorType.FLOAT16: np.dtype("<f2"),
    schema.TensorType.INT32: np.dtype("<i4"),
    schema.TensorType.UINT8: np.dtype("u1"),
    schema.TensorType.INT8: np.dtype("i1"),
}


@dataclass(frozen=True)
class TFLiteNetwork:
    """What is in the file.

    Attributes:
        layers: by this project's names.
        input_hw: height and width of the input in pixels.
        anchors: (A, 4) centre y, centre x, height, width, where post-processing is inside.
        anchor_error: by how much they may be off, being integers.
        options: of the post-processing: scales of the box coder and thresholds.
        quantized: whether weights are integers.
    """

    layers: dict[str, ForeignLayer]
    input_hw: tuple[int, int]
    anchors: FloatArray | None
    anchor_error: float
    options: dict[str, float]
    quantized: bool


def read_tflite(data: bytes, origin: str) -> TFLiteNetwork:
    """The network in a TFLite file.

    Raises:
        WeightsError: it is another architecture, which is named.
        ValueError: not such a file, or damaged.
    """
    if data[4:8] != b"TFL3":
        raise ValueError("it does not start as a TFLite file does")
    return _Reader(schema.ModelT.InitFromPackedBuf(data, 0), origin).read()


class _Reader:
    def __init__(self, model: schema.ModelT, origin: str) -> None:
        self._model, self._origin = model, origin
        self._graph = model.subgraphs[0]
        self._consumers: dict[int, list[schema.OperatorT]] = defaultdict(list)
        self._producer: dict[int, schema.OperatorT] = {}
        for operator in self._graph.operators:
            for tensor in operator.inputs:
                self._consumers[int(tensor)].append(operator)
            for tensor in operator.outputs:
                self._producer[int(tensor)] = operator
        self._quantized = False

    def read(self) -> TFLiteNetwork:
        source = int(self._graph.inputs[0])
        shape = [int(side) for side in self._graph.tensors[source].shape]
        if len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
            raise ValueError(f"its input has the shape {shape}")
        outputs = {IMAGE: source}
        layers = {}
        for layer in NAMES:
            operator = self._find(layer, outputs[layer.source])
            outputs[layer.name] = int(operator.outputs[0])
            layers[layer.name] = self._layer(layer, operator)
        anchors, error, options = self._postprocess()
        return TFLiteNetwork(layers, (shape[1], shape[2]), anchors, error, options, self._quantized)

    def _code(self, operator: schema.OperatorT) -> int:
        code = self._model.operatorCodes[operator.opcodeIndex]
        return max(code.builtinCode, code.deprecatedBuiltinCode)

    def _find(self, layer: Layer, source: int) -> schema.OperatorT:
        """The operator of a layer, among those that read what its source writes."""
        found = [
            operator
            for operator in self._convolutions(source)
            if self._code(operator) == _CONVOLUTIONS[layer.kind]
            and operator.builtinOptions.strideH == layer.stride
        ]
        if layer.name.endswith("_depthwise") and "head" in layer.name:
            scores = layer.name.startswith("class")
            found = [each for each in found if self._leads_to_scores(int(each.outputs[0])) == scores]
        options = found[0].builtinOptions if len(found) == 1 else None
        if options is None or options.padding != schema.Padding.SAME:
            names = [(tensor.name or b"").decode(errors="replace") for tensor in self._graph.tensors]
            raise WeightsError(
                f"{self._origin} is of another architecture: {name_architecture(names)}; expected SSDLite "
                f"MobileNetV2, with one layer {layer.name}."
            )
        return found[0]

    def _convolutions(self, tensor: int) -> list[schema.OperatorT]:
        """The convolutions that read a tensor; through a sum only where none reads it itself."""
        found = [each for each in self._after(tensor) if self._code(each) in _CONVOLUTIONS.values()]
        if found:
            return found
        sums = [each for each in self._after(tensor) if self._code(each) == _OPERATORS.ADD]
        return [found for each in sums for found in self._convolutions(int(each.outputs[0]))]

    def _after(self, tensor: int) -> Iterator[schema.OperatorT]:
        """The operators that read a tensor, those that only pass it on left out."""
        for operator in self._consumers[tensor]:
            if self._code(operator) in _PASSIVE:
                yield from self._after(int(operator.outputs[0]))
            else:
                yield operator

    def _leads_to_scores(self, tensor: int) -> bool:
        for operator in self._after(tensor):
            if self._code(operator) == _OPERATORS.SOFTMAX:
                raise WeightsError(
                    f"{self._origin} turns logits into scores by softmax; here it is sigmoid alone, which "
                    "is what SSDLite is trained with."
                )
            if self._code(operator) in _SCORES:
                return True
            if self._code(operator) in _CONVOLUTIONS.values():
                return self._leads_to_scores(int(operator.outputs[0]))
        return False

    def _layer(self, layer: Layer, operator: schema.OperatorT) -> ForeignLayer:
        relu6 = operator.builtinOptions.fusedActivationFunction == schema.ActivationFunctionType.RELU6
        passes_relu6 = any(
            self._code(each) == _OPERATORS.RELU6 for each in self._consumers[int(operator.outputs[0])]
        )
        # Of integers the range of the output does what the activation would.
        if bool(layer.relu6) != (relu6 or passes_relu6) and not self._quantized:
            raise WeightsError(
                f"{self._origin} is of another architecture: {layer.name} "
                f"{'has no' if layer.relu6 else 'has a'} ReLU6; expected SSDLite MobileNetV2."
            )
        kernel, _ = self._constant(int(operator.inputs[1]))
        bias, _ = self._constant(int(operator.inputs[2]))
        return folded_layer(kernel.transpose(1, 2, 3, 0), bias, normalised=layer.batch_norm is not None)

    def _constant(self, index: int) -> tuple[FloatArray, float]:
        """The numbers of a constant, and the step between them if they are integers."""
        tensor = self._graph.tensors[index]
        producer = self._producer.get(index)
        if producer is not None and self._code(producer) == _OPERATORS.DEQUANTIZE:
            return self._constant(int(producer.inputs[0]))
        dtype = _TYPES.get(tensor.type)
        data = self._model.buffers[tensor.buffer].data
        if dtype is None or data is None or producer is not None:
            raise ValueError(f"{tensor.name!r:.90} is no constant of a known type")
        values: NDArray[np.generic] = np.frombuffer(bytes(data), dtype).reshape(tensor.shape)
        if dtype.kind == "f":
            return np.asarray(values, np.float32), 0.0
        self._quantized = True
        scales = np.asarray(tensor.quantization.scale, np.float64)
        zeros = np.asarray(tensor.quantization.zeroPoint, np.float64)
        if scales.size > 1:
            along = [1] * values.ndim
            along[tensor.quantization.quantizedDimension] = scales.size
            scales = scales.reshape(along)
            zeros = zeros.reshape(along) if zeros.size == scales.size else zeros
        return ((values.astype(np.float64) - zeros) * scales).astype(np.float32), float(scales.max())

    def _postprocess(self) -> tuple[FloatArray | None, float, dict[str, float]]:
        for operator in self._graph.operators:
            if self._code(operator) == _OPERATORS.CUSTOM and len(operator.inputs) == 3:
                quantized = self._quantized
                anchors, error = self._constant(int(operator.inputs[2]))
                self._quantized = quantized
                options = flexbuffers.Loads(bytes(operator.customOptions))
                numbers = {
                    key: float(value) for key, value in options.items() if isinstance(value, int | float)
                }
                return anchors, error, numbers
        return None, 0.0, {}
