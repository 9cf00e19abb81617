"""A classifier answers the same on every backend, from its weights and from every file that is made of it."""

from dataclasses import replace

import numpy as np
import pytest

from detector.classifier_spec import ClassifierSpec
from detector.errors import BackendError, ModelError
from detector.formats.network import ClassifierNetwork
from detector.formats.table import FORMATS, WEIGHTS
from detector.formats.tflite.metadata import replace_spec
from detector.numpy_network import NumpyClassifier
from detector.runtime.classifier_backend import open_classifier
from tests.random_networks import normalised, telling_weights

MODULES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "tensorflow": "tensorflow"}
FILES = {"weights": WEIGHTS, **FORMATS}
PAIRS = [(name, backend) for name, format_ in FILES.items() for backend in format_.backends]


@pytest.fixture(scope="module")
def network():
    spec = ClassifierSpec("birds", ("robin", "wren"), (24, 40), "mobilenet_v2", 0.35)
    pictures = np.random.default_rng(2).integers(0, 256, (4, 1, *spec.input_hw, 3), np.uint8)
    return telling_weights(spec, pictures), spec, pictures


@pytest.fixture(scope="module")
def files(network, tmp_path_factory):
    weights, spec, _ = network
    folder = tmp_path_factory.mktemp("files")
    return lambda name: _write(folder, name, weights, spec)


def _write(folder, name, weights, spec):
    path = folder / f"{name}{FILES[name].suffix}"
    if not path.exists():
        FILES[name].write_classifier(path, ClassifierNetwork(weights, spec))
    return path


@pytest.mark.parametrize(("name", "backend"), PAIRS)
def test_it_answers_what_numpy_answers(network, files, name, backend):
    if backend in MODULES:
        pytest.importorskip(MODULES[backend])
    weights, spec, pictures = network
    opened = open_classifier(files(name), backend, 1, trust=True)
    reference = NumpyClassifier(weights, spec)
    for each in (opened, *opened.split(1)):
        answers = [each.run(picture) for picture in pictures]  # each an array of its own
        expected = [reference.run(normalised(picture, spec)) for picture in pictures]
        np.testing.assert_allclose(answers, expected, atol=1e-4)
        assert answers[0].dtype == np.float32


def test_a_saved_model_is_not_run_unless_it_is_trusted(files):
    pytest.importorskip("tensorflow")
    with pytest.raises(ModelError, match="a program"):
        open_classifier(files("saved_model"), "tensorflow")


def test_a_backend_that_does_not_read_the_file_is_refused(files):
    with pytest.raises(BackendError, match="does not read"):
        open_classifier(files("tflite"), "onnxruntime")


@pytest.mark.parametrize("backend", ["litert", "openvino"])
def test_the_spec_of_another_network_is_refused(network, files, tmp_path, backend):
    pytest.importorskip(MODULES.get(backend, "numpy"))
    _, spec, _ = network
    other = tmp_path / "other.tflite"
    other.write_bytes(replace_spec(files("tflite").read_bytes(), replace(spec, classes=("a", "b", "c"))))
    with pytest.raises(ModelError, match="another network"):
        open_classifier(other, backend)
