"""Files with post-processing inside against the Detector's own detections."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from detector import Detector, load_image
from detector.any_size import resize_network
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import ModelError
from detector.exports.complete import open_complete
from detector.formats.looks import Look
from detector.formats.network import Network
from detector.formats.table import FORMATS
from detector.formats.tflite.writer import build_tflite
from detector.numpy_network import NumpyNetwork, PooledNetworks
from detector.postprocess import Postprocessor
from detector.preprocess import Preprocessor
from detector.weights import load_weights, select_classes
from tests.formats.tflite.test_writer import SMALL, random_weights

LEAST = 0.3
LEAST_OF_LOOKS = 0.05


@pytest.fixture(scope="module")
def photos():
    return [load_image(path) for path in sorted(SAMPLE_FOLDER.glob("*.jpg"))]


@pytest.fixture(scope="module")
def expected(photos, model):
    detector = Detector.load(model, score_threshold=LEAST)
    return [detector.detect(photo) for photo in photos]


def assert_same(found, expected, photo, *, score=0.01, pixels=1.0):
    """Of what has a score that is not just at the least one."""
    found, expected = (each[each.scores >= LEAST] for each in (found, expected))
    assert found.names == expected.names
    np.testing.assert_allclose(found.scores, expected.scores, atol=score)
    size = np.array([photo.shape[1], photo.shape[0]] * 2)
    np.testing.assert_allclose(found.boxes / size * 300, expected.boxes / size * 300, atol=pixels)


def check(path, photos, expected, threads=2, **tolerances):
    run = open_complete(path, threads)
    for photo, detections in zip(photos, expected, strict=True):
        found = run(photo)
        assert len(found) <= 100
        assert (np.diff(found.scores) <= 0).all()
        assert_same(found, detections, photo, **tolerances)
    alone = [run(photo) for photo in photos]
    with ThreadPoolExecutor(3) as pool:  # that share it
        assert list(pool.map(run, photos * 5)) == alone * 5


@pytest.fixture(scope="module")
def complete_tflite(released_weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("complete") / "model.tflite"
    path.write_bytes(build_tflite(*load_weights(released_weights), postprocess=True))
    return path


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_tflite_with_any_number_of_threads(threads, complete_tflite, photos, expected):
    check(complete_tflite, photos, expected, threads)


@pytest.mark.parametrize("half", [False, True])
def test_onnx(half, released_weights, photos, expected, tmp_path):
    pytest.importorskip("onnxruntime")
    writer = pytest.importorskip("detector.formats.onnx")
    path = tmp_path / "model.onnx"
    path.write_bytes(writer.build_onnx(*load_weights(released_weights), half=half, postprocess=True))
    check(path, photos, expected)


@pytest.mark.parametrize("half", [False, True])
def test_openvino(half, model, released_weights, photos, expected, tmp_path):
    writer = pytest.importorskip("detector.formats.openvino")
    path = tmp_path / "model.xml"
    _, spec = load_weights(released_weights)
    writer.save_openvino(path, model.read_bytes(), spec, half=half, postprocess=True)
    check(path, photos, expected)


@pytest.mark.slow
def test_saved_model(released_weights, photos, expected, tmp_path):
    saved_model = pytest.importorskip("detector.formats.saved_model")
    saved_model.save_saved_model(tmp_path / "model", *load_weights(released_weights), postprocess=True)
    check(tmp_path / "model", photos, expected)


@pytest.fixture(scope="module")
def looks(released_weights):
    weights, spec = select_classes(*load_weights(released_weights), ["person", "cat", "cup"])
    return [Look(*resize_network(weights, spec, size)) for size in ((128, 128), (160, 192))]


@pytest.fixture(scope="module")
def found_by_looks(looks, photos):
    """What the networks find together, the small picture made of the large one."""
    networks = PooledNetworks([NumpyNetwork(look.weights, look.spec) for look in looks])
    first, *others = (look.spec for look in looks)
    postprocess = Postprocessor(first, others=others, score_threshold=LEAST_OF_LOOKS)
    preprocess = Preprocessor(others[-1])
    return [postprocess(*networks.run(preprocess(photo)), photo.shape[1::-1]) for photo in photos]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("tflite", "a.tflite"),
        ("onnx", "a.onnx"),
        ("openvino", "a.xml"),
        pytest.param("saved_model", "a", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_looks_at_two_sizes(kind, name, looks, found_by_looks, photos, tmp_path):
    path = tmp_path / name
    *smaller, largest = looks
    network = Network(largest.weights, largest.spec, postprocess=True, smaller=tuple(smaller))
    FORMATS[kind].write(path, network)
    run = open_complete(path, 2)
    assert sum(map(len, found_by_looks)) > 10
    for photo, expected in zip(photos, found_by_looks, strict=True):
        found = run(photo)
        found = found[found.scores > LEAST_OF_LOOKS]
        assert found.names == expected.names
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.5)


def test_mistakes(tmp_path):
    with pytest.raises(ModelError, match=r"Expected a \.tflite, \.onnx"):
        open_complete(tmp_path / "model.npz", 1)
    with pytest.raises(ModelError, match=r"Cannot read .*absent"):
        open_complete(tmp_path / "absent.onnx", 1)
    path = tmp_path / "raw.tflite"
    path.write_bytes(build_tflite(random_weights(SMALL), SMALL))
    with pytest.raises(ModelError, match="expected a model with post-processing inside"):
        open_complete(path, 1)
