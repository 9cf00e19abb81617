"""What a ``pipeline.config`` of the TensorFlow Object Detection API says of a network.

Source: tensorflow/models, research/object_detection/protos: pipeline, ssd, image_resizer,
ssd_anchor_generator, faster_rcnn_box_coder, post_processing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detector.anchors import AnchorSpec
from detector.errors import WeightsError
from detector.system.protobuf_text import TextMessage, parse_text_message
from detector.system.reading import parsing

FEATURE_EXTRACTOR = "ssd_mobilenet_v2"
_ASPECT_RATIOS = (1.0, 2.0, 0.5, 3.0, 1 / 3)  # where the file has none


@dataclass(frozen=True)
class PipelineConfig:
    """What was trained.

    Attributes:
        input_hw: height and width of the input in pixels.
        num_classes: without background.
        width_multiplier: of the feature extractor.
        anchors: sizes and shapes; scales are shares of the input's smaller side.
        box_coder_scales: factors for (ty, tx, th, tw).
        iou_threshold, max_detections: of suppression.
        averages: whether an export takes the moving averages of the variables.
    """

    input_hw: tuple[int, int]
    num_classes: int
    width_multiplier: float
    anchors: AnchorSpec
    box_coder_scales: tuple[float, float, float, float]
    iou_threshold: float
    max_detections: int
    averages: bool


def read_pipeline_config(text: str, origin: str) -> PipelineConfig:
    """What the text of a ``pipeline.config`` says.

    Raises:
        WeightsError: not such a file, another architecture, or something that no network here has.
    """
    with parsing(f"{origin} is no pipeline.config that can be read", WeightsError):
        config = parse_text_message(text)
        model = _message(config, "model")
        ssd = _message(model, "ssd")
        if not ssd:
            raise _other(origin, ", ".join(model) or "no model")
        extractor = _message(ssd, "feature_extractor")
        kind = _text(extractor, "type", "no feature extractor")
        if kind != FEATURE_EXTRACTOR:
            raise _other(origin, kind)
        predictor = _message(_message(ssd, "box_predictor"), "convolutional_box_predictor")
        if _text(predictor, "use_depthwise", "false") != "true":
            raise _other(origin, f"{kind} whose heads are full convolutions (SSD, not SSDLite)")
        _check_layers(extractor, predictor, origin)
        processing = _message(ssd, "post_processing")
        suppression = _message(processing, "batch_non_max_suppression")
        _check_scores(_text(processing, "score_converter", "IDENTITY"), origin)
        input_hw = _input_hw(_message(ssd, "image_resizer"), origin)
        coder = _message(_message(ssd, "box_coder"), "faster_rcnn_box_coder")
        scales = [_number(coder, f"{each}_scale", default) for each, default in _CODER]
        return PipelineConfig(
            input_hw=input_hw,
            num_classes=int(_number(ssd, "num_classes", 0)),
            width_multiplier=_number(extractor, "depth_multiplier", 1.0),
            anchors=_anchors(ssd, input_hw, origin),
            box_coder_scales=(scales[0], scales[1], scales[2], scales[3]),
            iou_threshold=_number(suppression, "iou_threshold", 0.6),
            max_detections=int(_number(suppression, "max_total_detections", 100)),
            averages=_text(_message(config, "eval_config"), "use_moving_averages", "false") == "true",
        )


_CODER = (("y", 10.0), ("x", 10.0), ("height", 5.0), ("width", 5.0))


def _check_layers(extractor: TextMessage, predictor: TextMessage, origin: str) -> None:
    """Raise WeightsError where layers compute something else with the same weights."""
    for message in (extractor, predictor):
        if "conv_hyperparams" in message:
            activation = _text(_message(message, "conv_hyperparams"), "activation", "RELU")
            if activation != "RELU_6":
                raise WeightsError(
                    f"{origin} has the activation {activation}; expected RELU_6, which MobileNetV2 has."
                )
    if _number(extractor, "pad_to_multiple", 1) > 1 or (
        _text(extractor, "use_explicit_padding", "false") == "true"
    ):
        raise WeightsError(
            f"{origin} pads pictures or layers (pad_to_multiple, use_explicit_padding); expected neither."
        )


def _check_scores(converter: str, origin: str) -> None:
    if converter != "SIGMOID":
        raise WeightsError(
            f"{origin} turns logits into scores by {converter}; here it is SIGMOID alone, which is what "
            "SSDLite is trained with."
        )


def _input_hw(resizer: TextMessage, origin: str) -> tuple[int, int]:
    fixed = _message(resizer, "fixed_shape_resizer")
    if not fixed:
        raise WeightsError(
            f"{origin} has the input size of {', '.join(resizer) or 'no image_resizer'}; expected a "
            "fixed_shape_resizer with height and width."
        )
    height, width = int(_number(fixed, "height", 300)), int(_number(fixed, "width", 300))
    if min(height, width) < 1:
        raise WeightsError(f"{origin} has an input of {height} x {width} pixels; it is damaged.")
    return height, width


def _anchors(ssd: TextMessage, input_hw: tuple[int, int], origin: str) -> AnchorSpec:
    generator = _message(_message(ssd, "anchor_generator"), "ssd_anchor_generator")
    if "scales" in generator or _number(generator, "interpolated_scale_aspect_ratio", 1.0) != 1.0:
        raise WeightsError(
            f"{origin} has anchors with scales, or an aspect ratio between two scales, of its own; expected "
            "evenly spaced scales from min_scale to max_scale."
        )
    for key in ("base_anchor_height", "base_anchor_width"):
        if _number(generator, key, 1.0) != 1.0:
            raise WeightsError(f"{origin} has a {key} of its own; expected 1, as SSD has it.")
    ratios = tuple(_float(each) for each in generator.get("aspect_ratios", [])) or _ASPECT_RATIOS
    low, high = _number(generator, "min_scale", 0.2), _number(generator, "max_scale", 0.95)
    num_maps = int(_number(generator, "num_layers", 6))
    first: tuple[tuple[float, float], ...]
    if _text(generator, "reduce_boxes_in_lowest_layer", "true") == "false":
        between = (low * (low + (high - low) / max(num_maps - 1, 1))) ** 0.5
        first = (*((low, ratio) for ratio in ratios), (between, 1.0))
    else:
        first = ((0.1, 1.0), (low, 2.0), (low, 0.5))
    side = min(input_hw)
    return AnchorSpec(
        min_scale=low,
        max_scale=high,
        num_maps=num_maps,
        aspect_ratios=ratios,
        first_map=first,
        reference_hw=None if input_hw == (side, side) else (side, side),
    )


def _other(origin: str, kind: str) -> WeightsError:
    return WeightsError(
        f"{origin} is of another architecture: {kind}; expected SSDLite MobileNetV2 ({FEATURE_EXTRACTOR} "
        "with use_depthwise: true in box_predictor and feature_extractor)."
    )


def _message(message: Mapping[str, object], name: str) -> TextMessage:
    """A message inside another; empty where there is none."""
    values = message.get(name, [])
    value = values[-1] if isinstance(values, list) and values else {}
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no message")
    return value


def _text(message: TextMessage, name: str, default: str) -> str:
    values = message.get(name, [])
    value = values[-1] if values else default
    if not isinstance(value, str):
        raise ValueError(f"{name} is no value")
    return value


def _number(message: TextMessage, name: str, default: float) -> float:
    return _float(_text(message, name, str(default)))


def _float(value: object) -> float:
    if not isinstance(value, str):
        raise ValueError("a number is a message")
    return float(value.removesuffix("f"))
