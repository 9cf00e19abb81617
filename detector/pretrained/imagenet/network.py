"""A classifier of ImageNet as a backbone of this project, and the classifier on top."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detector.backbones import BACKBONES
from detector.backbones.backbone import Backbone
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.layers import Layer, LayerBuilder

VARIABLES = ("gamma", "beta", "moving_mean", "moving_variance")
_USUAL_WIDTHS = (1.0, 0.75, 0.5, 0.35, 0.25, 1.3, 1.4)
_MOST_WIDTH = 4.0
_ANY_SIZE = (32, 32)  # widths do not depend on it


@dataclass(frozen=True)
class Convolution:
    """The weights of a layer with its batch normalisation.

    Attributes:
        kernel: (height, width, in, out), or (height, width, channels, 1) of a depthwise layer.
        norm: gamma, beta, moving mean and moving variance, for this project's epsilon.
    """

    kernel: FloatArray
    norm: tuple[FloatArray, FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True)
class ImagenetNetwork:
    """What was read.

    Attributes:
        backbone: name of the backbone.
        width: its multiplier of channels.
        weights: of the backbone, by key.
        kernel, bias: of the classifier on the mean of the last layer, (channels, classes) and (classes,);
            None where there is none.
        notes: a sentence each on what is not as it was where it comes from.
    """

    backbone: str
    width: float
    weights: dict[str, FloatArray]
    kernel: FloatArray | None = None
    bias: FloatArray | None = None
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What people call it, such as ``MobileNetV2 1.0``."""
        return f"{BACKBONES[self.backbone].title} {float(self.width)}"


def backbone_layers(backbone: Backbone, width: float, input_hw: tuple[int, int] = _ANY_SIZE) -> list[Layer]:
    """The layers of a backbone alone."""
    net = LayerBuilder(input_hw)
    backbone.add_layers(net, width)
    return net.layers


def backbone_of_length(count: int, origin: str, found: str) -> Backbone:
    """The backbone that has so many layers.

    Args:
        count: of convolutions with batch normalisation.
        origin: what messages call the file.
        found: what it seems to be.

    Raises:
        WeightsError: there is none.
    """
    for backbone in BACKBONES.values():
        if len(backbone_layers(backbone, 1.0)) == count:
            return backbone
    raise WeightsError(
        f"{origin} has {count} convolutions with batch normalisation ({found}); expected "
        f"{' or '.join(each.title for each in BACKBONES.values())} as a classifier of ImageNet."
    )


def build_network(
    backbone: Backbone,
    convolutions: Sequence[Convolution],
    classifier: tuple[FloatArray, FloatArray] | None,
    origin: str,
    notes: Iterable[str] = (),
) -> ImagenetNetwork:
    """The network of these convolutions, in the order of the backbone's layers, of whatever width they are.

    Raises:
        WeightsError: they are those of no such backbone, or not finite.
    """
    width = _find_width(backbone, [each.kernel.shape for each in convolutions], origin)
    weights: dict[str, FloatArray] = {}
    for layer, found in zip(backbone_layers(backbone, width), convolutions, strict=True):
        weights[f"{layer.name}/kernel"] = found.kernel
        for variable, values in zip(VARIABLES, found.norm, strict=True):
            weights[f"{layer.batch_norm}/{variable}"] = values
        for key, shape in layer.weight_shapes.items():
            weights[key] = np.ascontiguousarray(weights[key], np.float32)
            if weights[key].shape != shape or not np.isfinite(weights[key]).all():
                raise WeightsError(
                    f"{origin} is damaged: {key} should be finite numbers of the shape {shape} and has the "
                    f"shape {weights[key].shape}."
                )
    kernel, bias = classifier or (None, None)
    if kernel is not None and bias is not None:
        channels = layer.out_channels
        if kernel.shape != (channels, len(bias)) or bias.ndim != 1:
            raise WeightsError(
                f"{origin} has a classifier of the shape {kernel.shape}; expected ({channels}, classes), "
                "with a bias for each class."
            )
    return ImagenetNetwork(backbone.name, width, weights, kernel, bias, tuple(notes))


def _find_width(backbone: Backbone, shapes: Sequence[tuple[int, ...]], origin: str) -> float:
    """The multiplier of channels with which a backbone has kernels of these shapes."""
    steps = (round(step / 100, 2) for step in range(1, round(100 * _MOST_WIDTH) + 1))
    closest: tuple[int, str] = (-1, "")
    for width in (*_USUAL_WIDTHS, *steps):
        layers = backbone_layers(backbone, width)
        agreeing = 0
        for layer, shape in zip(layers, shapes, strict=True):
            if layer.kernel_shape != shape:
                break
            agreeing += 1
        if agreeing == len(layers):
            return width
        layer, shape = layers[agreeing], shapes[agreeing]
        told = f"its kernel {layer.name} has the shape {shape}, at width {width:g} it is {layer.kernel_shape}"
        closest = max(closest, (agreeing, told), key=lambda each: each[0])
    raise WeightsError(f"{origin} has kernels as no {backbone.title} has them: {closest[1]}.")
