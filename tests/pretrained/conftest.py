"""The released weights under the names and in the layouts of TF-Slim; releases of sources on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector.architecture import Architecture, build_architecture
from detector.boxes import FloatArray
from detector.labels import COCO_IDS
from detector.pretrained import releases as pretrained
from detector.pretrained.releases import DEFAULT_MODEL, RELEASES, Release, Source, source_path
from detector.spec import ModelSpec
from detector.system.reading import sha256
from detector.weights import BATCH_NORM_EPSILON, Weights, load_weights
from tests.pretrained.cells import LABELS, SPEC
from tests.pretrained.graph_files import random_network, slim_name, slim_tensors

NUM_COLUMNS = 91
ARCHIVE = "ssdlite_mobilenet_v2_coco_2018_05_09.tar.gz"


@pytest.fixture(scope="session")
def published(released_weights: Path) -> Path:
    """The published archive that the released weights were imported from."""
    return source_path(DEFAULT_MODEL)


@pytest.fixture
def cache(tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache, which is empty."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SSDLITE_CACHE", str(folder))
    return folder


@pytest.fixture
def offer(published: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a release of sources that are servers, or functions that fetch; all with the right SHA-256."""

    def offer(*places: str | Callable[[Path], Path]) -> None:
        sources = [
            Source(
                f"source {number}",
                sha256(published),
                pretrained._from_url(f"{place}/{ARCHIVE}") if isinstance(place, str) else place,
            )
            for number, place in enumerate(places, start=1)
        ]
        release = Release(RELEASES[DEFAULT_MODEL].spec, tuple(sources))
        monkeypatch.setattr(pretrained, "RELEASES", {DEFAULT_MODEL: release})

    return offer


@pytest.fixture(scope="session")
def released(released_weights: Path) -> tuple[dict[str, FloatArray], ModelSpec]:
    return load_weights(released_weights)


@pytest.fixture(scope="session")
def true_statistics_tensors(released: tuple[Weights, ModelSpec]) -> dict[str, FloatArray]:
    """The layout of the checkpoint: every layer with its batch normalisation as it was trained."""
    weights, spec = released
    return _with_unused_columns(slim_tensors(weights, spec), spec, build_architecture(spec))


@pytest.fixture(scope="session")
def folded_constants_tensors(
    true_statistics_tensors: dict[str, FloatArray], released: tuple[Weights, ModelSpec]
) -> dict[str, FloatArray]:
    """The layout after constant folding: raw kernels, and each normalisation's factor and shift."""
    tensors = dict(true_statistics_tensors)
    architecture = build_architecture(released[1])
    for layer in architecture.layers:
        if layer.batch_norm is None:
            continue
        norm = f"{slim_name(layer, architecture)}/BatchNorm"
        gamma, beta, mean, variance = (
            tensors.pop(f"{norm}/{variable}")
            for variable in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        factor = gamma / np.sqrt(variance + np.float32(BATCH_NORM_EPSILON))
        tensors[f"{norm}/batchnorm/mul"] = factor
        tensors[f"{norm}/batchnorm/sub"] = beta - mean * factor
    return tensors


def _with_unused_columns(
    tensors: dict[str, FloatArray], spec: ModelSpec, architecture: Architecture
) -> dict[str, FloatArray]:
    """The class heads with columns for all of COCO's 90 ids; those that no class uses hold noise."""
    random = np.random.default_rng(0)
    columns = [0, *COCO_IDS.values()]
    for head, anchors in zip(architecture.class_heads, spec.anchors.per_cell(), strict=True):
        for variable in ("weights", "biases"):
            name = f"{slim_name(architecture[head], architecture)}/{variable}"
            used = tensors[name].reshape(*tensors[name].shape[:-1], anchors, len(columns))
            every = random.normal(size=(*used.shape[:-1], NUM_COLUMNS)).astype(np.float32)
            every[..., columns] = used
            tensors[name] = every.reshape(*used.shape[:-2], anchors * NUM_COLUMNS)
    return tensors


@pytest.fixture(scope="module")
def weights() -> dict[str, FloatArray]:
    return random_network(SPEC)


@pytest.fixture(scope="module")
def tensors(weights: dict[str, FloatArray]) -> dict[str, FloatArray]:
    return slim_tensors(weights, SPEC)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "label_map.pbtxt"
    path.write_text(LABELS)
    return path
