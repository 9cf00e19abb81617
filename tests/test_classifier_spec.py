from dataclasses import replace

import numpy as np
import pytest

from detector.architecture import build_architecture, build_classifier
from detector.classifier_spec import ClassifierSpec
from detector.errors import ModelError
from detector.formats.table import read_classifier_spec, read_spec
from detector.formats.tflite.calibration import calibrate
from detector.formats.tflite.classifier import PROBABILITIES, build_classifier_tflite
from detector.numpy_network import NumpyClassifier
from detector.runtime.litert import open_interpreter
from detector.spec import ModelSpec
from detector.weights import load_classifier, load_weights, save_weights
from tests.random_networks import random_weights

SPEC = ClassifierSpec(
    "birds", ("robin", "wren", "tit"), (64, 96), "mobilenet_v2", 0.35, card={"data": "mine"}
)


@pytest.fixture(params=["mobilenet_v1", "mobilenet_v2"])
def network(request):
    spec = replace(SPEC, backbone=request.param, width_multiplier=0.25)
    return random_weights(spec), spec


@pytest.mark.parametrize(
    ("size", "million"), [(224, 300.8), (192, 221.3), (160, 154.1), (128, 99.1), (96, 56.3)]
)
def test_multiply_adds_are_those_that_were_published_with_1001_classes(size, million):
    """Source: TF-Slim's table of MobileNetV2 checkpoints (300, 221, 154, 99, 56), Sandler et al., 2018."""
    spec = ClassifierSpec("imagenet", tuple(map(str, range(1001))), (size, size))
    assert round(build_classifier(spec).multiply_adds / 1e6, 1) == million


def test_parameters_are_those_of_keras_applications():
    spec = ClassifierSpec("imagenet", tuple(map(str, range(1000))))
    assert build_classifier(spec).trainable_parameters == 3_504_872


def test_a_spec_comes_back_from_its_json():
    assert ClassifierSpec.from_json(SPEC.to_json()) == SPEC


def test_a_classifier_is_never_taken_for_a_detector_nor_a_detector_for_one(tmp_path, network):
    weights, spec = network
    with pytest.raises(ModelError, match="is a classifier"):
        ModelSpec.from_json(spec.to_json())
    detector = ModelSpec("toy", ("a",))
    with pytest.raises(ModelError, match="is a detector"):
        ClassifierSpec.from_json(detector.to_json())
    path = tmp_path / "model.npz"
    save_weights(path, weights, spec)
    with pytest.raises(ModelError, match="is a classifier"):
        load_weights(path)
    tflite = tmp_path / "model.tflite"
    tflite.write_bytes(build_classifier_tflite(weights, spec))
    with pytest.raises(ModelError, match="is a classifier"):
        read_spec(tflite)
    assert read_classifier_spec(tflite) == read_classifier_spec(path) == spec


@pytest.mark.parametrize(
    "change", [{"view": "left"}, {"backbone": "resnet"}, {"classes": ("a", "a")}, {"input_hw": (0, 3)}]
)
def test_what_no_classifier_has_is_refused(change):
    with pytest.raises(ModelError):
        replace(SPEC, **change)


def test_weights_come_back_from_their_file(tmp_path, network):
    weights, spec = network
    save_weights(tmp_path / "model.npz", weights, spec)
    loaded, loaded_spec = load_classifier(tmp_path / "model.npz")
    assert loaded_spec == spec
    assert all(np.array_equal(loaded[key], weights[key]) for key in weights)
    assert loaded.keys() == weights.keys()


def pictures(spec, count=8):
    return np.random.default_rng(1).integers(0, 256, (count, 1, *spec.input_hw, 3), np.uint8)


def normalised(image, spec):
    return image.astype(np.float32) * np.float32(spec.pixel_scale) + np.float32(spec.pixel_offset)


def run(model, image):
    return open_interpreter(model, 1).get_signature_runner()(image=image)[PROBABILITIES][0].copy()


@pytest.mark.parametrize(("half", "error"), [(False, 1e-5), (True, 1e-2)])
def test_tflite_computes_what_numpy_computes(network, half, error):
    weights, spec = network
    image = pictures(spec)[0]
    expected = NumpyClassifier(weights, spec).run(normalised(image, spec))
    found = run(build_classifier_tflite(weights, spec, half=half), image)
    np.testing.assert_allclose(found, expected, atol=error)
    assert found.sum() == pytest.approx(1, abs=1e-5)


def test_int8_is_near(network):
    weights, spec = network
    seen = pictures(spec)
    quantization = calibrate(weights, spec, [normalised(each, spec) for each in seen])
    model = build_classifier_tflite(weights, spec, quantization=quantization)
    assert len(model) < 0.5 * len(build_classifier_tflite(weights, spec))
    for image in seen[:2]:
        expected = NumpyClassifier(weights, spec).run(normalised(image, spec))
        np.testing.assert_allclose(run(model, image), expected, atol=0.1)


def test_its_layers_are_those_of_the_detectors_backbone(network):
    _, spec = network
    detector = ModelSpec("toy", ("a",), spec.input_hw, spec.backbone, spec.width_multiplier)
    shared = [layer.name for layer in build_classifier(spec).layers][:-2]
    assert build_architecture(detector).layers[: len(shared)] == build_classifier(spec).layers[:-2]
