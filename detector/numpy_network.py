"""The network in numpy: slow, plain, and what every exported file is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from detector.architecture import LOGITS, build_architecture, layers_of
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.layers import IMAGE, Layer
from detector.spec import ModelSpec
from detector.weights import Weights, fold_batch_norm


class NumpyLayers:
    """Runs the layers of a network one by one in float32.

    Args:
        weights: of the spec's network.
        spec: what network it is.

    Attributes:
        input_hw: height and width of its input.
    """

    def __init__(self, weights: Weights, spec: ModelSpec | ClassifierSpec) -> None:
        self.input_hw = spec.input_hw
        self._layers = layers_of(spec)
        self._folded = fold_batch_norm(weights, self._layers)

    def activations(self, network_input: FloatArray) -> Iterator[tuple[str, FloatArray]]:
        """Every activation by name, (H, W, C): ``image``, then each layer's output.

        A layer with a shortcut gives two: ``NAME_conv`` before the shortcut is added, and ``NAME`` after.
        """
        outputs = {IMAGE: network_input[0]}
        yield IMAGE, network_input[0]
        for layer in self._layers.layers:
            x = self._output(layer, outputs[layer.source])
            if layer.shortcut:
                yield f"{layer.name}_conv", x
                x = x + outputs[layer.shortcut]
            outputs[layer.name] = x
            yield layer.name, x

    def _output(self, layer: Layer, source: FloatArray) -> FloatArray:
        """A layer's output, without its shortcut."""
        if layer.kind == "mean":
            return source.mean(axis=(0, 1), keepdims=True, dtype=np.float32)
        kernel, bias = self._folded[layer.name]
        x = convolve(source, layer, kernel) + bias
        if layer.relu6:
            np.clip(x, 0, 6, out=x)
        return x


class NumpyNetwork(NumpyLayers):
    """Runs a detector; a backend, like those of ``runtime``.

    Args:
        weights: of the spec's network.
        spec: what network it is.
    """

    input = None

    def __init__(self, weights: Weights, spec: ModelSpec) -> None:
        super().__init__(weights, spec)
        self._heads = build_architecture(spec)
        self._columns = len(spec.classes) + 1

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``box_encodings (A, 4)`` and ``class_logits (A, K + 1)`` of one image (1, H, W, 3)."""
        outputs = dict(self.activations(network_input))
        heads = ((self._heads.box_heads, 4), (self._heads.class_heads, self._columns))
        box_encodings, class_logits = (
            np.concatenate([outputs[name].reshape(-1, columns) for name in names]) for names, columns in heads
        )
        return box_encodings, class_logits

    def split(self, count: int) -> Sequence[NumpyNetwork]:
        """This network for every caller."""
        return [self] * count


class NumpyClassifier(NumpyLayers):
    """Runs a classifier.

    Args:
        weights: of the spec's network.
        spec: what network it is.
    """

    def __init__(self, weights: Weights, spec: ClassifierSpec) -> None:
        super().__init__(weights, spec)

    def run(self, network_input: FloatArray) -> FloatArray:
        """``probabilities (K,)`` of one image (1, H, W, 3), normalised."""
        logits = dict(self.activations(network_input))[LOGITS].reshape(-1)
        powers = np.exp(logits - logits.max())
        return np.asarray(powers / powers.sum(), np.float32)


class PooledNetworks:
    """Networks that look at one input at several sizes; a backend, too.

    The input is of the size of the last one, and is made smaller for the others: bilinear, with half-pixel
    centres. Outputs follow one another.

    Args:
        networks: the smallest first.
    """

    input = None

    def __init__(self, networks: Sequence[NumpyNetwork]) -> None:
        self._networks = networks

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``box_encodings (A, 4)`` and ``class_logits (A, K + 1)`` of one image (1, H, W, 3)."""
        outputs = []
        for network in self._networks:
            height, width = network.input_hw
            seen = cv2.resize(network_input[0], (width, height), interpolation=cv2.INTER_LINEAR)
            outputs.append(network.run(seen[None]))
        box_encodings, class_logits = (np.concatenate(each) for each in zip(*outputs, strict=True))
        return box_encodings, class_logits

    def split(self, count: int) -> Sequence[PooledNetworks]:
        """These networks for every caller."""
        return [self] * count


def convolve(x: FloatArray, layer: Layer, kernel: FloatArray) -> FloatArray:
    """A layer's convolution alone, (..., H, W, C) -> (..., H', W', C').

    The padding is TensorFlow's SAME: an odd row of padding goes to the end.
    """
    *images, _, _, _ = x.shape
    if layer.kernel == 1:
        flat: FloatArray = x.reshape(-1, layer.in_channels) @ kernel[0, 0]
        return flat.reshape(*images, *layer.out_hw, -1)
    stride = layer.stride
    rows, columns = layer.out_hw
    none = (0, 0)
    padded = np.pad(x, [*[none] * len(images), *((t // 2, t - t // 2) for t in layer.padding_hw), none])
    summed = np.zeros((*images, rows, columns, layer.out_channels), np.float32)
    for i in range(layer.kernel):
        for j in range(layer.kernel):
            tap = padded[..., i : i + rows * stride : stride, j : j + columns * stride : stride, :]
            summed += tap @ kernel[i, j] if layer.kind == "conv" else tap * kernel[i, j, :, 0]
    return summed
