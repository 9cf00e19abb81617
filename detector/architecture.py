"""The network, layer by layer: MobileNetV2 with SSDLite heads, as plain data.

This one description is walked by everything that needs the network: the TensorFlow model that is
trained, the TFLite writer, the numpy reference, and the counts of parameters and multiply-adds.

Source: Sandler et al., MobileNetV2, 2018, table 2 (backbone) and section 6.2 (SSDLite); layer names of
the backbone are those of keras.applications.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from detector.anchors import build_anchors
from detector.boxes import FloatArray
from detector.spec import ModelSpec

# (expansion, channels, repeats, stride of the first); Sandler et al., table 2.
INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
EXTRA_MAPS = (512, 256, 256, 128)
STRIDE_16_TAP = "block_13_expand"
STRIDE_32_TAP = "Conv_1"
IMAGE = "image"


@dataclass(frozen=True)
class Layer:
    """A convolution with what follows it.

    Attributes:
        name: the layer's name; its weights are ``name/kernel`` (and ``name/bias``).
        source: the layer whose output it reads, or ``"image"``.
        kind: ``"conv"`` or ``"depthwise"``.
        kernel: side of the square kernel; padding is TensorFlow's SAME.
        in_hw, out_hw: height and width in cells.
        batch_norm: name of the batch normalisation that follows; without one there is a bias.
        relu6: name of the ReLU6 that ends it, or none.
        shortcut: the layer whose output is added at the end, or none.
    """

    name: str
    source: str
    kind: Literal["conv", "depthwise"]
    kernel: int
    stride: int
    in_channels: int
    out_channels: int
    in_hw: tuple[int, int]
    out_hw: tuple[int, int]
    batch_norm: str | None
    relu6: str | None
    shortcut: str | None = None

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """(height, width, in, out) of a convolution; (height, width, channels, 1) of a depthwise one."""
        last = (self.in_channels, self.out_channels) if self.kind == "conv" else (self.in_channels, 1)
        return (self.kernel, self.kernel, *last)

    @property
    def padding_hw(self) -> tuple[int, int]:
        """Rows and columns of SAME's padding, both ends together; the odd one goes to the end."""
        rows, columns = (
            max((out - 1) * self.stride + self.kernel - size, 0)
            for out, size in zip(self.out_hw, self.in_hw, strict=True)
        )
        return rows, columns

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each weight by its key, ``layer/variable``."""
        shapes: dict[str, tuple[int, ...]] = {f"{self.name}/kernel": self.kernel_shape}
        if self.batch_norm:
            for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
                shapes[f"{self.batch_norm}/{variable}"] = (self.out_channels,)
        else:
            shapes[f"{self.name}/bias"] = (self.out_channels,)
        return shapes

    @property
    def trainable_parameters(self) -> int:
        """Kernel, and gamma and beta or the bias."""
        height, width, rows, columns = self.kernel_shape
        return height * width * rows * columns + self.out_channels * (2 if self.batch_norm else 1)

    @property
    def multiply_adds(self) -> int:
        """Multiplications of the convolution alone, as the papers count them."""
        height, width, rows, columns = self.kernel_shape
        return self.out_hw[0] * self.out_hw[1] * height * width * rows * columns


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


def scale_channels(channels: int, multiplier: float) -> int:
    """``channels * multiplier`` as a multiple of 8, never more than a tenth below.

    Source: the reference code of MobileNetV2, ``make_divisible``.
    """
    scaled = channels * multiplier
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class _Builder:
    def __init__(self, input_hw: tuple[int, int]) -> None:
        self.layers: list[Layer] = []
        self._outputs: dict[str, tuple[int, tuple[int, int]]] = {IMAGE: (3, input_hw)}

    def add(
        self,
        name: str,
        source: str,
        out_channels: int | None = None,
        *,
        kernel: int = 1,
        stride: int = 1,
        follow: tuple[str | None, str | None] = ("{}_BN", "{}_relu"),
        shortcut: str | None = None,
    ) -> str:
        """Add a convolution (a depthwise one without ``out_channels``) and return its name.

        What may ``follow`` it is named after it: batch normalisation and ReLU6, None for those it lacks.
        """
        batch_norm, relu6 = follow
        in_channels, in_hw = self._outputs[source]
        out_hw = (-(-in_hw[0] // stride), -(-in_hw[1] // stride))
        layer = Layer(
            name=name,
            source=source,
            kind="conv" if out_channels else "depthwise",
            kernel=kernel,
            stride=stride,
            in_channels=in_channels,
            out_channels=out_channels or in_channels,
            in_hw=in_hw,
            out_hw=out_hw,
            batch_norm=batch_norm and batch_norm.format(name),
            relu6=relu6 and relu6.format(name),
            shortcut=shortcut,
        )
        self.layers.append(layer)
        self._outputs[name] = (layer.out_channels, out_hw)
        return name

    def channels(self, name: str) -> int:
        return self._outputs[name][0]


def build_architecture(spec: ModelSpec) -> Architecture:
    """The layers of the network that a spec describes."""
    net = _Builder(spec.input_hw)
    _add_backbone(net, spec.width_multiplier)
    feature_maps = [STRIDE_16_TAP, STRIDE_32_TAP]
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


def _add_backbone(net: _Builder, width: float) -> None:
    x = net.add("Conv1", IMAGE, scale_channels(32, width), kernel=3, stride=2, follow=("bn_{}", "{}_relu"))
    number = 0
    for expansion, channels, repeats, first_stride in INVERTED_RESIDUALS:
        for repeat in range(repeats):
            x = _add_inverted_residual(
                net,
                x,
                prefix=f"block_{number}" if number else "expanded_conv",
                expansion=expansion,
                channels=scale_channels(channels, width),
                stride=first_stride if repeat == 0 else 1,
            )
            number += 1
    # The last layer does not shrink below 1280; Sandler et al., section 6.1.
    net.add(STRIDE_32_TAP, x, scale_channels(1280, max(1.0, width)), follow=("{}_bn", "out_relu"))


def _add_inverted_residual(
    net: _Builder, source: str, *, prefix: str, expansion: int, channels: int, stride: int
) -> str:
    in_channels = net.channels(source)
    x = source
    if expansion > 1:
        x = net.add(f"{prefix}_expand", x, in_channels * expansion)
    x = net.add(f"{prefix}_depthwise", x, kernel=3, stride=stride)
    shortcut = source if stride == 1 and in_channels == channels else None
    return net.add(f"{prefix}_project", x, channels, follow=("{}_BN", None), shortcut=shortcut)
