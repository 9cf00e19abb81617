"""The layers of a foreign SSDLite MobileNetV2 under this project's names, whatever their widths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from detector.architecture import build_architecture
from detector.backbones.mobilenet_v2 import MOBILENET_V2
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.spec import ModelSpec
from detector.weights import BATCH_NORM_EPSILON, fit_epsilon

_BACKBONE = "FeatureExtractor/MobilenetV2"
_HEADS = {"box": "BoxEncodingPredictor", "class": "ClassPredictor"}
_VARIABLES = ("gamma", "beta", "moving_mean", "moving_variance")
NAMES = tuple(build_architecture(ModelSpec("any", ("any",))).layers)  # of which name and kind are the same

# What names say of the architecture, the more telling first.
_ARCHITECTURES = (
    (
        r"FeatureExtractor/.*/fpn|fpn/|WeightSharedConvolutionalBoxPredictor",
        "SSD with a feature pyramid (FPN)",
    ),
    (r"^FirstStage|^SecondStage", "Faster R-CNN or R-FCN"),
    (r"FeatureExtractor/MobilenetV1", "SSD MobileNetV1"),
    (r"FeatureExtractor/MobilenetV3", "SSD MobileNetV3"),
    (r"FeatureExtractor/MobilenetEdgeTPU", "SSD MobileNet EdgeTPU"),
    (r"FeatureExtractor/InceptionV\d", "SSD Inception"),
    (r"FeatureExtractor/resnet", "SSD ResNet"),
    (r"efficientnet|efficientdet", "EfficientDet"),
    (r"CenterNet|center_net", "CenterNet"),
    (r"^MobilenetV1/", "a MobileNetV1 classifier"),
    (r"^MobilenetV2/", "a MobileNetV2 classifier"),
    (r"yolo|darknet", "YOLO"),
    (
        r"_CHECKPOINTABLE_OBJECT_GRAPH|/\.ATTRIBUTES/|^StatefulPartitionedCall",
        "a Keras model of TensorFlow 2",
    ),
)


@dataclass(frozen=True)
class ForeignLayer:
    """The weights of a layer.

    Attributes:
        kernel: (height, width, in, out), or (height, width, channels, 1) of a depthwise layer.
        norm: gamma, beta, moving mean and moving variance, where batch normalisation follows.
        bias: where none follows.
        folded: whether its normalisation's scale lies in the kernel.
    """

    kernel: FloatArray
    norm: tuple[FloatArray, ...] = ()
    bias: FloatArray | None = None
    folded: bool = False

    @property
    def out_channels(self) -> int:
        """Of what comes out."""
        return len(self.norm[0] if self.bias is None else self.bias)


def folded_layer(kernel: FloatArray, bias: FloatArray, *, normalised: bool) -> ForeignLayer:
    """A layer whose kernel has everything in it; ``normalised`` where batch normalisation belongs to it."""
    if not normalised:
        return ForeignLayer(kernel, bias=bias)
    ones = np.ones_like(bias)
    return ForeignLayer(
        kernel, (ones, bias, np.zeros_like(bias), ones - np.float32(BATCH_NORM_EPSILON)), folded=True
    )


def name_architecture(names: Iterable[str]) -> str:
    """What the names of tensors and nodes say that a model is."""
    found = list(names)
    for pattern, title in _ARCHITECTURES:
        if any(re.search(pattern, name) for name in found):
            return title
    if any("ClassPredictor_depthwise" in name for name in found):
        return "an SSDLite whose layers are not those of MobileNetV2, or were renamed by a converter"
    if any(_BACKBONE in name for name in found):
        return "SSD MobileNetV2 whose heads are full convolutions (SSD, not SSDLite)"
    return "one that is not known here"


def slim_layers(
    tensors: Mapping[str, FloatArray], epsilons: Mapping[str, float], names: Iterable[str], origin: str
) -> dict[str, ForeignLayer]:
    """The layers from tensors under the names of TF-Slim, by this project's names.

    Args:
        tensors: by their published names.
        epsilons: of batch normalisations, by scope, where they are known.
        names: of all that is in the model, to say what it is if it is another.
        origin: what messages call it.

    Raises:
        WeightsError: it is another architecture, which is named.
    """
    extras = _extra_scopes(tensors)
    layers = {}
    for layer in NAMES:
        scope = _scope(layer.name, extras)
        try:
            layers[layer.name] = read_slim_layer(
                tensors, scope, layer.kind, layer.batch_norm is not None, epsilons
            )
        except KeyError as error:
            raise WeightsError(
                f"{origin} is of another architecture: {name_architecture(names)}; expected SSDLite "
                f"MobileNetV2, with the tensor {error}."
            ) from error
    return layers


def _extra_scopes(tensors: Mapping[str, FloatArray]) -> dict[tuple[str, str], str]:
    """Scopes of the extra layers, whose names have their widths in them, by number and part."""
    pattern = re.compile(rf"({_BACKBONE}/layer_19_([12])_Conv2d_(\d)_[^/]*)/")
    found = {}
    for name in tensors:
        if match := pattern.match(name):
            scope, half, number = match.groups()
            part = "reduce" if half == "1" else "depthwise" if scope.endswith("_depthwise") else "project"
            found[number, part] = scope
    return found


def _scope(name: str, extras: Mapping[tuple[str, str], str]) -> str:
    if match := re.fullmatch(r"(box|class)_head_(\d)(_depthwise)?", name):
        return f"BoxPredictor_{match[2]}/{_HEADS[match[1]]}{match[3] or ''}"
    if match := re.fullmatch(r"extra_(\d)_(\w+)", name):
        return extras.get((match[1], match[2]), f"{_BACKBONE}/layer_19 {name}")
    return f"FeatureExtractor/{MOBILENET_V2.slim_scope(name)}"


def read_slim_layer(
    tensors: Mapping[str, FloatArray],
    scope: str,
    kind: str,
    normalised: bool,
    epsilons: Mapping[str, float],
) -> ForeignLayer:
    """The weights of the layer in a scope of TF-Slim; see ``slim_layers``.

    Raises:
        KeyError: with the name of the tensor that is missing.
    """
    norm = f"{scope}/BatchNorm"
    merged = tensors.get(f"{scope}/Conv2D/merged_input")
    name = f"{scope}/{'weights' if kind == 'conv' else 'depthwise_weights'}"
    kernel = tensors[name] if merged is None else merged
    if not normalised:
        return ForeignLayer(kernel, bias=tensors[f"{scope}/biases"])
    if merged is None and f"{norm}/moving_variance" in tensors:
        gamma, beta, mean, variance = (tensors[f"{norm}/{variable}"] for variable in _VARIABLES)
        epsilon = epsilons.get(scope, BATCH_NORM_EPSILON)
        if not np.isclose(epsilon, BATCH_NORM_EPSILON, rtol=1e-4):
            gamma = fit_epsilon(gamma, variance, epsilon)
        return ForeignLayer(kernel, (gamma, beta, mean, variance))
    if merged is None:
        factor = tensors[f"{norm}/batchnorm/mul"]
        kernel = kernel * (factor if kind == "conv" else factor[:, None])
    return folded_layer(kernel, tensors[f"{norm}/batchnorm/sub"], normalised=True)


def check_kinds(layers: Mapping[str, ForeignLayer], origin: str) -> None:
    """Raise WeightsError unless kernels fit each other and the network's layout."""
    for layer in NAMES:
        found = layers[layer.name]
        side = layer.kernel
        depth = 1 if layer.kind == "depthwise" else None
        before = layers[layer.source].out_channels if layer.source in layers else 3
        shape = found.kernel.shape
        expected = (side, side, before, depth or found.out_channels)
        if len(shape) != 4 or shape != expected:
            raise WeightsError(
                f"{origin} has another layer {layer.name}: its kernel has the shape {shape}, expected "
                f"{expected}."
            )
        for vector in (*found.norm, *([] if found.bias is None else [found.bias])):
            if vector.shape != (found.out_channels,):
                raise WeightsError(
                    f"{origin} is damaged: {layer.name} has {found.out_channels} channels and a vector of "
                    f"the shape {vector.shape}."
                )
