"""What the graph of the TensorFlow Object Detection API says of a network beside its weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detector.anchors import AnchorSpec, build_anchors
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.pretrained.frozen_graph import Node

Nodes = Mapping[str, Node]
Shapes = list[list[tuple[float, float]]]

_CONSTANTS = {"Preprocessor/mul/x": 2 / 255, "Preprocessor/sub/y": 1.0, "Postprocessor/scale_logits/y": 1.0}
_NETWORK_SCOPES = ("FeatureExtractor/", "BoxPredictor_")
_OTHER_OPERATIONS = ("Relu", "Elu", "Selu", "LeakyRelu", "Pad", "PadV2", "MirrorPad")
_ANCHOR_SCOPE = "MultipleGridAnchorGenerator"
_TOLERANCE = 1e-5  # of anchors, as shares of the input


def input_size(nodes: Nodes) -> tuple[int, int] | None:
    """Height and width that images are resized to; None where the graph does not say."""
    for name, node in nodes.items():
        if node.op == "ResizeBilinear" and name.startswith("Preprocessor") and len(node.inputs) > 1:
            size = _constant(nodes, node.inputs[1])
            if size is not None and size.shape == (2,):
                return int(size[0]), int(size[1])
    return None


def check_arithmetic(nodes: Nodes, origin: str) -> None:
    """Raise WeightsError unless what weights do not show is as here: RGB from -1 to 1, ReLU6, and scores that
    are the sigmoid of the logits.
    """
    converter = nodes.get("Postprocessor/convert_scores")
    if converter is not None and converter.op != "Sigmoid":
        raise WeightsError(
            f"{origin} turns logits into scores by {converter.op}; here it is Sigmoid alone, which is what "
            "SSDLite is trained with."
        )
    for name, node in nodes.items():
        if node.op in _OTHER_OPERATIONS and name.startswith(_NETWORK_SCOPES):
            raise WeightsError(
                f"{origin} has the operation {node.op} at {name}; expected ReLU6 and padding inside the "
                "convolutions alone, as SSDLite MobileNetV2 has them."
            )
    for name, expected in _CONSTANTS.items():
        value = _constant(nodes, name)
        if value is not None and not np.allclose(value, expected, rtol=1e-4):
            raise WeightsError(
                f"{origin} has {np.ravel(value)[0]:g} as its {name}; expected {expected:.6g}, as SSDLite "
                "MobileNetV2 has it."
            )


def box_coder_scales(nodes: Nodes) -> tuple[float, float, float, float] | None:
    """The factors for (ty, tx, th, tw) that boxes are decoded with; None where the graph has none of them."""
    found: list[float | None] = []
    for number in range(4):
        name = f"Postprocessor/Decode/{{}}{f'_{number}' if number else ''}"
        plain = [_constant(nodes, f"{name.format(word)}/y") for word in ("truediv", "div")]
        # Where constants were folded, x and y share one, and height and width.
        shared = f"{name.format('div')}_recip" if number % 2 == 0 else ""
        inverse = _constant(nodes, f"ConstantFolding/{shared}")
        value = next((float(each) for each in plain if each is not None and each.shape == ()), None)
        if value is None and inverse is not None:
            value = 1 / float(inverse)
        found.append(found[-1] if value is None and found else value)
    y, x, h, w = (None if each is None else round(each, 4) for each in found)
    return None if y is None or x is None or h is None or w is None else (y, x, h, w)


def is_made_for_8_bits(nodes: Nodes) -> bool:
    """Whether the graph rounds as a network of 8 bits would."""
    return any(node.op.startswith("FakeQuant") for node in nodes.values())


def suppression(nodes: Nodes) -> dict[str, float]:
    """``iou_threshold`` and ``max_detections``, as far as the graph has them."""
    found: dict[str, float] = {}
    for name, node in nodes.items():
        if "NonMaxSuppression" not in name or node.value is None or node.value.shape != ():
            continue
        if name.endswith("iou_threshold"):
            found["iou_threshold"] = round(float(node.value), 6)
    return found


def anchor_shapes(nodes: Nodes) -> Shapes | None:
    """(scale, aspect ratio) of each anchor of a cell, for each map, if the graph makes them of constants."""
    maps: list[tuple[int, list[tuple[float, float]]]] = []
    for name, node in nodes.items():
        if node.op != "Sqrt" or not name.startswith(_ANCHOR_SCOPE):
            continue
        ratios = _constant(nodes, node.inputs[0])
        scales = next(
            (
                value
                for other in nodes.values()
                if other.op == "Mul" and name in other.inputs
                for value in [_constant(nodes, each) for each in other.inputs]
                if value is not None
            ),
            None,
        )
        if ratios is None or scales is None or scales.shape != ratios.shape:
            return None
        number = int(name.rpartition("_")[2]) if name.rpartition("_")[2].isdecimal() else 0
        pairs = zip(scales.ravel().tolist(), ratios.ravel().tolist(), strict=True)
        maps.append((number, [(round(scale, 7), round(ratio, 7)) for scale, ratio in pairs]))
    return [shapes for _, shapes in sorted(maps)] or None


def shapes_of_anchors(
    anchors: FloatArray,
    per_cell: list[int],
    maps_hw: list[tuple[int, int]],
    input_hw: tuple[int, int],
    reference_hw: tuple[int, int],
) -> Shapes:
    """The same from anchors that are all there.

    Args:
        anchors: (A, 4) centre y, centre x, height, width, as shares of the input.
        per_cell: anchors of a cell, for each map.
        maps_hw: height and width of each map in cells.
        input_hw: height and width of the input in pixels.
        reference_hw: height and width in pixels that scales are to be shares of.

    Raises:
        ValueError: their number is another.
    """
    if len(anchors) != sum(count * h * w for count, (h, w) in zip(per_cell, maps_hw, strict=True)):
        raise ValueError(f"{len(anchors)} anchors, which are not those of {input_hw[0]}x{input_hw[1]} pixels")
    maps, start = [], 0
    for count, (rows, columns) in zip(per_cell, maps_hw, strict=True):
        heights = anchors[start : start + count, 2].astype(np.float64) * input_hw[0] / reference_hw[0]
        widths = anchors[start : start + count, 3].astype(np.float64) * input_hw[1] / reference_hw[1]
        pairs = zip(np.sqrt(heights * widths).tolist(), (widths / heights).tolist(), strict=True)
        maps.append([(round(scale, 6), round(ratio, 5)) for scale, ratio in pairs])
        start += count * rows * columns
    return maps


def fit_anchors(
    shapes: Shapes, input_hw: tuple[int, int], reference_hw: tuple[int, int], origin: str
) -> AnchorSpec:
    """The AnchorSpec that has these shapes, whose scales are shares of ``reference_hw``.

    Raises:
        WeightsError: no AnchorSpec has them.
    """
    try:
        if len(shapes) != AnchorSpec().num_maps:
            raise ValueError(f"{len(shapes)} feature maps")
        scales = [each[0][0] for each in shapes]
        step = (scales[-1] - scales[1]) / (len(scales) - 2)
        fitted = AnchorSpec(
            min_scale=round(scales[1] - step, 6),
            max_scale=scales[-1],
            aspect_ratios=tuple(ratio for _, ratio in shapes[1][:-1]),
            first_map=tuple(shapes[0]),
            reference_hw=None if reference_hw == input_hw else reference_hw,
        )
        for found, expected in zip(shapes, fitted.shapes(), strict=True):
            np.testing.assert_allclose(_sides(found), _sides(expected), rtol=0, atol=_TOLERANCE)
    except (AssertionError, ValueError, IndexError) as error:
        raise WeightsError(
            f"{origin} has anchors of another kind; expected six maps with evenly spaced scales, the same "
            "aspect ratios on all but the first, and a square one between two scales."
        ) from error
    return fitted


def check_anchors(
    anchors: FloatArray,
    spec: AnchorSpec,
    maps_hw: list[tuple[int, int]],
    input_hw: tuple[int, int],
    origin: str,
) -> None:
    """Raise WeightsError unless these anchors (A, 4), centre y, centre x, height, width, are the spec's."""
    xyxy = build_anchors(spec, maps_hw, input_hw)
    centre, half = anchors[:, 1::-1], anchors[:, :1:-1] / 2
    if not np.allclose(np.concatenate([centre - half, centre + half], 1), xyxy, rtol=0, atol=_TOLERANCE):
        raise WeightsError(f"{origin} has anchors that lie elsewhere than at the centres of the cells.")


def _sides(shapes: list[tuple[float, float]]) -> NDArray[np.float64]:
    scale, ratio = np.array(shapes, np.float64).T
    return np.stack([scale / np.sqrt(ratio), scale * np.sqrt(ratio)])


def _constant(nodes: Nodes, name: str) -> NDArray[np.generic] | None:
    """The value of a constant, or of what only passes one on."""
    for _ in range(10):
        node = nodes.get(name)
        if node is None or node.op == "Const":
            return None if node is None else node.value
        if node.op not in ("Identity", "Enter", "Cast") or not node.inputs:
            return None
        name = node.inputs[0]
    return None
