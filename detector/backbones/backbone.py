"""What a backbone is: its layers, and what the rest has to know about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from detector.layers import LayerBuilder


@dataclass(frozen=True)
class Backbone:
    """A network of ImageNet without its classifier, for heads to read.

    Attributes:
        name: that configs and specs call it by.
        title: that people call it by.
        add_layers: adds all layers for a multiplier of channels to a network that has none yet; their names
            are those of keras.applications.
        feature_maps: the layers at strides 16 and 32 whose outputs the heads read; the last layer is one.
        slim_scope: scope of a layer's variables in the checkpoints of TF-Slim, by the layer's name.
        little, much: the first layers that are trained where little or much of the backbone is. The layers
            before ``much`` see edges and colours, which is of use for any picture, and they take as long as
            all others together.
    """

    name: str
    title: str
    add_layers: Callable[[LayerBuilder, float], object]
    feature_maps: tuple[str, str]
    slim_scope: Callable[[str], str]
    little: str
    much: str
