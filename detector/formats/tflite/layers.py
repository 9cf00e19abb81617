"""The layers of a network in a TFLite graph, as float32 or int8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from detector.architecture import Architecture
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.formats.tflite.graph import FLOAT32, INT8, OPERATORS, UINT8, Graph, Scale
from detector.formats.tflite.quantization import (
    GREATEST_BIAS,
    Quantization,
    quantize_kernel,
    range_to_scale,
)
from detector.layers import IMAGE, Layer
from detector.spec import ModelSpec


class Constants:
    """The constants of a graph, which the looks of one network share.

    Args:
        graph: that they are added to.
        half: store float kernels as float16.
    """

    def __init__(self, graph: Graph, *, half: bool) -> None:
        self._graph = graph
        self._half = half
        self._known: dict[str, tuple[NDArray[np.generic], Scale | None, int]] = {}
        self._kernels: dict[int, int] = {}

    def add(
        self, name: str, values: NDArray[np.generic], scale: Scale | None = None, *, scope: str = ""
    ) -> int:
        """The constant of that name; where there is one with other values, one of the scope alone."""
        known = self._known.get(name)
        if known is None:
            index = self._graph.constant(name, values, scale)
            self._known[name] = values, scale, index
            return index
        if np.array_equal(known[0], values) and _same(known[1], scale):
            return known[2]
        return self._graph.constant(f"{scope}{name}", values, scale)

    def add_kernel(self, name: str, values: FloatArray, *, scope: str) -> int:
        """The kernel as float32."""
        if not self._half:
            return self.add(name, values, scope=scope)
        half = self.add(f"{name}/half", values.astype(np.float16), scope=scope)
        if half not in self._kernels:
            whole = self._graph.tensor(f"{scope}{name}", values.shape)
            self._kernels[half] = self._graph.operator(OPERATORS.DEQUANTIZE, None, [half], whole, version=3)
        return self._kernels[half]


class LayerWriter:
    """Adds the layers of a network to a graph. Each activation is there as float32, as int8 or, where both
    are read, as both.

    Args:
        graph: to add them to.
        constants: of that graph.
        quantization: compute in int8, with these ranges; float32 if none is given.
        scope: what the names of its tensors start with, where the graph has several networks.
    """

    def __init__(
        self, graph: Graph, constants: Constants, quantization: Quantization | None, scope: str = ""
    ) -> None:
        self._graph = graph
        self._constants = constants
        self._quantization = quantization
        self._scope = scope
        self._tensors: dict[tuple[str, int], int] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def add_image(self, spec: ModelSpec | ClassifierSpec, *, as_bytes: bool) -> int:
        """Add the model's input and the first activation; the input's tensor comes back."""
        graph = self._graph
        shape = self._shapes[IMAGE] = (1, *spec.input_hw, 3)
        if not as_bytes:
            return self._tensor(IMAGE, FLOAT32)
        kind = INT8 if self._quantization else FLOAT32
        # A name of its own: OpenVINO knows tensors by their names.
        network_input = self._tensor(IMAGE, kind, f"{self._scope}{IMAGE}/normalised")
        if self._quantization:
            zero_point = round(-spec.pixel_offset / spec.pixel_scale)
            image = graph.tensor(IMAGE, shape, UINT8, Scale(np.array([spec.pixel_scale]), zero_point))
            graph.operator(OPERATORS.QUANTIZE, None, [image], network_input, version=2)
            return image
        image = graph.tensor(IMAGE, shape, UINT8)
        cast = schema.CastOptionsT()
        cast.inDataType, cast.outDataType = UINT8, FLOAT32
        x = graph.operator(OPERATORS.CAST, cast, [image], graph.tensor(f"{IMAGE}/float", shape))
        scaled = graph.tensor(f"{IMAGE}/scaled", shape)
        factor = graph.constant(f"{IMAGE}/scale", np.array([spec.pixel_scale], np.float32))
        x = graph.operator(OPERATORS.MUL, schema.MulOptionsT(), [x, factor], scaled)
        offset = graph.constant(f"{IMAGE}/offset", np.array([spec.pixel_offset], np.float32))
        graph.operator(OPERATORS.ADD, schema.AddOptionsT(), [x, offset], network_input)
        return image

    def take_image(self, larger: LayerWriter, spec: ModelSpec) -> None:
        """Add the first activation, made smaller from that of a larger look: bilinear, with half-pixel
        centres.
        """
        self._shapes[IMAGE] = (1, *spec.input_hw, 3)
        kind = FLOAT32 if (IMAGE, FLOAT32) in larger._tensors else INT8
        options = schema.ResizeBilinearOptionsT()
        options.halfPixelCenters = True
        size = self._constant(f"{IMAGE}/size", np.array(spec.input_hw, np.int32))
        inputs = [larger._tensors[IMAGE, kind], size]
        self._graph.operator(OPERATORS.RESIZE_BILINEAR, options, inputs, self._tensor(IMAGE, kind), version=3)

    def add(self, layer: Layer, folded: Mapping[str, tuple[FloatArray, FloatArray]]) -> None:
        """Add a layer whose source is there; ``folded`` has kernels and biases by the layer's name."""
        if layer.kind == "mean":
            self._add_mean(layer)
        else:
            self._add_convolution(layer, *folded[layer.name])

    def _add_mean(self, layer: Layer) -> None:
        self._shapes[layer.name] = (1, 1, 1, layer.out_channels)
        kind = INT8 if self._quantization else FLOAT32
        options = schema.ReducerOptionsT()
        options.keepDims = True
        axes = self._constant(f"{layer.name}/axes", np.array([1, 2], np.int32))
        inputs = [self._read(layer.source, kind), axes]
        version = 2 if kind == INT8 else 1
        self._graph.operator(OPERATORS.MEAN, options, inputs, self._tensor(layer.name, kind), version)

    def _add_convolution(self, layer: Layer, kernel: FloatArray, bias: FloatArray) -> None:
        convolution = f"{layer.name}_conv" if layer.shortcut else layer.name
        self._shapes[convolution] = self._shapes[layer.name] = (1, *layer.out_hw, layer.out_channels)
        stored = kernel.transpose(3, 0, 1, 2)
        quantization = self._quantization
        if quantization is None or layer.name in quantization.float_layers:
            kind = FLOAT32
            constants = [
                self._constants.add_kernel(f"{layer.name}/kernel", stored, scope=self._scope),
                self._constant(f"{layer.name}/bias", bias),
            ]
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

    def output(self, name: str) -> int:
        """The tensor of a layer that was added, as float32."""
        return self._read(name, FLOAT32)

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
                self._constant(f"{head}/shape", np.array(shape, np.int32)),
            ]
            output = self._graph.tensor(f"{self._scope}{head}/rows", shape, kind, scale)
            rows.append(self._graph.operator(OPERATORS.RESHAPE, options, inputs, output))
            total += count
        options = schema.ConcatenationOptionsT()
        options.axis = 1
        output = self._graph.tensor(name, (1, total, columns), kind, scale)
        return self._graph.operator(
            OPERATORS.CONCATENATION, options, rows, output, version=2 if kind == INT8 else 1
        )

    def _int8_constants(
        self, quantization: Quantization, layer: Layer, stored: FloatArray, bias: FloatArray
    ) -> list[int]:
        axis = 0 if layer.kind == "conv" else 3
        bias = bias + quantization.bias_corrections.get(layer.name, np.float32(0))
        source_scale = range_to_scale(*quantization.ranges[layer.source]).scale
        # A channel that hardly reads its source has steps so fine that its bias would be no integer any more.
        least = np.asarray(np.abs(bias) / (GREATEST_BIAS * source_scale), np.float32)
        kernel, scales = quantize_kernel(stored, axis, least)
        bias_scales = scales * source_scale
        integers = np.round(bias / bias_scales).astype(np.int32)
        return [
            self._constant(f"{layer.name}/kernel", kernel, Scale(scales, 0, axis)),
            self._constant(f"{layer.name}/bias", integers, Scale(bias_scales)),
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

    def _tensor(self, name: str, kind: int, label: str | None = None) -> int:
        """Add the activation in that type, under its own name if no label is given."""
        if label is None:
            other = (name, FLOAT32 if kind == INT8 else INT8) in self._tensors
            label = f"{self._scope}{name}/converted" if other else f"{self._scope}{name}"
        index = self._graph.tensor(label, self._shapes[name], kind, self._scale(name, kind))
        self._tensors[name, kind] = index
        return index

    def _constant(self, name: str, values: NDArray[np.generic], scale: Scale | None = None) -> int:
        return self._constants.add(name, values, scale, scope=self._scope)

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


def _same(scale: Scale | None, other: Scale | None) -> bool:
    if scale is None or other is None:
        return scale is other
    return np.array_equal(scale.scale, other.scale) and scale.zero_point == other.zero_point
