"""Batch normalisation that was folded into its convolution, made whole again.

Some releases carry only kernels already multiplied by the normalisation's scale, and a shift. That is exact
at inference, but training with batch statistics on it starts from a different function. Given the mean m
and variance v that the layer sees on real images, ``gamma = sqrt(v + eps)``, ``beta = shift + m``,
``moving_mean = m`` and ``moving_variance = v`` compute the same at inference and nearly the same in training.

The statistics of the released model lie beside this file. To measure them again:
``python -m detector.pretrained.folded_batch_norm MODEL IMAGE_FOLDER OUTPUT.npz``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from detector.architecture import Architecture, build_architecture
from detector.boxes import FloatArray
from detector.layers import IMAGE, Layer
from detector.numpy_network import convolve
from detector.weights import BATCH_NORM_EPSILON, Weights, fold_batch_norm

# layer/mean and layer/variance at the input of the layer's batch normalisation, its kernel being folded
Statistics = Mapping[str, FloatArray]


def unfold_batch_norm(
    weights: dict[str, FloatArray], layers: Iterable[Layer], statistics: Statistics
) -> None:
    """Give the named layers proper batch normalisation, in place; what they compute at inference stays.

    Args:
        weights: kernels with the scale folded in, and the shift as ``beta``.
        layers: the layers whose batch normalisation came folded.
        statistics: ``layer/mean`` and ``layer/variance``, each (out_channels,).
    """
    for layer in layers:
        mean, variance = statistics[f"{layer.name}/mean"], statistics[f"{layer.name}/variance"]
        weights[f"{layer.batch_norm}/gamma"] = np.sqrt(variance + np.float32(BATCH_NORM_EPSILON))
        weights[f"{layer.batch_norm}/beta"] = weights[f"{layer.batch_norm}/beta"] + mean
        weights[f"{layer.batch_norm}/moving_mean"] = mean
        weights[f"{layer.batch_norm}/moving_variance"] = variance


def measure_statistics(
    weights: Weights, architecture: Architecture, images: FloatArray
) -> dict[str, FloatArray]:
    """Mean and variance per channel at the input of every batch normalisation.

    Args:
        weights: the network's weights; their batch normalisation is folded first.
        architecture: the network.
        images: (B, H, W, 3) float32, as the network takes them.

    Returns:
        ``layer/mean`` and ``layer/variance`` for ``unfold_batch_norm``.
    """
    folded = fold_batch_norm(weights, architecture)
    last_use = {name: layer for layer in architecture.layers for name in (layer.source, layer.shortcut)}
    outputs = {IMAGE: images}
    statistics: dict[str, FloatArray] = {}
    for layer in architecture.layers:
        kernel, shift = folded[layer.name]
        x = convolve(outputs[layer.source], layer, kernel)
        if layer.batch_norm:
            statistics[f"{layer.name}/mean"] = x.mean((0, 1, 2), np.float64).astype(np.float32)
            statistics[f"{layer.name}/variance"] = x.var((0, 1, 2), np.float64).astype(np.float32)
        x += shift
        if layer.relu6:
            np.clip(x, 0, 6, out=x)
        if layer.shortcut:
            x += outputs[layer.shortcut]
        outputs[layer.name] = x
        for name in [name for name in outputs if last_use.get(name) in (layer, None)]:
            del outputs[name]
    return statistics


def _main(model: str, folder: str, output: str) -> None:
    from detector.images import find_images, load_image
    from detector.preprocess import Preprocessor
    from detector.weights import load_weights

    weights, spec = load_weights(Path(model))
    preprocess = Preprocessor(spec)
    images = np.concatenate([preprocess(load_image(path)) for path in find_images([folder])])
    statistics = measure_statistics(weights, build_architecture(spec), images)
    np.savez_compressed(output, **statistics)  # type: ignore[arg-type]


if __name__ == "__main__":
    _main(*sys.argv[1:])
