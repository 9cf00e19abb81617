"""What networks are made of: convolutions with what follows them, and a mean, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

IMAGE = "image"


@dataclass(frozen=True)
class Layer:
    """A convolution with what follows it, or the mean over all cells.

    Attributes:
        name: the layer's name; its weights are ``name/kernel`` (and ``name/bias``).
        source: the layer whose output it reads, or ``"image"``.
        kind: ``"conv"``, ``"depthwise"`` or ``"mean"``.
        kernel: side of the square kernel; padding is TensorFlow's SAME. A mean has none: 0.
        in_hw, out_hw: height and width in cells.
        batch_norm: name of the batch normalisation that follows; without one there is a bias.
        relu6: name of the ReLU6 that ends it, or none.
        shortcut: the layer whose output is added at the end, or none.
    """

    name: str
    source: str
    kind: Literal["conv", "depthwise", "mean"]
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
        """(height, width, in, out) of a convolution; (height, width, channels, 1) of a depthwise one; of a
        mean nothing but zeros.
        """
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
        """Shape of each weight by its key, ``layer/variable``; a mean has none."""
        if self.kind == "mean":
            return {}
        shapes: dict[str, tuple[int, ...]] = {f"{self.name}/kernel": self.kernel_shape}
        if self.batch_norm:
            for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
                shapes[f"{self.batch_norm}/{variable}"] = (self.out_channels,)
        else:
            shapes[f"{self.name}/bias"] = (self.out_channels,)
        return shapes

    @property
    def trainable_parameters(self) -> int:
        """Kernel, and gamma and beta or the bias; 0 of a mean."""
        if self.kind == "mean":
            return 0
        height, width, rows, columns = self.kernel_shape
        return height * width * rows * columns + self.out_channels * (2 if self.batch_norm else 1)

    @property
    def multiply_adds(self) -> int:
        """Multiplications of the convolution alone, as the papers count them."""
        height, width, rows, columns = self.kernel_shape
        return self.out_hw[0] * self.out_hw[1] * height * width * rows * columns


@dataclass(frozen=True)
class Layers:
    """Every layer of a network, or of a part of one, in an order in which it can run.

    Attributes:
        layers: all layers; a layer comes after those that it reads.
    """

    layers: tuple[Layer, ...]

    def __getitem__(self, name: str) -> Layer:
        """The layer of that name."""
        return next(layer for layer in self.layers if layer.name == name)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the layers whose outputs are the network's."""
        return (self.layers[-1].name,)

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


class LayerBuilder:
    """Puts layers one after another.

    Args:
        input_hw: height and width of the image in pixels.

    Attributes:
        layers: those that were added, in their order.
    """

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

    def add_mean(self, name: str, source: str) -> str:
        """Add the mean over all cells of a layer's output, and return its name."""
        channels, in_hw = self._outputs[source]
        self.layers.append(Layer(name, source, "mean", 0, 1, channels, channels, in_hw, (1, 1), None, None))
        self._outputs[name] = (channels, (1, 1))
        return name

    def channels(self, name: str) -> int:
        """How many channels a layer's output has."""
        return self._outputs[name][0]
