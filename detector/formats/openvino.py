"""Writes the network as OpenVINO's IR, a pair of ``.xml`` and ``.bin``; needs the package ``openvino``.

Two shapes of model:

- Raw outputs, the same as those of ``tflite.writer``. Input ``image``: float32 (1, H, W, 3), RGB,
  normalised as the spec says. Outputs ``box_encodings`` float32 (1, A, 4) and ``class_logits`` float32
  (1, A, K + 1).
- With post-processing, as OpenVINO's programs for SSD expect it. Input ``image``: uint8 (1, H, W, 3), RGB.
  One output ``detections``: float32 (1, 1, N, 7), the best first, N = ``max_detections`` of the spec. A row
  is the number of the image, the class (1 is the first, 0 the background), the score, and left, top, right,
  bottom as shares of the image, clipped to it. Rows after the last detection have image -1 and score 0.

The spec and the names of the classes are in the model's ``rt_info``, as ``model_spec`` and ``labels``; with
post-processing also ``model_info``, by which OpenVINO's Model API knows what to do with the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detector.formats.looks import growth_factors, growth_limits, pooled_anchors
from detector.formats.openvino_file import join_labels, save_from_tflite
from detector.layers import IMAGE
from detector.spec import DEFAULT_SCORE_THRESHOLD, ModelSpec
from detector.system.telemetry import import_openvino

if TYPE_CHECKING:
    from openvino import Model, Node, Output

openvino = import_openvino()
ops = openvino.opset8

DETECTIONS = "detections"


def save_openvino(
    path: Path,
    tflite: bytes,
    spec: ModelSpec,
    *,
    half: bool = False,
    postprocess: bool = False,
    smaller: Sequence[ModelSpec] = (),
) -> None:
    """Write the network as ``path`` and, beside it, the ``.bin`` of the same name.

    Each file appears whole or not at all, the ``.xml`` last.

    Args:
        path: ends in ``.xml``.
        tflite: the network as ``build_tflite`` gives it with raw outputs, float32 or int8; an int8 one stays
            int8.
        spec: what network it is.
        half: store float32 constants as float16.
        postprocess: take bytes and give detections, instead of raw inputs and outputs.
        smaller: of the looks at smaller sizes that are in the network, the smallest first; see
            ``formats.looks``.

    Raises:
        ModelError: the path has another suffix.
        DetectorError: the folder cannot be written to, or the disk is full.
    """

    def change(model: Model) -> Model:
        _resize_in_float32(model)
        return _add_postprocess(model, [*smaller, spec]) if postprocess else model

    info = _describe_for_model_api(spec) if postprocess else {}
    save_from_tflite(path, tflite, spec, change, half=half, model_info=info)


def _describe_for_model_api(spec: ModelSpec) -> dict[str, str]:
    """What OpenVINO's Model API wants to know of an SSD; it takes pictures as OpenCV has them.

    Source: openvino-model-api 0.4, ``model_api/models/ssd.py`` and ``parameters.py``.
    """
    return {
        "model_type": "ssd",
        "labels": join_labels(("background", *spec.classes)),
        "confidence_threshold": str(DEFAULT_SCORE_THRESHOLD),
        "iou_threshold": str(spec.iou_threshold),
        "nms_execute": "False",  # it is inside
        "resize_type": "standard",  # squashed to the input
        "reverse_input_channels": "True",
    }


def _resize_in_float32(model: Model) -> None:
    """Make pictures smaller by an operator that keeps the mark of ``_ask_for_float32``; OpenVINO replaces
    others when it loads a model (seen in 2026.4).
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Interpolate":
            continue
        scales = np.array(node.get_output_shape(0)[1:3]) / np.array(node.get_input_shape(0)[1:3])
        inputs = [
            ops.transpose(node.input_value(0), ops.constant(np.array([0, 3, 1, 2]))).output(0),
            node.input_value(1).get_node(),
            ops.constant(scales.astype(np.float32)),
            ops.constant(np.array([2, 3])),
        ]
        kept = ("mode", "shape_calculation_mode", "coordinate_transformation_mode", "nearest_mode")
        attributes = {name: value for name, value in node.get_attributes().items() if name in kept}
        resized = openvino.utils.node_factory.NodeFactory("opset4").create("Interpolate", inputs, attributes)
        channels_last = ops.transpose(resized, ops.constant(np.array([0, 2, 3, 1])))
        node.output(0).replace(channels_last.output(0))


