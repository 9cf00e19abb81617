"""Weights for networks that nobody trained."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.architecture import LOGITS, POOL, layers_of
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.numpy_network import NumpyLayers
from detector.spec import ModelSpec


def random_weights(spec: ModelSpec | ClassifierSpec) -> dict[str, FloatArray]:
    """Weights of a size at which activations neither die nor saturate."""
    generator = np.random.default_rng(0)
    weights = {}
    for key, shape in layers_of(spec).weight_shapes.items():
        if key.endswith("kernel"):
            values = generator.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape)
        else:
            values = generator.uniform(0.5, 1.5, shape)
        weights[key] = values.astype(np.float32)
    return weights


def telling_weights(spec: ClassifierSpec, pictures: Sequence[NDArray[np.uint8]]) -> dict[str, FloatArray]:
    """Weights of a classifier that tells pictures, (1, H, W, 3) uint8 each, apart and is mostly sure."""
    generator = np.random.default_rng(0)
    weights = {}
    for layer in layers_of(spec).layers:
        taps = layer.kernel**2 * (layer.in_channels if layer.kind == "conv" else 1)
        for key, shape in layer.weight_shapes.items():
            if key.endswith("kernel"):
                values = generator.normal(0, np.sqrt(2 / taps), shape)
            else:
                values = np.full(shape, key.endswith(("gamma", "moving_variance")))
            weights[key] = values.astype(np.float32)
    network = NumpyLayers(weights, spec)
    inputs = (normalised(each, spec) for each in pictures)
    seen = np.array([dict(network.activations(each))[POOL].ravel() for each in inputs])
    mean = seen.mean(axis=0)
    # Along what the pictures differ in most: rounding then changes least.
    kernel = np.linalg.svd(seen - mean)[2][: len(spec.classes)].T
    kernel *= 3 / ((seen - mean) @ kernel).std(axis=0)
    weights[f"{LOGITS}/kernel"] = kernel[None, None].astype(np.float32)
    weights[f"{LOGITS}/bias"] = (-mean @ kernel).astype(np.float32)
    return weights


def normalised(image: NDArray[np.uint8], spec: ClassifierSpec) -> FloatArray:
    """The network's input of a picture's bytes."""
    return image.astype(np.float32) * np.float32(spec.pixel_scale) + np.float32(spec.pixel_offset)
