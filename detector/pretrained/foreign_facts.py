"""Input size, anchors and post-processing of a foreign network: from its graph, its file or its config."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from detector.anchors import AnchorSpec
from detector.architecture import build_architecture
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.input_sizes import describe_size
from detector.pretrained.graph_facts import (
    anchor_shapes,
    box_coder_scales,
    check_anchors,
    check_arithmetic,
    fit_anchors,
    input_size,
    is_made_for_8_bits,
    shapes_of_anchors,
    suppression,
)
from detector.pretrained.model_source import ModelSource
from detector.pretrained.pipeline_config import PipelineConfig
from detector.spec import ModelSpec


@dataclass
class Facts:
    """What is known of a network beside its layers.

    Attributes:
        input_hw: height and width of the input in pixels.
        anchors: sizes and shapes of the anchors.
        width: multiplier that it was made with, as far as that is said.
        box_coder_scales, iou_threshold, max_detections: as in a ModelSpec.
        notes: a sentence each on what was assumed, and on what differs from the original.
    """

    input_hw: tuple[int, int]
    anchors: AnchorSpec
    width: float = 1.0
    box_coder_scales: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    iou_threshold: float = 0.6
    max_detections: int = 100
    notes: list[str] = field(default_factory=list)


def find_facts(source: ModelSource, config: PipelineConfig | None, per_cell: list[int]) -> Facts:
    found_hw = source.tflite.input_hw if source.tflite else input_size(source.nodes)
    check_arithmetic(source.nodes, source.title)
    input_hw = found_hw or (config.input_hw if config else None) or ModelSpec("any", ("any",)).input_hw
    if config is not None and config.input_hw != input_hw:
        raise WeightsError(
            f"pipeline.config says that the input has {describe_size(config.input_hw)} pixels, and the "
            f"{source.title} has {describe_size(input_hw)}; it belongs to another model: put the right one "
            "beside it, or none."
        )
    found = _found_anchors(source, per_cell, input_hw)
    facts = Facts(input_hw, found or (config.anchors if config else AnchorSpec()))
    if found is not None and config is not None and not _same(found, config.anchors):
        raise WeightsError(
            f"pipeline.config has other anchors than the {source.title}; it belongs to another model: put "
            "the right one beside it, or none."
        )
    if config is not None:
        facts.width, facts.box_coder_scales = config.width_multiplier, config.box_coder_scales
        facts.iou_threshold, facts.max_detections = config.iou_threshold, config.max_detections
    elif found_hw is None:
        facts.notes.append(
            f"Nothing says what its input size and anchors are: taken for {describe_size(input_hw)} and the "
            "released model's; put its pipeline.config beside it if they are others."
        )
    elif found is None:
        facts.notes.append(
            "Nothing says what its anchors are: taken for the released model's; put its pipeline.config "
            "beside it if they are others."
        )
    _take_suppression(source, facts)
    return facts


def _take_suppression(source: ModelSource, facts: Facts) -> None:
    facts.box_coder_scales = box_coder_scales(source.nodes) or facts.box_coder_scales
    facts.iou_threshold = suppression(source.nodes).get("iou_threshold", facts.iou_threshold)
    if is_made_for_8_bits(source.nodes):
        facts.notes.append(
            "It was trained for 8 bits and rounds as such a network would; that is left out here, so boxes "
            "and scores differ by that rounding."
        )
    if source.tflite is None:
        return
    options = source.tflite.options
    facts.iou_threshold = round(options.get("nms_iou_threshold", facts.iou_threshold), 6)
    scales = [options.get(f"{side}_scale") for side in "yxhw"]
    if None not in scales:
        y, x, h, w = (float(scale or 0) for scale in scales)
        facts.box_coder_scales = (y, x, h, w)
    if options and not options.get("use_regular_nms"):
        facts.notes.append(
            "The file suppresses overlapping boxes by TFLite's fast rule, of all classes together; here it "
            "is done within each class, which finds more."
        )
    if source.tflite.quantized:
        facts.notes.append(
            "Its weights are 8-bit integers, taken for the numbers that they stand for; activations are not "
            "rounded here, so boxes and scores differ by that rounding."
        )


def _found_anchors(source: ModelSource, per_cell: list[int], input_hw: tuple[int, int]) -> AnchorSpec | None:
    """The anchors that a graph or a TFLite file has; None where there are none, or only roughly."""
    shapes = anchor_shapes(source.nodes)
    side = min(input_hw)
    if shapes is not None:
        return fit_anchors(shapes, input_hw, (side, side), source.title)
    anchors = _stored_anchors(source)
    if anchors is None:
        return None
    any_spec = ModelSpec("any", ("any",), input_hw=input_hw)
    maps_hw = build_architecture(any_spec).feature_map_sizes_hw
    try:
        fitted = _fitted(anchors, per_cell, maps_hw, input_hw, source.title)
    except ValueError as error:
        raise WeightsError(f"{source.title} has {error}.") from error
    check_anchors(anchors, fitted, maps_hw, input_hw, source.title)
    return fitted


def _fitted(
    anchors: FloatArray,
    per_cell: list[int],
    maps_hw: list[tuple[int, int]],
    input_hw: tuple[int, int],
    title: str,
) -> AnchorSpec:
    """Anchors whose scales are shares of the smaller side, as the original has them, or of each."""
    side = min(input_hw)
    try:
        shapes = shapes_of_anchors(anchors, per_cell, maps_hw, input_hw, (side, side))
        return fit_anchors(shapes, input_hw, (side, side), title)
    except WeightsError:
        if input_hw == (side, side):
            raise
        shapes = shapes_of_anchors(anchors, per_cell, maps_hw, input_hw, input_hw)
        return fit_anchors(shapes, input_hw, input_hw, title)


def _stored_anchors(source: ModelSource) -> FloatArray | None:
    """(A, 4) centre y, centre x, height, width."""
    if source.tflite is not None:
        return None if source.tflite.anchor_error else source.tflite.anchors
    node = source.nodes.get("Postprocessor/ExpandDims")  # TF.js: what the generator makes, folded
    if node is None or node.value is None or node.value.ndim != 3 or node.value.shape[2] != 4:
        return None
    boxes: FloatArray = node.value[0].astype("f4")
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def _same(one: AnchorSpec, other: AnchorSpec) -> bool:
    mine, theirs = one.shapes(), other.shapes()
    if [len(each) for each in mine] != [len(each) for each in theirs]:
        return False
    return bool(np.allclose(np.concatenate(mine), np.concatenate(theirs), rtol=0, atol=1e-4))
