import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector import Detector, load_image
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import BackendError, ModelError
from detector.formats.table import read_spec
from detector.formats.tflite.metadata import replace_spec
from detector.formats.tflite.writer import build_tflite
from detector.system.cache import converted_folder
from detector.weights import load_weights


@pytest.fixture(scope="module")
def detector(released_weights):
    return Detector.load()


@pytest.fixture(scope="module")
def cat():
    return load_image(SAMPLE_FOLDER / "chelsea.jpg")


def same(a, b):
    return np.array_equal(a.boxes, b.boxes) and np.array_equal(a.scores, b.scores) and a.names == b.names


def test_a_cat_is_a_cat(detector, cat):
    detections = detector.detect(cat)
    assert detections.names == ["cat"]
    assert detections.scores[0] > 0.8
    left, top, right, bottom = detections.boxes[0]
    assert (left, top) < (30, 30)
    assert right > 350
    assert bottom > 280


def test_detect_is_repeatable(detector, cat):
    assert same(detector.detect(cat), detector.detect(cat))


def test_a_batch_is_the_same_in_order_whatever_the_number_of_threads(detector, released_weights):
    paths = sorted(SAMPLE_FOLDER.glob("*.jpg")) * 5
    expected = [detector.detect(load_image(path)) for path in paths]
    for threads in (1, 3):
        found = list(Detector.load(threads=threads).detect_batch(paths, load=load_image))
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.boxes, other.boxes, atol=0.02)
            assert one.names == other.names


def test_a_batch_may_be_endless_and_holds_few_images(detector, cat):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield cat

    results = detector.detect_batch(endless())
    for _ in range(3):
        next(results)
    results.close()
    assert taken <= 3 + 2 * detector.threads + 1


def test_an_error_in_a_batch_reaches_the_caller(detector):
    with pytest.raises(ValueError, match=r"expected an image \(H, W, 3\)"):
        list(detector.detect_batch([np.zeros((5, 5), np.float32)]))


def test_tiny_and_huge_images(detector):
    assert len(detector.detect(np.zeros((1, 1, 3), np.uint8))) < 100
    assert len(detector.detect(np.zeros((1, 5000, 3), np.uint8))) < 100


@pytest.mark.parametrize("backend", ["litert", "openvino"])
def test_an_input_may_be_written_where_the_network_reads_it(released_weights, cat, backend):
    pytest.importorskip({"litert": "ai_edge_litert"}.get(backend, backend))
    detector = Detector.load(backend=backend, threads=1)
    apart = detector.preprocess(cat)
    expected = [output.copy() for output in detector.backend.run(apart)]
    inside = detector.preprocess(cat, out=detector.backend.input)
    assert inside is detector.backend.input
    for _ in range(2):  # the network leaves its input as it is
        for found, output in zip(detector.backend.run(inside), expected, strict=True):
            np.testing.assert_array_equal(found, output)
    np.testing.assert_array_equal(inside, apart)


def test_the_inputs_memory_outlives_the_detector(released_weights):
    memory = Detector.load(threads=1).backend.input
    gc.collect()
    memory[:] = 1
    assert memory.sum() == memory.size


def test_narrowed_classes_are_cut_out_of_the_network(released_weights, cat):
    narrow = Detector.load(classes=["Cat", "dog"])
    assert narrow.classes == ("cat", "dog")
    _, class_logits = narrow.backend.run(narrow.preprocess(cat))
    assert class_logits.shape == (1917, 3)
    assert narrow.detect(cat).names == ["cat"]
    assert Detector.load(classes=["dog"]).detect(cat).names == []


def test_a_tflite_file_is_enough(released_weights, cat, tmp_path, detector):
    path = tmp_path / "model.tflite"
    path.write_bytes(build_tflite(*load_weights(released_weights)))
    from_file = Detector.load(path)
    assert from_file.spec == detector.spec
    assert same(from_file.detect(cat), detector.detect(cat))
    narrow = Detector.load(path, classes=["cat"])
    assert narrow.classes == ("cat",)
    assert same(narrow.detect(cat), detector.detect(cat))


def test_the_conversion_is_cached(released_weights, monkeypatch):
    Detector.load(classes=["zebra"])
    before = sorted(converted_folder().iterdir())

    def never(*_):
        raise AssertionError("converted again")

    monkeypatch.setattr("detector.formats.tflite.writer.build_tflite", never)
    Detector.load(classes=["zebra"])
    assert sorted(converted_folder().iterdir()) == before


def test_mistakes(released_weights, tmp_path):
    with pytest.raises(BackendError, match="no backend 'tpu'; there are litert, tensorflow, openvino"):
        Detector.load(backend="tpu")
    with pytest.raises(ModelError, match="no model file"):
        Detector.load(tmp_path / "absent.tflite")
    with pytest.raises(ModelError, match=r"Expected a \.npz file"):
        Detector.load("ssdlite_mobilenet_v3")
    with pytest.raises(ModelError, match="did you mean 'zebra'"):
        Detector.load(classes=["zebar"])


def test_a_backend_that_is_not_installed_is_said(released_weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.delitem(sys.modules, "detector.runtime.openvino", raising=False)
    with pytest.raises(BackendError, match="OpenVINO is not installed here"):
        Detector.load(backend="openvino")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "openvino", "onnxruntime"])
def test_other_backends_give_the_same_outputs(backend, detector, cat):
    pytest.importorskip(backend)
    other = Detector.load(backend=backend)
    network_input = detector.preprocess(cat)
    expected = detector.backend.run(network_input)
    for found, output in zip(other.backend.run(network_input), expected, strict=True):
        np.testing.assert_allclose(found, output, atol=1e-3)
    assert other.detect(cat).names == ["cat"]


@pytest.mark.slow
def test_the_tensorflow_backend_needs_weights(released_weights, tmp_path):
    pytest.importorskip("tensorflow")
    path = tmp_path / "model.tflite"
    path.write_bytes(build_tflite(*load_weights(released_weights)))
    with pytest.raises(BackendError, match="which tensorflow does not read; it runs on litert and openvino"):
        Detector.load(path, backend="tensorflow")


def test_the_sample_folder_is_whole():
    assert {path.name for path in Path(SAMPLE_FOLDER).glob("*.jpg")} == {
        "astronaut.jpg", "camera.jpg", "chelsea.jpg", "coffee.jpg",
    }  # fmt: skip


def test_a_damaged_conversion_is_made_again(released_weights, cat):
    Detector.load(classes=["giraffe"])
    newest = max(converted_folder().iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:1000])
    assert Detector.load(classes=["giraffe"]).detect(cat).names == []


def test_several_threads_may_load_at_once(released_weights, cat, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("detector.system.conversions.converted_folder", lambda: tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: Detector.load(threads=1).detect(cat).names, range(4)))
    assert found == [["cat"]] * 4
    assert len(list(tmp_path.glob("*.tflite"))) == 1
    print("still here", file=sys.stderr)
    assert "still here" in capfd.readouterr().err


@pytest.mark.parametrize("backend", ["litert", "openvino"])
@pytest.mark.parametrize("change", [{"classes": ("cat", "dog")}, {"input_hw": (320, 320)}])
def test_a_spec_of_another_network_is_refused(model, tmp_path, backend, change):
    path = tmp_path / "model.tflite"
    path.write_bytes(replace_spec(model.read_bytes(), replace(read_spec(model), **change)))
    with pytest.raises(ModelError, match="spec of another network"):
        Detector.load(path, backend=backend)
