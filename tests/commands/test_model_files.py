"""Every kind of model file: which backend it gets, what is refused, and in what words."""

import sys

import numpy as np
import pytest

from detector import Detector, load_image
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import BackendError, ModelError
from detector.formats.table import read_spec
from detector.formats.tflite.writer import build_tflite
from detector.runtime.model_file import ModelFile
from detector.weights import load_weights, save_weights
from tests.commands.running import assert_mistake
from tests.formats.tflite.test_writer import SMALL, random_weights

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")
from detector.formats.onnx import build_onnx
from detector.formats.openvino import save_openvino

SUFFIXES = (".tflite", ".onnx", ".xml")
OWN = {".tflite": "litert", ".onnx": "onnxruntime", ".xml": "openvino"}


def write(path, *, postprocess=False):
    weights = random_weights(SMALL)
    if path.suffix == ".tflite":
        path.write_bytes(build_tflite(weights, SMALL, postprocess=postprocess))
    elif path.suffix == ".onnx":
        path.write_bytes(build_onnx(weights, SMALL, postprocess=postprocess))
    else:
        save_openvino(path, build_tflite(weights, SMALL), SMALL, postprocess=postprocess)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return {suffix: write(folder / f"small{suffix}") for suffix in SUFFIXES}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def small_weights(tmp_path):
    path = tmp_path / "small.npz"
    save_weights(path, random_weights(SMALL), SMALL)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_file_has_its_own_backend_and_the_same_outputs(suffix, files):
    detector = Detector.load(files[suffix], threads=2)
    assert detector.backend_name == OWN[suffix]
    assert detector.spec == SMALL
    image = np.random.default_rng(0).uniform(-1, 1, (1, *SMALL.input_hw, 3)).astype(np.float32)
    expected = Detector.load(files[".tflite"]).backend.run(image)
    for backend in (detector.backend, *detector.backend.split(2)):
        for output, values in zip(backend.run(image), expected, strict=True):
            np.testing.assert_allclose(output, values, atol=1e-4)


def test_openvino_reads_onnx_too(files):
    image = np.random.default_rng(0).uniform(-1, 1, (1, *SMALL.input_hw, 3)).astype(np.float32)
    openvino, own = (Detector.load(files[".onnx"], backend=name).backend for name in ("openvino", None))
    for output, values in zip(openvino.run(image), own.run(image), strict=True):
        np.testing.assert_allclose(output, values, atol=1e-4)


@pytest.mark.parametrize(
    ("suffix", "backend"), [(".tflite", "onnxruntime"), (".onnx", "litert"), (".xml", "tensorflow")]
)
def test_a_backend_that_does_not_read_the_file_is_refused(suffix, backend, files):
    with pytest.raises(BackendError, match=f"which {backend} does not read; it runs on {OWN[suffix]}"):
        Detector.load(files[suffix], backend=backend)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_with_post_processing_is_for_other_programs(suffix, tmp_path, run):
    path = write(tmp_path / f"complete{suffix}", postprocess=True)
    with pytest.raises(ModelError, match="post-processing inside, for other programs; use the same model"):
        Detector.load(path)
    assert "raw outputs" in assert_mistake(run("detect", SAMPLE_FOLDER / "camera.jpg", "--model", path))
    assert read_spec(path) == SMALL


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"text", b"<net/>", b"\x08\x07", bytes(100)])
def test_something_else_is_refused(suffix, content, tmp_path, run):
    path = tmp_path / f"foreign{suffix}"
    path.write_bytes(content)
    path.with_suffix(".bin").write_bytes(b"")
    sentence = assert_mistake(run("detect", SAMPLE_FOLDER / "camera.jpg", "--model", path))
    assert path.name in sentence


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_a_file_cut_short_is_refused(suffix, share, files, tmp_path, run):
    path = tmp_path / f"cut{suffix}"
    if suffix == ".xml":
        path.with_suffix(".bin").write_bytes(files[suffix].with_suffix(".bin").read_bytes())
    content = files[suffix].read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert path.name in assert_mistake(run("detect", SAMPLE_FOLDER / "camera.jpg", "--model", path))


def test_an_openvino_model_needs_all_of_its_other_file(files, tmp_path):
    path = tmp_path / "alone.xml"
    path.write_bytes(files[".xml"].read_bytes())
    with pytest.raises(ModelError, match=r"needs alone\.bin beside it"):
        Detector.load(path)
    path.with_suffix(".bin").write_bytes(files[".xml"].with_suffix(".bin").read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"OpenVINO cannot run .*alone\.xml"):
        Detector.load(path)


def test_weights_are_converted_to_onnx_once(cache, small_weights, monkeypatch):
    first = ModelFile(small_weights).onnx()
    monkeypatch.setattr("detector.formats.onnx.build_onnx", None)
    model = ModelFile(small_weights)
    assert model.onnx() == first
    assert model.spec == SMALL
    narrow = ModelFile(small_weights, ["dog"])
    assert narrow.spec.classes == ("dog",)
    assert narrow.labels is None


def test_what_is_not_installed_is_said(cache, small_weights, files, monkeypatch):
    monkeypatch.delitem(sys.modules, "detector.formats.onnx")
    with monkeypatch.context() as blocked:
        blocked.setitem(sys.modules, "onnx", None)
        with pytest.raises(BackendError, match=r"ONNX Runtime is not installed here .*\[onnx\]"):
            Detector.load(small_weights, backend="onnxruntime")
        assert Detector.load(files[".onnx"]).spec == SMALL
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "detector.runtime.onnxruntime")
    with pytest.raises(BackendError, match=r"ONNX Runtime is not installed here .*\[onnx\]"):
        Detector.load(files[".onnx"])


def test_thresholds_are_written_into_weights_and_tflite_alone(files, tmp_path, run):
    outcome = run("eval", "--model", files[".onnx"], "--write-thresholds", tmp_path / "new.onnx")
    assert "writes .npz and .tflite files" in assert_mistake(outcome)


def test_the_released_model_in_onnx_runtime_and_openvino(released_weights, tmp_path):
    weights, spec = load_weights(released_weights)
    (tmp_path / "model.onnx").write_bytes(build_onnx(weights, spec))
    save_openvino(tmp_path / "model.xml", build_tflite(weights, spec), spec)
    photo = load_image(SAMPLE_FOLDER / "chelsea.jpg")
    expected = Detector.load().detect(photo)
    for name in ("model.onnx", "model.xml"):
        found = Detector.load(tmp_path / name).detect(photo)
        assert found.names == expected.names
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.05)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
