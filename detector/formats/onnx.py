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
from onnx import TensorProto

from detector.architecture import Architecture, build_architecture
from detector.boxes import xyxy_to_cxcywh
from detector.formats.looks import Look, growth_factors, growth_limits, pooled_anchors
from detector.formats.onnx_graph import Graph
from detector.formats.onnx_layers import add_image, add_layers
from detector.input_sizes import describe_size
from detector.layers import IMAGE
from detector.spec import ModelSpec
from detector.weights import Weights, fold_batch_norm

_Shapes = dict[str, tuple[int, ...]]


def build_onnx(
    weights: Weights,
    spec: ModelSpec,
    *,
    half: bool = False,
    postprocess: bool = False,
    smaller: Sequence[Look] = (),
) -> bytes:
    """The network as the bytes of an ONNX file, the spec and the labels within.

    Args:
        weights: of the spec's network.
        spec: what network it is.
        half: store the kernels as float16; the network still computes in float32.
        postprocess: take bytes and give detections, instead of raw inputs and outputs.
        smaller: looks at smaller sizes, the smallest first; see ``formats.looks``.
    """
    graph = Graph(half)
    image = add_image(graph, spec, as_bytes=postprocess)
    label = f"{describe_size(spec.input_hw)}/" if smaller else ""
    shapes = _add_network(graph, weights, spec, image, label)
    for look in reversed(smaller):
        graph.scope = f"{describe_size(look.spec.input_hw)}/"
        _add_network(graph, look.weights, look.spec, _resize(graph, image, look.spec), "")
    graph.scope = ""
    specs = [*(look.spec for look in smaller), spec]
    if smaller:
        for name in shapes:
            parts = [f"{describe_size(each.input_hw)}/{name}" for each in specs]
            graph.add("Concat", parts, name, axis=1)
        count = len(pooled_anchors(specs))
        shapes = {name: (1, count, shape[2]) for name, shape in shapes.items()}
    if postprocess:
        shapes = _add_postprocess(graph, specs)
    kind = TensorProto.UINT8 if postprocess else TensorProto.FLOAT
    return graph.finish({IMAGE: (kind, (1, *spec.input_hw, 3))}, shapes, spec)


def _add_network(graph: Graph, weights: Weights, spec: ModelSpec, image: str, label: str) -> _Shapes:
    """Add the network and its outputs, which are named so; their shapes come back by their own names."""
    architecture = build_architecture(spec)
    activations = add_layers(graph, architecture, fold_batch_norm(weights, architecture), image)
    heads = (
        ("box_encodings", architecture.box_heads, 4),
        ("class_logits", architecture.class_heads, len(spec.classes) + 1),
    )
    shapes: _Shapes = {}
    for name, layers, columns in heads:
        rows = [(layer, activations[layer]) for layer in layers]
        count = _join(graph, architecture, rows, columns, f"{label}{name}")
        shapes[name] = (1, count, columns)
    return shapes


def _resize(graph: Graph, image: str, spec: ModelSpec) -> str:
    """The normalised image made smaller: bilinear, with half-pixel centres."""
    size = graph.constant(f"{IMAGE}/size", (1, 3, *spec.input_hw))
    return graph.add(
        "Resize",
        [image, "", "", size],
        f"{IMAGE}/channels_first",
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )


def _join(
    graph: Graph, architecture: Architecture, heads: Sequence[tuple[str, str]], columns: int, name: str
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


def _add_postprocess(graph: Graph, specs: Sequence[ModelSpec]) -> _Shapes:
    """Add scores, boxes and suppression; the shapes of the outputs come back by name."""
    spec = specs[-1]
    boxes = _add_boxes(graph, specs)
    bounds = [graph.constant(f"classes/{name}", (value,)) for name, value in (("first", 1), ("end", 2**31))]
    logits = graph.add("Slice", ["class_logits", *bounds, graph.constant("classes/axis", (2,))], "logits")
    by_anchor = graph.add("Sigmoid", [logits], "scores/by_anchor")
    if len(specs) > 1:
        by_anchor = _drop_large(graph, specs, by_anchor)
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


def _drop_large(graph: Graph, specs: Sequence[ModelSpec], scores: str) -> str:
    """Add scores that are 0 where the box of a larger look is left to the first look."""
    factors = graph.constant("growth/factors", growth_factors(specs[-1]))
    parts = graph.add("Mul", ["box_encodings", factors], "growth/parts")
    growth = graph.add("ReduceSum", [parts, graph.constant("growth/axis", (2,))], "growth", keepdims=1)
    limits = graph.constant("growth/limits", growth_limits(specs)[None, :, None])
    small = graph.add("Less", [growth, limits], "growth/small")
    ones = graph.add("Cast", [small], "growth/ones", to=TensorProto.FLOAT)
    return graph.add("Mul", [scores, ones], "scores/left")


def _add_best(graph: Graph, padded: dict[str, str]) -> None:
    """Add the outputs: of each tensor the rows with the best scores, the best first."""
    inputs = [padded["detection_scores"], "max_detections"]
    graph.add("TopK", inputs, "best/scores", "best/rows", axis=0)
    for name, values in padded.items():
        chosen = graph.add("Gather", [values, "best/rows"], f"{name}/best", axis=0)
        graph.add("Unsqueeze", [chosen, "axis_0"], name)


def _add_boxes(graph: Graph, specs: Sequence[ModelSpec]) -> str:
    """The decoded boxes (1, A, 4): top, left, bottom, right. See ``box_coder.decode``."""
    cxcywh = xyxy_to_cxcywh(pooled_anchors(specs))[None]
    scales = np.array(specs[-1].box_coder_scales, np.float32)
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
