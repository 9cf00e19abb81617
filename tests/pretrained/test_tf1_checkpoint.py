"""Checkpoints that TensorFlow itself wrote, read without it."""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.pretrained.archives import read_tensors
from detector.pretrained.slim import slim_to_weights
from tests.pretrained.damage import damage_each_byte

pytestmark = pytest.mark.slow

INDEX = "model.ckpt.index"
DATA = "model.ckpt.data-00000-of-00001"
OFFICIAL_FOLDER = "ssdlite_mobilenet_v2_coco_2018_05_09"


def write_checkpoint(folder: Path, tensors: dict[str, FloatArray], step: int = 200_000) -> Path:
    tf = pytest.importorskip("tensorflow")
    folder.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        placeholders = {name: tf.compat.v1.placeholder(v.dtype, v.shape) for name, v in tensors.items()}
        variables = [
            tf.compat.v1.Variable(placeholder, name=name, use_resource=False)
            for name, placeholder in placeholders.items()
        ]
        variables.append(tf.compat.v1.Variable(step, name="global_step", dtype=tf.int64, use_resource=False))
        session.run(
            tf.compat.v1.variables_initializer(variables),
            {placeholders[name]: values for name, values in tensors.items()},
        )
        tf.compat.v1.train.Saver(variables).save(session, str(folder / "model.ckpt"))
    return folder


@pytest.fixture(scope="module")
def checkpoint(
    true_statistics_tensors: dict[str, FloatArray], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"), true_statistics_tensors)


@pytest.fixture(scope="module")
def archive(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint packed as the official archive is, beside a graph that must not be read."""
    path = tmp_path_factory.mktemp("archive") / f"{OFFICIAL_FOLDER}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name in (INDEX, DATA, "model.ckpt.meta"):
            archive.add(checkpoint / name, f"{OFFICIAL_FOLDER}/{name}")
        for name in ("frozen_inference_graph.pb", "pipeline.config"):
            content = b"not read"
            member = tarfile.TarInfo(f"{OFFICIAL_FOLDER}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _assert_equal(found: dict[str, FloatArray], expected: dict[str, FloatArray]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.mark.parametrize("form", ["checkpoint", "archive"])
def test_every_float_variable_comes_back(
    form: str, true_statistics_tensors: dict[str, FloatArray], request: pytest.FixtureRequest
) -> None:
    _assert_equal(read_tensors(request.getfixturevalue(form)), true_statistics_tensors)


def test_the_official_archive_becomes_the_released_weights(archive: Path, released: Any) -> None:
    weights, spec = released
    # No statistics are given: a checkpoint brings its own.
    _assert_equal(slim_to_weights(read_tensors(archive), spec, {}), weights)


def test_scalars_and_empty_variables(tmp_path: Path) -> None:
    tensors = {"scalar": np.float32(3.5).reshape(()), "empty": np.zeros((0, 4), np.float32)}
    _assert_equal(read_tensors(write_checkpoint(tmp_path, tensors)), tensors)


def test_an_index_of_many_blocks(tmp_path: Path) -> None:
    # TensorFlow closes a block of the index at 256 KiB.
    tensors = {f"{number}/{'x' * 3000}": np.full(3, number, np.float32) for number in range(200)}
    folder = write_checkpoint(tmp_path, tensors)
    assert (folder / INDEX).stat().st_size > 2 << 18
    _assert_equal(read_tensors(folder), tensors)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "small", {"a": np.arange(6, dtype=np.float32).reshape(2, 3)})


def test_an_index_without_its_magic_number(small: Path) -> None:
    content = (small / INDEX).read_bytes()
    (small / INDEX).write_bytes(content[:-1] + b"\0")
    with pytest.raises(WeightsError, match=r"small is damaged .*.*index"):
        read_tensors(small)


def test_an_index_that_is_cut_short(small: Path) -> None:
    content = (small / INDEX).read_bytes()
    for size in range(len(content)):
        (small / INDEX).write_bytes(content[:size])
        with pytest.raises(WeightsError, match="damaged"):
            read_tensors(small)


def test_data_that_is_cut_short(small: Path) -> None:
    content = (small / DATA).read_bytes()
    (small / DATA).write_bytes(content[: 6 * 4 - 1])
    with pytest.raises(WeightsError, match="ends before the variable a"):
        read_tensors(small)


def test_a_compressed_index(small: Path) -> None:
    content = bytearray((small / INDEX).read_bytes())
    content[-48 - 5] = 1  # the type of the last block, the index of blocks; 4 bytes of checksum follow
    (small / INDEX).write_bytes(content)
    with pytest.raises(WeightsError, match="compressed"):
        read_tensors(small)


def test_no_damage_to_the_index_shows_a_traceback(small: Path) -> None:
    for _ in damage_each_byte(small / INDEX):
        # The reader checks no checksums, so that some damage goes unnoticed.
        with contextlib.suppress(WeightsError):
            read_tensors(small)
