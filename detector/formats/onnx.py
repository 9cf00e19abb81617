"""Writes the network as an ONNX file, straight from the weights; needs the package ``onnx``.

Two shapes of file, the same as those of ``tflite.writer``:

- Raw outputs. Input ``image``: float32 (1, H, W, 3), RGB, normalised as the spec says. Outputs
  ``box_encodings`` float32 (1, A, 4) and ``class_logits`` float32 (1, A, K + 1).
- With post-processing. Input ``image``: uint8 (1, H, W, 3), RGB. Outputs, for N = ``max_detections`` of the
  spec: ``detection_boxes`` float32 (1, N, 4), top, left, bottom, right as shares of the image, not clipped;
  ``detection_classes`` float32 (1, N), 0 is the first class; ``detection_scores`` float32 (1, N), the best
  first; ``num_detections`` float32 (1,), how many of them are detections. The rest is zeros.

The spec and the names of the classes are in the file's metadata, as ``model_spec`` and ``labels``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from detector.architecture import IMAGE, Architecture, Layer, anchors_of, build_architecture
from detector.boxes import FloatArray, xyxy_to_cxcywh
from detector.formats.spec_reader import LABELS_KEY, SPEC_KEY
from detector.labels import one_line_names
from detector.spec import ModelSpec
from detector.weights import Weights, fold_batch_norm

# Old enough for every runtime in use, new enough for all operators here.
_OPSET = 13
_IR_VERSION = 7


def build_onnx(weights: Weights, spec: ModelSpec, *, half: bool = False, postprocess: bool = False) -> bytes:
    """The network as the bytes of an ONNX file, the spec and the labels within.

    Args:
        weights: of the spec's network.
        spec: what network it is.
        half: store the kernels as float16; the network still computes in float32.
        postprocess: take bytes and give detections, instead of raw inputs and outputs.
    """
    architecture = build_architecture(spec)
    graph = _Graph(half)
    image = _add_image(graph, spec, as_bytes=postprocess)
    activations = {IMAGE: graph.add("Transpose", [image], f"{IMAGE}/channels_first", perm=(0, 3, 1, 2))}
    folded = fold_batch_norm(weights, architecture)
    for layer in architecture.layers:
        activations[layer.name] = _add_layer(graph, layer, *folded[layer.name], activations)
    heads = (
        ("box_encodings", architecture.box_heads, 4),
        ("class_logits", architecture.class_heads, len(spec.classes) + 1),
    )
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layers, columns in heads:
        count = _join(graph, architecture, [(layer, activations[layer]) for layer in layers], columns, name)
        shapes[name] = (1, count, columns)
    if postprocess:
        shapes = _add_postprocess(graph, spec)
    kind = TensorProto.UINT8 if postprocess else TensorProto.FLOAT
    return graph.finish({IMAGE: (kind, (1, *spec.input_hw, 3))}, shapes, spec)


class _Graph:
    """Collects nodes and constants. A node's first output bears the node's name."""

    def __init__(self, half: bool) -> None:
        self._half = half
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}

    def add(
        self, operator: str, inputs: Sequence[str], name: str, *others: str, **attributes: int | Sequence[int]
    ) -> str:
        """Add a node with an output of that name, and others where it has some; the name comes back."""
        self._nodes.append(helper.make_node(operator, list(inputs), [name, *others], name=name, **attributes))
        return name

    def constant(self, name: str, values: NDArray[np.generic] | float | Sequence[float]) -> str:
        """A constant tensor: float32 or, for integers, int64. The same name gives the same constant."""
        array = np.asarray(values)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def kernel(self, name: str, values: FloatArray) -> str:
        """A constant that is stored as float16 where the graph's kernels are."""
        if not self._half:
            return self.constant(name, values)
        stored = f"{name}/half"
        self._constants[stored] = numpy_helper.from_array(values.astype(np.float16), stored)
        return self.add("Cast", [stored], name, to=TensorProto.FLOAT)

    def finish(
        self,
        inputs: dict[str, tuple[int, tuple[int, ...]]],
        outputs: dict[str, tuple[int, ...]],
        spec: ModelSpec,
    ) -> bytes:
        """The graph as the bytes of a file. Outputs are float32."""
        graph = helper.make_graph(
            self._nodes,
            "ssdlite_mobilenet_v2",
            [helper.make_tensor_value_info(name, *input_) for name, input_ in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in outputs.items()],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            producer_name="ssdlite",
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        helper.set_model_props(
            model, {SPEC_KEY: spec.to_json(), LABELS_KEY: "\n".join(one_line_names(spec.classes))}
        )
        content: bytes = model.SerializeToString(deterministic=True)
        return content


def _add_image(graph: _Graph, spec: ModelSpec, *, as_bytes: bool) -> str:
    """The name of the normalised image."""
    if not as_bytes:
        return IMAGE
    x = graph.add("Cast", [IMAGE], f"{IMAGE}/float", to=TensorProto.FLOAT)
    x = graph.add("Mul", [x, graph.constant(f"{IMAGE}/scale", spec.pixel_scale)], f"{IMAGE}/scaled")
    return graph.add("Add", [x, graph.constant(f"{IMAGE}/offset", spec.pixel_offset)], f"{IMAGE}/normalised")


def _add_layer(
    graph: _Graph, layer: Layer, kernel: FloatArray, bias: FloatArray, activations: dict[str, str]
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


def _join(
    graph: _Graph, architecture: Architecture, heads: Sequence[tuple[str, str]], columns: int, name: str
) -> int:
    """Add the rows of all feature maps as one tensor (1, A, ``columns``); A comes back."""
    rows, total = [], 0
    for head, activation in heads:
        layer = architecture[head]
        count = layer.out_hw[0] * layer.out_hw[1] * layer.out_channels // columns
        last = graph.add("Transpose", [activation], f"{head}/channels_last", perm=(0, 2, 3, 1))
        shape = graph.constant(f"{head}/shape", (1, count, columns))
        rows.append(graph.add("Reshape", [last, shape], f"{head}/rows"))
        total += count
    graph.add("Concat", rows, name, axis=1)
    return total


def _add_postprocess(graph: _Graph, spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Add scores, boxes and suppression; the shapes of the outputs come back by name."""
    boxes = _add_boxes(graph, spec)
    bounds = [graph.constant(f"classes/{name}", (value,)) for name, value in (("first", 1), ("end", 2**31))]
    logits = graph.add("Slice", ["class_logits", *bounds, graph.constant("classes/axis", (2,))], "logits")
    by_anchor = graph.add("Sigmoid", [logits], "scores/by_anchor")
    scores = graph.add("Transpose", [by_anchor], "scores", perm=(0, 2, 1))
    count = spec.max_detections
    limits = [
        graph.constant("max_detections", (count,)),
        graph.constant("iou_threshold", spec.iou_threshold),
        graph.constant("score_threshold", spec.inside_score_threshold),
    ]
    # Rows of (image, class, anchor), as many as survive; zeros follow, so that there are always N to choose.
    kept = graph.add("NonMaxSuppression", [boxes, scores, *limits], "kept")
    one, two = graph.constant("one", 1), graph.constant("two", 2)
    anchors = graph.add("Gather", [kept, two], "kept/anchors", axis=1)
    labels = graph.add("Gather", [kept, one], "kept/labels", axis=1)
    flat_boxes = graph.add("Squeeze", [boxes, graph.constant("axis_0", (0,))], "boxes/flat")
    found = {
        "detection_boxes": graph.add("Gather", [flat_boxes, anchors], "kept/boxes", axis=0),
        "detection_classes": graph.add("Cast", [labels], "kept/classes", to=TensorProto.FLOAT),
        "detection_scores": graph.add("GatherND", [scores, kept], "kept/scores"),
    }
    padded = {}
    for name, values in found.items():
        shape = (count, 4) if name == "detection_boxes" else (count,)
        zeros = graph.constant("zero_boxes" if len(shape) == 2 else "zeros", np.zeros(shape))
        padded[name] = graph.add("Concat", [values, zeros], f"{name}/padded", axis=0)
    _add_best(graph, padded)
    rows = graph.add("Shape", [labels], "kept/count")
    number = graph.add("Cast", [rows], "kept/count_float", to=TensorProto.FLOAT)
    graph.add("Min", [number, graph.constant("most", (float(count),))], "num_detections")
    return {
        "detection_boxes": (1, count, 4),
        "detection_classes": (1, count),
        "detection_scores": (1, count),
        "num_detections": (1,),
    }


def _add_best(graph: _Graph, padded: dict[str, str]) -> None:
    """Add the outputs: of each tensor the rows with the best scores, the best first."""
    inputs = [padded["detection_scores"], "max_detections"]
    graph.add("TopK", inputs, "best/scores", "best/rows", axis=0)
    for name, values in padded.items():
        chosen = graph.add("Gather", [values, "best/rows"], f"{name}/best", axis=0)
        graph.add("Unsqueeze", [chosen, "axis_0"], name)


def _add_boxes(graph: _Graph, spec: ModelSpec) -> str:
    """The decoded boxes (1, A, 4): top, left, bottom, right. See ``box_coder.decode``."""
    cxcywh = xyxy_to_cxcywh(anchors_of(spec))[None]
    scales = np.array(spec.box_coder_scales, np.float32)
    encodings = {}
    for name, start in (("offset", 0), ("size", 2)):
        bounds = [graph.constant(f"{name}/first", (start,)), graph.constant(f"{name}/end", (start + 2,))]
        part = graph.add(
            "Slice", ["box_encodings", *bounds, graph.constant("axis_2", (2,))], f"{name}/scaled"
        )
        encodings[name] = graph.add(
            "Div", [part, graph.constant(f"{name}/scales", scales[start : start + 2])], name
        )
    size = graph.constant("anchors/size_yx", cxcywh[..., [3, 2]])
    moved = graph.add("Mul", [encodings["offset"], size], "offset/moved")
    centre = graph.add("Add", [moved, graph.constant("anchors/centre_yx", cxcywh[..., [1, 0]])], "centre_yx")
    grown = graph.add("Exp", [encodings["size"]], "size/grown")
    half = graph.add(
        "Mul", [grown, graph.constant("anchors/half_size_yx", cxcywh[..., [3, 2]] / 2)], "half_yx"
    )
    corners = [graph.add("Sub", [centre, half], "top_left"), graph.add("Add", [centre, half], "bottom_right")]
    return graph.add("Concat", corners, "boxes", axis=2)
