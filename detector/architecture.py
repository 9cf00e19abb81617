"""The network, layer by layer: a backbone with SSDLite heads, or with a classifier, as plain data.

This one description is walked by everything that needs the network: the TensorFlow model that is
trained, the TFLite writer, the numpy reference, and the counts of parameters and multiply-adds.

Source: Sandler et al., MobileNetV2, 2018, section 6.2 (SSDLite).
"""

from __future__ import annotations

from dataclasses import dataclass

from detector.anchors import build_anchors
from detector.backbones import BACKBONES
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.layers import LayerBuilder, Layers, scale_channels
from detector.spec import ModelSpec

POOL, LOGITS = "global_pool", "logits"  # the last layers of a classifier
PROBABILITIES = "probabilities"  # what its files call the softmax of the logits
EXTRA_MAPS = (512, 256, 256, 128)


@dataclass(frozen=True)
class Architecture(Layers):
    """Every layer of a detector, and where the heads are.

    Attributes:
        feature_maps: the layers whose outputs the heads read, finest map first.
        box_heads, class_heads: the layers whose outputs are the box encodings and class logits of each map.
    """

    feature_maps: tuple[str, ...]
    box_heads: tuple[str, ...]
    class_heads: tuple[str, ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the heads' last layers."""
        return (*self.box_heads, *self.class_heads)

    @property
    def feature_map_sizes_hw(self) -> list[tuple[int, int]]:
        """(height, width) of each feature map in cells."""
        return [self[name].out_hw for name in self.feature_maps]


def build_architecture(spec: ModelSpec) -> Architecture:
    """The layers of the network that a spec describes."""
    net = LayerBuilder(spec.input_hw)
    backbone = BACKBONES[spec.backbone]
    backbone.add_layers(net, spec.width_multiplier)
    feature_maps = list(backbone.feature_maps)
    for number, channels in enumerate(EXTRA_MAPS, start=2):
        depth = scale_channels(channels, spec.width_multiplier)
        half = scale_channels(channels // 2, spec.width_multiplier)
        x = net.add(f"extra_{number}_reduce", feature_maps[-1], half)
        x = net.add(f"extra_{number}_depthwise", x, kernel=3, stride=2)
        feature_maps.append(net.add(f"extra_{number}_project", x, depth))
    heads: dict[str, list[str]] = {"box_head": [], "class_head": []}
    for number, (source, anchors) in enumerate(zip(feature_maps, spec.anchors.per_cell(), strict=True)):
        for head, columns in (("box_head", 4), ("class_head", len(spec.classes) + 1)):
            x = net.add(f"{head}_{number}_depthwise", source, kernel=3)
            x = net.add(f"{head}_{number}", x, anchors * columns, follow=(None, None))
            heads[head].append(x)
    return Architecture(
        tuple(net.layers), tuple(feature_maps), tuple(heads["box_head"]), tuple(heads["class_head"])
    )


def layers_of(spec: ModelSpec | ClassifierSpec) -> Layers:
    """The layers of a detector or of a classifier."""
    return build_architecture(spec) if isinstance(spec, ModelSpec) else build_classifier(spec)


def build_classifier(spec: ClassifierSpec) -> Layers:
    """The layers of the classifier that a spec describes: its backbone, the mean of what that sees over the
    picture, and the logits of the classes.
    """
    net = LayerBuilder(spec.input_hw)
    backbone = BACKBONES[spec.backbone]
    backbone.add_layers(net, spec.width_multiplier)
    x = net.add_mean(POOL, backbone.feature_maps[-1])
    net.add(LOGITS, x, len(spec.classes), follow=(None, None))
    return Layers(tuple(net.layers))


def crossing_layers(network: Layers, first: str) -> tuple[str, ...]:
    """Names of the layers before ``first`` whose outputs are read by it or by a layer after it, or are the
    network's, in order.

    Raises:
        ValueError: there is no such layer.
    """
    names = [layer.name for layer in network.layers]
    cut = names.index(first)
    later = network.layers[cut:]
    read = {source for layer in later for source in (layer.source, layer.shortcut)}
    read.update(network.outputs)
    return tuple(name for name in names[:cut] if name in read)


def anchors_of(spec: ModelSpec) -> FloatArray:
    """All anchors of the network that a spec describes, (A, 4) xyxy; see ``build_anchors``."""
    return build_anchors(spec.anchors, build_architecture(spec).feature_map_sizes_hw, spec.input_hw)
