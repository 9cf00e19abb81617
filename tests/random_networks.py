"""Weights for networks that nobody trained."""

import numpy as np

from detector.architecture import layers_of
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
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
