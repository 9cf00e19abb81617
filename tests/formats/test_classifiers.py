"""Every format of a classifier's file has the same face and computes what the network computes."""

import numpy as np
import pytest

from detector.architecture import PROBABILITIES
from detector.classifier_spec import ClassifierSpec
from detector.formats.network import ClassifierNetwork
from detector.formats.table import FORMATS, WEIGHTS, is_classifier, read_classifier_spec
from detector.formats.tflite.calibration import calibrate
from detector.numpy_network import NumpyClassifier
from detector.weights import load_classifier
from tests.random_networks import normalised, telling_weights

CLASSES = ("robin", "great tit", "wren")
ERRORS = {"none": 1e-4, "fp16": 0.02, "int8": 0.4}
WAYS = [(name, each) for name, format_ in FORMATS.items() for each in format_.precisions]


def coloured(spec, count):
    """Pictures of one colour each, with a little noise, (1, H, W, 3) uint8."""
    generator = np.random.default_rng(1)
    colours = generator.choice([20, 230], (count, 1, 1, 1, 3))
    noise = generator.integers(-20, 20, (count, 1, *spec.input_hw, 3))
    return (colours + noise).astype(np.uint8)


@pytest.fixture(scope="module", params=["mobilenet_v1", "mobilenet_v2"])
def network(request):
    spec = ClassifierSpec("birds", CLASSES, (33, 50), request.param, 0.25, card={"licence": "mine"})
    pictures = coloured(spec, 12)
    weights = telling_weights(spec, pictures)
    quantization = calibrate(weights, spec, [normalised(each, spec) for each in pictures])
    reference = NumpyClassifier(weights, spec)
    expected = np.array([reference.run(normalised(each, spec)) for each in pictures])
    return weights, spec, quantization, pictures, expected


def open_tflite(path):
    from detector.runtime.litert import open_interpreter

    run = open_interpreter(path, 1).get_signature_runner()
    return lambda image: run(image=image)[PROBABILITIES]


def open_onnx(path):
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    return lambda image: session.run([PROBABILITIES], {"image": image})[0]


def open_openvino(path):
    openvino = pytest.importorskip("openvino")
    compiled = openvino.Core().compile_model(path, "CPU")
    return lambda image: compiled({"image": image})[PROBABILITIES]


def open_saved_model(path):
    tf = pytest.importorskip("tensorflow")
    model = tf.saved_model.load(str(path))
    return lambda image: model(image)[PROBABILITIES].numpy()


OPENERS = {
    "tflite": open_tflite,
    "onnx": open_onnx,
    "openvino": open_openvino,
    "saved_model": open_saved_model,
}


@pytest.mark.parametrize(("name", "precision"), WAYS)
def test_it_computes_what_numpy_computes_and_has_the_spec_inside(network, tmp_path, name, precision):
    weights, spec, quantization, pictures, expected = network
    path = tmp_path / f"birds{FORMATS[name].suffix}"
    used = quantization if precision == "int8" else None
    FORMATS[name].write_classifier(path, ClassifierNetwork(weights, spec, precision, used))
    assert read_classifier_spec(path) == spec
    assert is_classifier(path)
    run = OPENERS[name](path)
    found = np.array([np.array(run(each)) for each in pictures])
    assert (found.shape, found.dtype) == ((len(pictures), 1, len(CLASSES)), np.float32)
    np.testing.assert_allclose(found[:, 0], expected, atol=ERRORS[precision])
    assert np.abs(found[:, 0] - expected).mean() < ERRORS[precision] / 4
    np.testing.assert_allclose(found.sum(axis=2), 1, atol=1e-5)
    assert len(set(expected.argmax(axis=1))) > 1  # else any file would do


def test_int8_is_computed_in_integers_and_is_the_smallest(network):
    weights, spec, quantization, *_ = network
    sizes = [
        len(ClassifierNetwork(weights, spec, each, quantization if each == "int8" else None).to_tflite())
        for each in ("none", "fp16", "int8")
    ]
    assert sizes[0] > 1.5 * sizes[1] > 1.5 * 1.2 * sizes[2]


def test_weights_are_a_format_too(network, tmp_path):
    weights, spec, *_ = network
    WEIGHTS.write_classifier(tmp_path / "birds.npz", ClassifierNetwork(weights, spec))
    assert load_classifier(tmp_path / "birds.npz")[1] == spec


@pytest.mark.parametrize("precision", ["none", "int8"])
def test_openvinos_model_api_gives_names_of_pictures_as_opencv_has_them(network, tmp_path, precision):
    pytest.importorskip("openvino")
    models = pytest.importorskip("model_api.models")
    weights, spec, quantization, pictures, expected = network
    path = tmp_path / "birds.xml"
    used = quantization if precision == "int8" else None
    FORMATS["openvino"].write_classifier(path, ClassifierNetwork(weights, spec, precision, used))
    model = models.Model.create_model(str(path))
    reference = NumpyClassifier(weights, spec)
    turned = [reference.run(normalised(each[..., ::-1], spec)) for each in pictures]
    assert np.abs(np.array(turned) - expected).max() > 0.5  # the order of the colours matters
    for picture, probabilities in zip(pictures, expected, strict=True):
        (best,) = model(np.ascontiguousarray(picture[0, ..., ::-1])).top_labels
        assert best.confidence == pytest.approx(probabilities[best.id], abs=ERRORS[precision])
        assert best.name == ("robin", "great_tit", "wren")[best.id]
