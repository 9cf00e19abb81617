"""Frozen graphs that TensorFlow itself wrote, read without it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.architecture import build_architecture
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.pretrained.archives import read_tensors
from detector.pretrained.slim import slim_to_weights
from detector.system.protobuf import parse_tensor
from detector.weights import fold_batch_norm
from tests.pretrained.damage import damage_each_byte

pytestmark = pytest.mark.slow

GRAPH = "frozen_inference_graph.pb"


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow")


def write_graph(
    tf: Any, folder: Path, tensors: Mapping[str, FloatArray], *, float_val_up_to: int = 0
) -> Path:
    """A graph of constants and of other nodes; small constants as lists of numbers instead of bytes."""
    graph = tf.Graph()
    with graph.as_default():
        image = tf.compat.v1.placeholder(tf.uint8, (1, None, None, 3), name="image_tensor")
        tf.cast(image, tf.float32, name="Cast") - tf.constant(1.0, name="Preprocessor/sub/y")
        tf.constant([1, 2, 3], tf.int32, name="Postprocessor/Slice/begin")
        tf.constant(7, tf.int64, name="Postprocessor/count")
        tf.constant([True], name="Postprocessor/flag")
        tf.constant(b"label", name="Postprocessor/label")
        for name, values in tensors.items():
            tf.identity(tf.constant(values, name=name), name=f"{name}/read")
    content = graph.as_graph_def()
    for node in content.node:
        tensor = node.attr["value"].tensor
        if node.op == "Const" and node.name in tensors and tensors[node.name].size <= float_val_up_to:
            tensor.ClearField("tensor_content")
            tensor.float_val[:] = tensors[node.name].ravel()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GRAPH).write_bytes(content.SerializeToString())
    return folder


def _assert_same_function(
    found: Mapping[str, FloatArray], expected: Mapping[str, FloatArray], spec: Any
) -> None:
    architecture = build_architecture(spec)
    folded = fold_batch_norm(found, architecture)
    for name, arrays in fold_batch_norm(expected, architecture).items():
        for mine, theirs in zip(folded[name], arrays, strict=True):
            np.testing.assert_allclose(
                mine, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max(), err_msg=name
            )


@pytest.mark.parametrize("float_val_up_to", [0, 2000], ids=["all as bytes", "small ones as numbers"])
def test_a_graph_with_true_statistics_becomes_the_released_weights(
    tf: Any, tmp_path: Path, true_statistics_tensors: Any, released: Any, float_val_up_to: int
) -> None:
    weights, spec = released
    folder = write_graph(tf, tmp_path, true_statistics_tensors, float_val_up_to=float_val_up_to)
    tensors = read_tensors(folder)
    assert tensors.keys() == {*true_statistics_tensors, "Preprocessor/sub/y"}
    imported = slim_to_weights(tensors, spec, {})
    for key, values in weights.items():
        np.testing.assert_array_equal(imported[key], values, err_msg=key)


def test_a_graph_with_folded_constants_computes_the_same(
    tf: Any, tmp_path: Path, folded_constants_tensors: Any, released: Any
) -> None:
    weights, spec = released
    random = np.random.default_rng(0)
    # Whatever the statistics are: what is computed at inference must not depend on them.
    statistics = {}
    for layer in build_architecture(spec).layers:
        statistics[f"{layer.name}/mean"] = random.normal(size=layer.out_channels).astype(np.float32)
        statistics[f"{layer.name}/variance"] = random.uniform(0.1, 2, layer.out_channels).astype(np.float32)
    tensors = read_tensors(write_graph(tf, tmp_path, folded_constants_tensors))
    assert tensors.keys() == {*folded_constants_tensors, "Preprocessor/sub/y"}
    imported = slim_to_weights(tensors, spec, statistics)
    np.testing.assert_array_equal(imported["bn_Conv1/moving_mean"], statistics["Conv1/mean"])
    _assert_same_function(imported, weights, spec)


def test_a_graph_with_a_missing_layer_is_not_the_model(
    tf: Any, tmp_path: Path, true_statistics_tensors: Any, released: Any
) -> None:
    tensors = dict(true_statistics_tensors)
    del tensors["BoxPredictor_3/ClassPredictor/biases"]
    with pytest.raises(WeightsError, match="BoxPredictor_3/ClassPredictor/biases"):
        slim_to_weights(read_tensors(write_graph(tf, tmp_path, tensors)), released[1], {})


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3), (1, 1, 4, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_tensors_as_tensorflow_writes_them(tf: Any, shape: tuple[int, ...], dtype: type) -> None:
    values = np.arange(1, 1 + np.prod(shape), dtype=dtype).reshape(shape)
    found = parse_tensor(memoryview(tf.make_tensor_proto(values).SerializeToString()))
    assert found is not None
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("numbers", [[1.5], [1.5, -2.5], [1, 2, 3, 4, 5, 6]])
def test_fewer_numbers_than_elements_repeat_the_last_one(tf: Any, numbers: list[float]) -> None:
    # Source: tensorflow/core/framework/tensor.proto, on the *_val fields; TensorFlow compresses thus.
    proto = tf.make_tensor_proto(0.0, tf.float32, [])
    proto.float_val[:] = numbers
    for size in (2, 3):
        proto.tensor_shape.dim.add().size = size
    found = parse_tensor(memoryview(proto.SerializeToString()))
    np.testing.assert_array_equal(found, tf.make_ndarray(proto))


def test_tensors_of_other_types_are_left_out(tf: Any) -> None:
    for values in (np.array([True, False]), np.array([b"a"]), np.array([1.0, 2.0])):
        assert parse_tensor(memoryview(tf.make_tensor_proto(values).SerializeToString())) is None


@pytest.fixture
def small(tf: Any, tmp_path: Path) -> Path:
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.float32(2).reshape(())}
    return write_graph(tf, tmp_path / "small", tensors)


def test_a_graph_that_is_cut_short(small: Path) -> None:
    content = (small / GRAPH).read_bytes()
    whole = read_tensors(small)
    damaged = 0
    for size in range(len(content)):
        (small / GRAPH).write_bytes(content[:size])
        try:
            tensors = read_tensors(small)
        except WeightsError:
            damaged += 1
        else:  # cut between two nodes
            assert tensors.keys() <= whole.keys()
    assert damaged > 0.9 * len(content)


def test_no_damage_to_a_graph_shows_a_traceback(small: Path) -> None:
    for _ in damage_each_byte(small / GRAPH):
        with contextlib.suppress(WeightsError):
            read_tensors(small)