def _add_postprocess(model: Model, specs: Sequence[ModelSpec]) -> Model:
    """The model with bytes as its input and detections as its output."""
    spec = specs[-1]
    image = ops.parameter([1, *spec.input_hw, 3], np.uint8, name=IMAGE)
    image.output(0).set_names({IMAGE})
    # For a program that gives BGR, OpenVINO reverses the channels of the first kernel, and then takes the
    # kernel that is in the file all the same (seen in 2026.4). Past a reshape it reverses the image's.
    bytes_ = ops.reshape(image, ops.constant(np.array([1, *spec.input_hw, 3])), False)
    scaled = ops.multiply(ops.convert(bytes_, "f32"), ops.constant(np.float32(spec.pixel_scale)))
    normalised = ops.add(scaled, ops.constant(np.float32(spec.pixel_offset)))
    (parameter,) = model.get_parameters()
    for reader in parameter.output(0).get_target_inputs():
        reader.replace_source_output(normalised.output(0))
    box_encodings, class_logits = (
        model.output(name).get_node().input_value(0) for name in ("box_encodings", "class_logits")
    )
    sorted_rows = _sort(_detection_output(specs, box_encodings, class_logits), spec.max_detections)
    sorted_rows.output(0).set_names({DETECTIONS})
    return openvino.Model([sorted_rows], [image], spec.network_name)


def _detection_output(specs: Sequence[ModelSpec], box_encodings: Output, class_logits: Output) -> Node:
    """OpenVINO's operator for SSD: decoding, suppression within each class, the N best of all."""
    spec = specs[-1]
    anchors = pooled_anchors(specs)
    order = [1, 0, 3, 2]  # (ty, tx, th, tw) to the operator's (tx, ty, tw, th)
    variances = 1 / np.array(spec.box_coder_scales, np.float32)[order]
    priors = np.stack([anchors.reshape(-1), np.tile(variances, len(anchors))])[None]
    flat = ops.constant(np.array([1, -1]))
    scores = ops.sigmoid(class_logits)
    if len(specs) > 1:
        scores = _drop_large(specs, box_encodings, scores)
    in_order = ops.gather(box_encodings, ops.constant(np.array(order)), ops.constant(np.int64(2)))
    return ops.detection_output(
        ops.reshape(in_order, flat, False),
        ops.reshape(scores, flat, False),
        ops.constant(priors.astype(np.float32)),
        {
            "background_label_id": 0,
            "top_k": -1,
            "keep_top_k": [spec.max_detections],
            "code_type": "caffe.PriorBoxParameter.CENTER_SIZE",
            "variance_encoded_in_target": False,
            "share_location": True,
            "nms_threshold": spec.iou_threshold,
            "confidence_threshold": spec.inside_score_threshold,
            # As in the released model: clipped boxes overlap differently.
            "clip_before_nms": False,
            "clip_after_nms": True,
            "normalized": True,
        },
    )


def _drop_large(specs: Sequence[ModelSpec], box_encodings: Output, scores: Node) -> Node:
    """Scores that are 0 where the box of a larger look is left to the first look."""
    parts = ops.multiply(box_encodings, ops.constant(growth_factors(specs[-1])))
    growth = ops.reduce_sum(parts, ops.constant(np.array([2])), True)
    small = ops.less(growth, ops.constant(growth_limits(specs)[None, :, None]))
    return ops.multiply(scores, ops.convert(small, "f32"))


def _sort(rows: Node, count: int) -> Node:
    """The rows with the best scores first: the operator sorts by class, and programs stop at a low score."""
    scores = ops.gather(rows, ops.constant(np.int64(2)), ops.constant(np.int64(3)))
    best = ops.topk(scores, ops.constant(np.int64(count)), 2, "max", "value")
    order = ops.reshape(best.output(1), ops.constant(np.array([-1])), False)
    chosen = ops.gather(rows, order, ops.constant(np.int64(2)))
    # Of the rows after the last the operator marks one alone, and not all of what is in them is 0.
    found = ops.greater(
        ops.reshape(best.output(0), ops.constant(np.array([1, 1, count, 1])), False),
        ops.constant(np.float32(0)),
    )
    nothing = np.array([-1, 0, 0, 0, 0, 0, 0], np.float32).reshape(1, 1, 1, 7)
    return ops.select(found, chosen, ops.constant(nothing))
