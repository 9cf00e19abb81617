"""The operator ``TFLite_Detection_PostProcess``: box decoding and suppression inside a TFLite file.

Outputs, in this order and by these names, for N = ``max_detections`` of the spec:
``detection_boxes`` float32 (1, N, 4), top, left, bottom, right as shares of the image, not clipped;
``detection_classes`` float32 (1, N), 0 is the first class; ``detection_scores`` float32 (1, N), the best
first; ``num_detections`` float32 (1,), how many of them are detections.

Source: TensorFlow Lite, ``kernels/detection_postprocess.cc``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from detector.boxes import xyxy_to_cxcywh
from detector.formats.looks import growth_factors, growth_limits, pooled_anchors
from detector.formats.tflite.graph import BOOL, FLOAT32, INT8, OPERATORS, Graph, Scale
from detector.spec import ModelSpec

OUTPUTS = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
# With several threads the operator loses the class whose number is the number of threads (LiteRT 2.3,
# TensorFlow 2.20). So the first classes that it sees are empty ones, for as many threads as this.
MOST_THREADS = 16
_EMPTY_CLASSES = MOST_THREADS
_SIGMOID_SCALE = Scale(np.array([1 / 256], np.float32), -128)  # what the int8 kernel demands


def add_postprocess(
    graph: Graph, specs: Sequence[ModelSpec], *, box_encodings: int, class_logits: int, integer: bool
) -> dict[str, int]:
    """Add scores and the operator; its outputs come back by name.

    Args:
        graph: with the network in it.
        specs: of each look, the smallest first; they give anchors, box coder, classes and thresholds.
        box_encodings: tensor (1, A, 4).
        class_logits: tensor (1, A, K + 1); column 0, the background, must never have a high score.
        integer: both are int8.
    """
    spec = specs[-1]
    anchors = pooled_anchors(specs)
    count = len(anchors)
    columns = len(spec.classes) + 1
    shape = (1, count, columns)
    if integer:
        # The Edge TPU's compiler takes what comes before the first operator that it cannot map.
        scores = graph.tensor("class_scores/int8", shape, INT8, _SIGMOID_SCALE)
        graph.operator(OPERATORS.LOGISTIC, None, [class_logits], scores, version=2)
        scores = graph.operator(
            OPERATORS.DEQUANTIZE, None, [scores], graph.tensor("class_scores", shape), version=2
        )
        boxes = graph.tensor("box_encodings/float", (1, count, 4))
        box_encodings = graph.operator(OPERATORS.DEQUANTIZE, None, [box_encodings], boxes, version=2)
    else:
        scores = graph.tensor("class_scores", shape)
        graph.operator(OPERATORS.LOGISTIC, None, [class_logits], scores)
    if len(specs) > 1:
        scores = _drop_large(graph, specs, box_encodings, scores)
    empty = graph.constant("empty_classes", np.zeros((1, count, _EMPTY_CLASSES), np.float32))
    options = schema.ConcatenationOptionsT()
    options.axis = 2
    padded = graph.tensor("class_scores/padded", (1, count, _EMPTY_CLASSES + columns))
    graph.operator(OPERATORS.CONCATENATION, options, [empty, scores], padded)
    centres_yxhw = xyxy_to_cxcywh(anchors)[:, [1, 0, 3, 2]].astype(np.float32)
    inputs = [box_encodings, padded, graph.constant("anchors", centres_yxhw)]
    return _add_operator(graph, spec, inputs, skipped=_EMPTY_CLASSES + 1)


def _drop_large(graph: Graph, specs: Sequence[ModelSpec], box_encodings: int, scores: int) -> int:
    """Add scores that are 0 where the box of a larger look is left to the first look."""
    limits = growth_limits(specs)[None, :, None]
    factors = graph.constant("growth/factors", growth_factors(specs[-1])[None, None])
    parts = graph.tensor("growth/parts", (1, limits.size, 4))
    graph.operator(OPERATORS.MUL, schema.MulOptionsT(), [box_encodings, factors], parts)
    summed = schema.ReducerOptionsT()
    summed.keepDims = True
    axis = graph.constant("growth/axis", np.array([2], np.int32))
    growth = graph.tensor("growth", limits.shape)
    graph.operator(OPERATORS.SUM, summed, [parts, axis], growth)
    small = graph.tensor("growth/small", limits.shape, BOOL)
    limit = graph.constant("growth/limits", limits)
    graph.operator(OPERATORS.LESS, schema.LessOptionsT(), [growth, limit], small)
    cast = schema.CastOptionsT()
    cast.inDataType, cast.outDataType = BOOL, FLOAT32
    ones = graph.operator(OPERATORS.CAST, cast, [small], graph.tensor("growth/ones", limits.shape))
    left = graph.tensor("class_scores/left", graph.shape(scores))
    return graph.operator(OPERATORS.MUL, schema.MulOptionsT(), [scores, ones], left)


def _add_operator(graph: Graph, spec: ModelSpec, inputs: list[int], *, skipped: int) -> dict[str, int]:
    """Add the operator, and the subtraction of the classes before the first real one."""
    count = spec.max_detections
    shapes = ((1, count, 4), (1, count), (1, count), (1,))
    outputs = {name: graph.tensor(name, shape) for name, shape in zip(OUTPUTS, shapes, strict=True)}
    counted = graph.tensor("detection_classes/padded", (1, count))
    written = {**outputs, "detection_classes": counted}
    options = _options(spec, skipped + len(spec.classes))
    graph.custom_operator("TFLite_Detection_PostProcess", options, inputs, list(written.values()))
    subtract = schema.SubOptionsT()
    # Rows after the last detection have the operator's class 0, and keep it.
    subtract.fusedActivationFunction = schema.ActivationFunctionType.RELU
    offset = graph.constant("detection_classes/offset", np.array([skipped], np.float32))
    graph.operator(OPERATORS.SUB, subtract, [counted, offset], outputs["detection_classes"])
    return outputs


def _options(spec: ModelSpec, classes: int) -> bytes:
    """The operator's attributes. It takes the last ``classes`` columns of the scores for classes."""
    y_scale, x_scale, h_scale, w_scale = spec.box_coder_scales
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Int("max_detections", spec.max_detections)
        builder.Int("max_classes_per_detection", 1)
        builder.Int("detections_per_class", spec.max_detections)
        builder.Bool("use_regular_nms", True)
        builder.Float("nms_score_threshold", spec.inside_score_threshold)
        builder.Float("nms_iou_threshold", spec.iou_threshold)
        builder.Int("num_classes", classes)
        builder.Float("y_scale", y_scale)
        builder.Float("x_scale", x_scale)
        builder.Float("h_scale", h_scale)
        builder.Float("w_scale", w_scale)
    return bytes(builder.Finish())
