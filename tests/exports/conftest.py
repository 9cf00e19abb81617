"""Models with post-processing inside: a small random one, and the released one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detector.architecture import build_architecture
from detector.formats.tflite.quantization import Quantization
from detector.formats.tflite.writer import build_tflite
from detector.numpy_network import NumpyNetwork
from detector.spec import ModelSpec
from detector.weights import load_weights
from tests.formats.tflite.test_writer import random_weights

SQUARE = ModelSpec("small", ("3 wheeler", "dog", "no"), input_hw=(96, 96), width_multiplier=0.35)


@pytest.fixture(scope="session")
def complete(released_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released model with post-processing inside."""
    path = tmp_path_factory.mktemp("complete") / "ssdlite.tflite"
    path.write_bytes(build_tflite(*load_weights(released_weights), postprocess=True))
    return path


@pytest.fixture(scope="session")
def integer_tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model, integer up to the post-processing that is inside."""
    weights = random_weights(SQUARE)
    image = np.random.default_rng(0).uniform(-1, 1, (1, 96, 96, 3)).astype(np.float32)
    ranges = {
        name: (float(values.min()), float(values.max()))
        for name, values in NumpyNetwork(weights, SQUARE).activations(image)
    }
    ranges["image"] = (-1.0, 1.0)
    architecture = build_architecture(SQUARE)
    for heads in (architecture.box_heads, architecture.class_heads):
        lows, highs = zip(*(ranges[head] for head in heads), strict=True)
        ranges |= dict.fromkeys(heads, (min(lows), max(highs)))
    path = tmp_path_factory.mktemp("integer") / "ssdlite.tflite"
    quantization = Quantization(ranges, integer_heads=True)
    path.write_bytes(build_tflite(weights, SQUARE, quantization=quantization, postprocess=True))
    return path
