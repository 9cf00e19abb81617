"""The network, layer by layer: a backbone with SSDLite heads, as plain data.

This one description is walked by everything that needs the network: the TensorFlow model that is
trained, the TFLite writer, the numpy reference, and the counts of parameters and multiply-adds.

Source: Sandler et al., MobileNetV2, 2018, section 6.2 (SSDLite).
"""

from __future__ import annotations

from dataclasses import dataclass

from detector.anchors import build_anchors
from detector.backbones import BACKBONES
from detector.boxes import FloatArray
from detector.layers import Layer, LayerBuilder, scale_channels
from detector.spec import ModelSpec

EXTRA_MAPS = (512, 256, 256, 128)


@dataclass(frozen=True)
class Architecture:
    """Every layer in an order in which it can run, and where the heads are.

    Attributes:
        layers: all layers; a layer comes after those that it reads.
        feature_maps: the layers whose outputs the heads read, finest map first.
        box_heads, class_heads: the layers whose outputs are the box encodings and class logits of each map.
    """

    layers: tuple[Layer, ...]
    feature_maps: tuple[str, ...]
    box_heads: tuple[str, ...]
    class_heads: tuple[str, ...]

    def __getitem__(self, name: str) -> Layer:
        """The layer of that name."""
        return next(layer for layer in self.layers if layer.name == name)

    @property
    def feature_map_sizes_hw(self) -> list[tuple[int, int]]:
        """(height, width) of each feature map in cells."""
        return [self[name].out_hw for name in self.feature_maps]

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each weight of the network by its key, ``layer/variable``."""
        return {key: shape for layer in self.layers for key, shape in layer.weight_shapes.items()}

    @property
    def trainable_parameters(self) -> int:
        """Number of trainable parameters; batch normalisation's moving statistics are not among them."""
        return sum(layer.trainable_parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one forward pass of one image."""
        return sum(layer.multiply_adds for layer in self.layers)


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


def crossing_layers(architecture: Architecture, first: str) -> tuple[str, ...]:
    """Names of the layers before ``first`` whose outputs are read by it or by a layer after it, or are the
    network's, in order.

    Raises:
        ValueError: there is no such layer.
    """
    names = [layer.name for layer in architecture.layers]
    cut = names.index(first)
    later = architecture.layers[cut:]
    read = {source for layer in later for source in (layer.source, layer.shortcut)}
    read.update(architecture.box_heads, architecture.class_heads)
    return tuple(name for name in names[:cut] if name in read)


def anchors_of(spec: ModelSpec) -> FloatArray:
    """All anchors of the network that a spec describes, (A, 4) xyxy; see ``build_anchors``."""
    return build_anchors(spec.anchors, build_architecture(spec).feature_map_sizes_hw, spec.input_hw)
