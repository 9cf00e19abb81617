import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from detector.errors import ModelError
from detector.formats.table import read_spec
from detector.formats.tflite.metadata import pack_spec
from detector.formats.tflite.writer import build_tflite
from detector.runtime.litert import LiteRTBackend
from detector.spec import ModelSpec
from detector.weights import load_weights, select_classes
from tests.random_networks import random_weights

SMALL = ModelSpec("small", ("cat", "dog"), input_hw=(97, 128), width_multiplier=0.35)


@pytest.fixture(scope="session")
def small_tflite(tmp_path_factory):
    path = tmp_path_factory.mktemp("tflite") / "small.tflite"
    path.write_bytes(build_tflite(random_weights(SMALL), SMALL))
    return path


def test_outputs_are_those_of_the_official_graph(released_weights, golden, tmp_path):
    path = tmp_path / "released.tflite"
    path.write_bytes(build_tflite(*load_weights(released_weights)))
    backend = LiteRTBackend(path, 2)
    ids = [key.removesuffix("/input") for key in golden if key.endswith("/input")]
    assert len(ids) == 4
    for id_ in ids:
        for output, name in zip(
            backend.run(golden[f"{id_}/input"][None]), ("box_encodings", "class_logits"), strict=True
        ):
            assert np.abs(output - golden[f"{id_}/{name}"]).max() <= 1e-3


def test_spec_and_labels_travel_inside(small_tflite):
    assert read_spec(small_tflite) == SMALL
    with zipfile.ZipFile(small_tflite) as archive:
        assert archive.read("labels.txt") == b"cat\ndog\n"


def test_labels_have_one_line_a_class():
    spec = replace(SMALL, classes=("a  b", "", "c\u00a0d", "e,f"))
    with zipfile.ZipFile(io.BytesIO(pack_spec(spec))) as archive:
        assert archive.read("labels.txt").decode() == "a b\nclass_1\nc d\ne,f\n"


def test_the_file_is_the_same_every_time(small_tflite):
    assert build_tflite(random_weights(SMALL), SMALL) == small_tflite.read_bytes()


def test_fewer_classes_make_a_smaller_network_with_the_same_outputs(released_weights, tmp_path):
    weights, spec = load_weights(released_weights)
    image = np.random.default_rng(0).uniform(-1, 1, (1, 300, 300, 3)).astype(np.float32)
    outputs = []
    for name, (kept, kept_spec) in {
        "all": (weights, spec),
        "two": select_classes(weights, spec, ["dog", "person"]),
    }.items():
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(build_tflite(kept, kept_spec))
        outputs.append(LiteRTBackend(path, 1).run(image))
    assert (tmp_path / "two.tflite").stat().st_size < 0.85 * (tmp_path / "all.tflite").stat().st_size
    np.testing.assert_allclose(outputs[1][0], outputs[0][0], atol=1e-4)
    np.testing.assert_allclose(outputs[1][1], outputs[0][1][:, [0, 1, 17]], atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"\x1c\x00\x00\x00TFL3", b"PK\x03\x04 a zip", b"text"])
def test_something_else_is_refused(tmp_path, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.tflite"):
        read_spec(path)


def test_a_file_cut_short_is_refused(tmp_path, small_tflite):
    path = tmp_path / "model.tflite"
    path.write_bytes(small_tflite.read_bytes()[:-1])
    with pytest.raises(ModelError, match="cut short"):
        read_spec(path)


def test_litert_names_a_file_that_it_cannot_run(tmp_path, small_tflite):
    path = tmp_path / "model.tflite"
    content = small_tflite.read_bytes()
    path.write_bytes(content[:8] + bytes(1000) + content[1008:])
    with pytest.raises(ModelError, match=r"cannot run .*model\.tflite"):
        LiteRTBackend(path, 1)
