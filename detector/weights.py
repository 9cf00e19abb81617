"""Weights files: ``.npz`` archives keyed ``layer/variable``, with the spec inside.

No pickle, no framework: numpy reads and writes them, by name, partially if need be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zipfile import ZipFile

import numpy as np

from detector.architecture import layers_of
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.errors import WeightsError
from detector.labels import find_classes
from detector.layers import Layers
from detector.spec import MOST_BYTES, ModelSpec, read_values
from detector.system.files import replacing
from detector.system.reading import open_regular
from detector.system.zip_files import opened_zip, read_array

Weights = Mapping[str, FloatArray]
_Spec = TypeVar("_Spec", ModelSpec, ClassifierSpec)

BATCH_NORM_EPSILON = 1e-3
_SPEC_KEY = "model_spec"


def save_weights(path: Path, weights: Weights, spec: ModelSpec | ClassifierSpec) -> None:
    """Write weights and spec to one ``.npz`` file; the file appears whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        arrays: dict[str, Any] = {_SPEC_KEY: np.array(spec.to_json()), **weights}
        np.savez(file, **arrays)


def load_weights(path: Path) -> tuple[dict[str, FloatArray], ModelSpec]:
    """Weights and spec of a detector, of an ``.npz`` file that ``save_weights`` wrote.

    Raises:
        ModelError: the file of a classifier.
        WeightsError: not such a file, cut short, or its weights do not fit its spec.
    """
    return _load(path, ModelSpec.from_json)


def load_classifier(path: Path) -> tuple[dict[str, FloatArray], ClassifierSpec]:
    """Weights and spec of a classifier, of an ``.npz`` file that ``save_weights`` wrote.

    Raises:
        ModelError: the file of a detector.
        WeightsError: not such a file, cut short, or its weights do not fit its spec.
    """
    return _load(path, ClassifierSpec.from_json)


def load_network(path: Path) -> tuple[dict[str, FloatArray], ModelSpec | ClassifierSpec]:
    """Weights and spec of a network of either kind, of an ``.npz`` file that ``save_weights`` wrote.

    Raises:
        ModelError: the spec is damaged.
        WeightsError: not such a file, cut short, or its weights do not fit its spec.
    """
    kind = read_values(read_weights_text(path)).get("kind")
    return load_weights(path) if kind is None else load_classifier(path)


def read_weights_text(path: Path) -> str:
    """The JSON of the spec in an ``.npz`` file that ``save_weights`` wrote.

    Raises:
        WeightsError: not such a file, or cut short.
    """
    with _opened(path) as archive:
        return _read_text(archive)


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    sentence = f"{path} is not a weights file of this project or is damaged; get it again"
    with open_regular(path, WeightsError) as file, opened_zip(file, sentence, WeightsError) as archive:
        yield archive


def _read_text(archive: ZipFile) -> str:
    text = read_array(archive, _SPEC_KEY, _check_spec)
    # Not by numpy, which takes numbers for letters that are none.
    order = "be" if text.dtype.byteorder == ">" else "le"
    return text.tobytes().decode(f"utf-32-{order}").rstrip("\0")


def _load(path: Path, read_spec: Callable[[str], _Spec]) -> tuple[dict[str, FloatArray], _Spec]:
    """Weights and spec of an ``.npz`` file, whose spec is read so."""
    with _opened(path) as archive:
        spec = read_spec(_read_text(archive))
        architecture = layers_of(spec)
        expected = architecture.weight_shapes
        weights: dict[str, FloatArray] = {}
        for key in (member.removesuffix(".npy") for member in archive.namelist()):
            if key == _SPEC_KEY:
                continue
            if key not in expected:
                raise WeightsError(
                    f"{path} has the unknown weights {key!r:.90}; it belongs to another network."
                )
            check = partial(_check_array, key, expected[key], str(path))
            weights[key] = np.asarray(read_array(archive, key, check), np.float32)
    check_weights(weights, architecture, origin=str(path))
    return weights, spec


def _check_spec(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    if shape != () or dtype.kind != "U" or dtype.itemsize > 4 * MOST_BYTES:
        raise ValueError("its spec is no text of a reasonable size")


def _check_array(
    key: str, expected: tuple[int, ...], origin: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> None:
    _check_shape(key, shape, expected, origin)
    if dtype.kind != "f":
        raise ValueError(f"weights of type {dtype}")


def _check_shape(key: str, shape: tuple[int, ...], expected: tuple[int, ...], origin: str) -> None:
    if shape != expected:
        raise WeightsError(f"{origin}: the weights {key!r} should have shape {expected} and have {shape}.")


def check_weights(weights: Weights, architecture: Layers, *, origin: str) -> None:
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


def fold_batch_norm(weights: Weights, architecture: Layers) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Kernel and bias of each layer with its batch normalisation multiplied in, by layer name."""
    folded = {}
    for layer in architecture.layers:
        if layer.kind == "mean":
            continue
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
