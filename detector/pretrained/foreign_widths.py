"""A foreign network's layers in a network of this project: its multiplier, and zeros where it is narrower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from detector.architecture import Architecture, build_architecture
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.layers import Layer
from detector.pretrained.foreign_layers import ForeignLayer
from detector.spec import ModelSpec

_USUAL = (1.0, 0.75, 0.5, 0.35, 1.3, 1.4)
_STEP, _MOST = 0.01, 4.0


def fit_width(spec: ModelSpec, layers: Mapping[str, ForeignLayer], origin: str) -> ModelSpec:
    """The spec with the multiplier of the narrowest network that these layers fit into.

    The Object Detection API rounds some widths otherwise than MobileNetV2 does, and narrows the last layer,
    too. What lacks channels is filled with zeros, which computes the same.

    Raises:
        WeightsError: there is none.
    """
    first = [width for width in (spec.width_multiplier, *_USUAL) if _missing(spec, width, layers) == 0]
    if first:
        return replace(spec, width_multiplier=first[0])
    steps = [*_USUAL, *(round(_STEP * step, 2) for step in range(1, round(_MOST / _STEP) + 1))]
    fitting = {width: missing for width in steps if (missing := _missing(spec, width, layers)) is not None}
    if not fitting:
        raise WeightsError(f"{origin} has layers as wide as no MobileNetV2 has them.")
    return replace(spec, width_multiplier=min(fitting, key=lambda width: fitting[width]))


def _missing(spec: ModelSpec, width: float, layers: Mapping[str, ForeignLayer]) -> int | None:
    """How many channels of a network of that width would be zeros; None where the layers do not fit."""
    architecture = build_architecture(replace(spec, width_multiplier=width))
    missing = 0
    for layer in architecture.layers:
        if layer.name in (*architecture.box_heads, *architecture.class_heads):
            continue
        more = layer.out_channels - layers[layer.name].out_channels
        if more < 0 or bool(layer.shortcut) != _has_shortcut(layer, architecture, layers):
            return None
        missing += more
    return missing


def _has_shortcut(layer: Layer, architecture: Architecture, layers: Mapping[str, ForeignLayer]) -> bool:
    """Whether the foreign network adds a block's input to its output."""
    prefix, _, part = layer.name.rpartition("_")
    if part != "project" or not prefix.startswith(("block", "expanded")):
        return False
    depthwise = architecture[layer.source]
    before = architecture[depthwise.source].source if prefix.startswith("block") else depthwise.source
    return depthwise.stride == 1 and layers[before].out_channels == layers[layer.name].out_channels


def to_weights(
    spec: ModelSpec, layers: Mapping[str, ForeignLayer], columns: Sequence[int]
) -> dict[str, FloatArray]:
    """The network's weights.

    Args:
        spec: of the network; its classes are those of ``columns`` but the first.
        layers: by name.
        columns: of the class heads that are kept, background first.
    """
    architecture = build_architecture(spec)
    anchors = dict(zip(architecture.class_heads, spec.anchors.per_cell(), strict=True))
    weights = {}
    for layer in architecture.layers:
        found = layers[layer.name]
        if layer.name in anchors:
            found = _keep_columns(found, anchors[layer.name], columns)
        weights[f"{layer.name}/kernel"] = _filled(found.kernel, layer.kernel_shape)
        if found.bias is not None:
            weights[f"{layer.name}/bias"] = _filled(found.bias, (layer.out_channels,))
            continue
        for variable, values in zip(
            ("gamma", "beta", "moving_mean", "moving_variance"), found.norm, strict=True
        ):
            fill = 0.0 if variable in ("beta", "moving_mean") else 1.0
            weights[f"{layer.batch_norm}/{variable}"] = _filled(values, (layer.out_channels,), fill)
    return weights


def _keep_columns(layer: ForeignLayer, anchors: int, columns: Sequence[int]) -> ForeignLayer:
    assert layer.bias is not None

    def keep(values: FloatArray) -> FloatArray:
        per_anchor = values.reshape(*values.shape[:-1], anchors, -1)[..., list(columns)]
        return np.ascontiguousarray(per_anchor.reshape(*values.shape[:-1], -1))

    return ForeignLayer(keep(layer.kernel), bias=keep(layer.bias))


def _filled(values: FloatArray, shape: tuple[int, ...], fill: float = 0.0) -> FloatArray:
    """The values in an array of that shape, at its start; ``fill`` in the rest."""
    if values.shape == shape:
        return np.ascontiguousarray(values, np.float32)
    filled = np.full(shape, fill, np.float32)
    filled[tuple(slice(size) for size in values.shape)] = values
    return filled
