"""Weights files: ``.npz`` archives keyed ``layer/variable``, with the ModelSpec inside.

No pickle, no framework: numpy reads and writes them, by name, partially if need be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detector.architecture import Architecture, build_architecture
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.labels import find_classes
from detector.spec import MOST_BYTES, ModelSpec
from detector.system.files import replacing
from detector.system.reading import open_regular
from detector.system.zip_files import opened_zip, read_array

Weights = Mapping[str, FloatArray]

BATCH_NORM_EPSILON = 1e-3
_SPEC_KEY = "model_spec"


def save_weights(path: Path, weights: Weights, spec: ModelSpec) -> None:
    """Write weights and spec to one ``.npz`` file; the file appears whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        arrays: dict[str, Any] = {_SPEC_KEY: np.array(spec.to_json()), **weights}
        np.savez(file, **arrays)


def load_weights(path: Path) -> tuple[dict[str, FloatArray], ModelSpec]:
    """Weights and spec of an ``.npz`` file that ``save_weights`` wrote.

    Raises:
        WeightsError: not such a file, cut short, or its weights do not fit its spec.
    """
    sentence = f"{path} is not a weights file of this project or is damaged; get it again"
    with open_regular(path, WeightsError) as file, opened_zip(file, sentence, WeightsError) as archive:
        text = read_array(archive, _SPEC_KEY, _check_spec)
        # Not by numpy, which takes numbers for letters that are none.
        order = "be" if text.dtype.byteorder == ">" else "le"
        spec = ModelSpec.from_json(text.tobytes().decode(f"utf-32-{order}").rstrip("\0"))
        architecture = build_architecture(spec)
        expected = architecture.weight_shapes
        keys = [name.removesuffix(".npy") for name in archive.namelist() if name != f"{_SPEC_KEY}.npy"]
        weights = {}
        for key in keys:
            if key not in expected:
                raise WeightsError(
                    f"{path} has the unknown weights {key!r:.90}; it belongs to another network."
                )

            def check(shape: tuple[int, ...], dtype: np.dtype[np.generic], key: str = key) -> None:
                _check_shape(key, shape, expected[key], str(path))
                if dtype.kind != "f":
                    raise ValueError(f"weights of type {dtype}")

            weights[key] = np.asarray(read_array(archive, key, check), np.float32)
    check_weights(weights, architecture, origin=str(path))
    return weights, spec


def _check_spec(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    if shape != () or dtype.kind != "U" or dtype.itemsize > 4 * MOST_BYTES:
        raise ValueError("its spec is no text of a reasonable size")


def _check_shape(key: str, shape: tuple[int, ...], expected: tuple[int, ...], origin: str) -> None:
    if shape != expected:
        raise WeightsError(f"{origin}: the weights {key!r} should have shape {expected} and have {shape}.")


def check_weights(weights: Weights, architecture: Architecture, *, origin: str) -> None:
    """Raise WeightsError unless the weights are exactly those of the architecture, all finite."""
    expected = architecture.weight_shapes
    for key, shape in expected.items():
        if key not in weights:
            raise WeightsError(f"{origin} lacks the weights {key!r}; it belongs to another network.")
        _check_shape(key, weights[key].shape, shape, origin)
        if not np.isfinite(weights[key]).all():
            raise WeightsError(f"{origin}: the weights {key!r} hold values that are not finite.")
    for key in weights:
        if key not in expected:
            raise WeightsError(f"{origin} has the unknown weights {key!r}; it belongs to another network.")


def select_classes(weights: Weights, spec: ModelSpec, names: Sequence[str]) -> tuple[Weights, ModelSpec]:
    """The same detector for the named classes alone: the columns of the other classes are cut off.

    Raises:
        ModelError: a name that the model does not have.
    """
    labels = find_classes(names, spec.classes)
    columns = [0] + [label + 1 for label in labels]
    cut = dict(weights)
    for number, anchors in enumerate(spec.anchors.per_cell()):
        for variable in ("kernel", "bias"):
            key = f"class_head_{number}/{variable}"
            values = weights[key]
            per_anchor = values.reshape(*values.shape[:-1], anchors, len(spec.classes) + 1)
            cut[key] = np.ascontiguousarray(per_anchor[..., columns].reshape(*values.shape[:-1], -1))
    return cut, replace(spec, classes=tuple(spec.classes[label] for label in labels))


def fit_epsilon(gamma: FloatArray, variance: FloatArray, epsilon: float) -> FloatArray:
    """The gamma with which batch normalisation computes what it did with another epsilon."""
    ratio = (variance.astype(np.float64) + BATCH_NORM_EPSILON) / (variance + np.float64(epsilon))
    return (gamma * np.sqrt(ratio)).astype(np.float32)


def fold_batch_norm(weights: Weights, architecture: Architecture) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Kernel and bias of each layer with its batch normalisation multiplied in, by layer name."""
    folded = {}
    for layer in architecture.layers:
        kernel = weights[f"{layer.name}/kernel"]
        if layer.batch_norm is None:
            folded[layer.name] = (kernel, weights[f"{layer.name}/bias"])
            continue
        gamma, beta, mean, variance = (
            weights[f"{layer.batch_norm}/{variable}"].astype(np.float64)
            for variable in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        factor = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        along = factor if layer.kind == "conv" else factor[:, None]
        folded[layer.name] = (
            (kernel * along).astype(np.float32),
            (beta - mean * factor).astype(np.float32),
        )
    return folded
