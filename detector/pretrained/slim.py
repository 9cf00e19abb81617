"""From the names and layouts of TF-Slim to this project's weights."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from detector.architecture import Architecture, Layer, build_architecture
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.labels import COCO_IDS
from detector.pretrained.folded_batch_norm import Statistics, unfold_batch_norm
from detector.spec import ModelSpec
from detector.weights import BATCH_NORM_EPSILON, check_weights

_BACKBONE = "FeatureExtractor/MobilenetV2"
_HEADS = {"box": "BoxEncodingPredictor", "class": "ClassPredictor"}
_NUM_COLUMNS = 91  # background and COCO's ids 1 to 90


def slim_name(layer: Layer, architecture: Architecture) -> str:
    """The scope of a layer's variables in TF-Slim and the TensorFlow Object Detection API."""
    if layer.name == "Conv1":
        return f"{_BACKBONE}/Conv"
    if layer.name == "Conv_1":
        return f"{_BACKBONE}/Conv_1"
    if match := re.fullmatch(r"expanded_conv_(\w+)", layer.name):
        return f"{_BACKBONE}/expanded_conv/{match[1]}"
    if match := re.fullmatch(r"block_(\d+)_(\w+)", layer.name):
        return f"{_BACKBONE}/expanded_conv_{match[1]}/{match[2]}"
    if match := re.fullmatch(r"(box|class)_head_(\d)(_depthwise)?", layer.name):
        return f"BoxPredictor_{match[2]}/{_HEADS[match[1]]}{match[3] or ''}"
    match = re.fullmatch(r"extra_(\d)_(reduce|depthwise|project)", layer.name)
    assert match, layer.name
    number, part = match.groups()
    if part == "reduce":
        return f"{_BACKBONE}/layer_19_1_Conv2d_{number}_1x1_{layer.out_channels}"
    depth = architecture[f"extra_{number}_project"].out_channels
    suffix = "_depthwise" if part == "depthwise" else ""
    return f"{_BACKBONE}/layer_19_2_Conv2d_{number}_3x3_s2_{depth}{suffix}"


def slim_to_weights(
    tensors: Mapping[str, FloatArray], spec: ModelSpec, statistics: Statistics
) -> dict[str, FloatArray]:
    """This project's weights from a released model's tensors.

    Of the 91 class columns the background and the 80 that COCO uses are kept. Batch normalisation that
    comes folded becomes proper batch normalisation again, with the given statistics.

    Args:
        tensors: arrays by their published names, from ``read_tensors``.
        spec: the released model's spec, with COCO's 80 classes.
        statistics: mean and variance at the input of each batch normalisation.

    Raises:
        WeightsError: a tensor is missing or has another shape.
    """
    architecture = build_architecture(spec)
    weights: dict[str, FloatArray] = {}
    folded = []
    for layer in architecture.layers:
        scope = slim_name(layer, architecture)
        try:
            if _read_layer(weights, layer, scope, tensors):
                folded.append(layer)
        except KeyError as error:
            raise WeightsError(
                f"The model lacks the tensor {error}; it is not SSDLite MobileNetV2."
            ) from error
    unfold_batch_norm(weights, folded, statistics)
    anchors_of = dict(zip(architecture.class_heads, spec.anchors.per_cell(), strict=True))
    for head, anchors in anchors_of.items():
        for variable in ("kernel", "bias"):
            key = f"{head}/{variable}"
            weights[key] = _keep_used_columns(weights[key], anchors)
    check_weights(weights, architecture, origin="the released model")
    return weights


def _read_layer(
    weights: dict[str, FloatArray], layer: Layer, scope: str, tensors: Mapping[str, FloatArray]
) -> bool:
    """Put one layer's weights under their keys; True when its batch normalisation came folded."""
    norm = f"{scope}/BatchNorm"
    kernel_key = f"{layer.name}/kernel"
    merged = f"{scope}/Conv2D/merged_input"
    if merged in tensors:
        weights[kernel_key] = tensors[merged]
    else:
        weights[kernel_key] = tensors[f"{scope}/{'weights' if layer.kind == 'conv' else 'depthwise_weights'}"]
    if layer.batch_norm is None:
        weights[f"{layer.name}/bias"] = tensors[f"{scope}/biases"]
        return False
    if f"{norm}/moving_variance" in tensors and merged not in tensors:
        for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
            weights[f"{layer.batch_norm}/{variable}"] = tensors[f"{norm}/{variable}"]
        return False
    if merged not in tensors:
        factor = tensors[f"{norm}/batchnorm/mul"]
        weights[kernel_key] = weights[kernel_key] * (factor if layer.kind == "conv" else factor[:, None])
    ones = np.ones(layer.out_channels, np.float32)
    weights[f"{layer.batch_norm}/gamma"] = ones
    weights[f"{layer.batch_norm}/beta"] = tensors[f"{norm}/batchnorm/sub"]
    weights[f"{layer.batch_norm}/moving_mean"] = np.zeros_like(ones)
    weights[f"{layer.batch_norm}/moving_variance"] = ones - np.float32(BATCH_NORM_EPSILON)
    return True


def _keep_used_columns(values: FloatArray, anchors: int) -> FloatArray:
    if values.shape[-1] != anchors * _NUM_COLUMNS:
        raise WeightsError(
            f"A class head should have {anchors} x {_NUM_COLUMNS} columns and has {values.shape[-1]}; "
            "it is not the released COCO model."
        )
    columns = [0, *COCO_IDS.values()]
    per_anchor = values.reshape(*values.shape[:-1], anchors, _NUM_COLUMNS)
    return np.ascontiguousarray(per_anchor[..., columns].reshape(*values.shape[:-1], -1))
