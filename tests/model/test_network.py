"""The TensorFlow network against the official graph, LiteRT, and keras.applications."""

import numpy as np
import pytest

from detector.architecture import build_architecture
from detector.formats.tflite.writer import build_tflite
from detector.runtime.litert import LiteRTBackend
from detector.spec import ModelSpec
from detector.weights import load_weights
from tests.formats.tflite.test_writer import random_weights
from tests.model.test_trained_part import SMALL

pytestmark = pytest.mark.slow
tf_keras = pytest.importorskip("tf_keras")
network_module = pytest.importorskip("detector.model.network")
conversion = pytest.importorskip("studies.conversion")


@pytest.fixture(scope="module")
def released(released_weights):
    weights, spec = load_weights(released_weights)
    network = network_module.build_network(spec)
    network_module.set_weights(network, spec, weights)
    return network, spec, weights


def test_outputs_are_those_of_the_official_graph(released, golden):
    ids = [key.removesuffix("/input") for key in golden if key.endswith("/input")]
    outputs = released[0](np.stack([golden[f"{id_}/input"] for id_ in ids]), training=False)
    for name, values in outputs.items():
        expected = np.stack([golden[f"{id_}/{name}"] for id_ in ids])
        assert values.shape == expected.shape
        assert np.abs(values - expected).max() <= 2e-4


def test_parameters_are_those_that_the_architecture_counts(released):
    network, spec, _ = released
    trainable = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    assert trainable == build_architecture(spec).trainable_parameters == 4_337_013


def test_weights_come_back_as_they_went_in(released):
    network, spec, weights = released
    back = network_module.get_weights(network, spec)
    assert back.keys() == weights.keys()
    for key, values in weights.items():
        np.testing.assert_array_equal(back[key], values)


@pytest.mark.parametrize(
    ("backbone", "size_hw", "width"),
    [
        ("mobilenet_v2", (300, 300), 0.35),
        ("mobilenet_v2", (320, 320), 1.4),
        ("mobilenet_v2", (97, 128), 0.5),
        ("mobilenet_v1", (97, 128), 0.5),
    ],
)
def test_litert_and_tensorflow_agree_on_any_size(backbone, size_hw, width, tmp_path):
    spec = ModelSpec("test", ("cat", "dog"), input_hw=size_hw, width_multiplier=width, backbone=backbone)
    weights = random_weights(spec)
    network = network_module.build_network(spec)
    network_module.set_weights(network, spec, weights)
    path = tmp_path / "model.tflite"
    path.write_bytes(build_tflite(weights, spec))
    image = np.random.default_rng(1).uniform(-1, 1, (1, *size_hw, 3)).astype(np.float32)
    expected = network(image, training=False)
    box_encodings, class_logits = LiteRTBackend(path, 2).run(image)
    for found, name in ((box_encodings, "box_encodings"), (class_logits, "class_logits")):
        scale = np.abs(expected[name]).max()
        assert np.abs(found - expected[name][0]).max() <= 1e-4 * scale
        assert np.std(found) > 1e-3 * scale  # the inputs get through to the outputs


def test_the_file_that_is_written_is_the_one_that_tensorflow_converts(released, tmp_path, golden):
    _, spec, weights = released
    (tmp_path / "converted.tflite").write_bytes(conversion.convert_to_tflite(weights, spec))
    (tmp_path / "written.tflite").write_bytes(build_tflite(weights, spec))
    image = golden["139/input"][None]
    found = [LiteRTBackend(tmp_path / f"{name}.tflite", 1).run(image) for name in ("converted", "written")]
    for converted, written in zip(*found, strict=True):
        np.testing.assert_allclose(written, converted, atol=1e-3)


def test_the_backbone_is_that_of_keras_applications():
    spec = ModelSpec("test", ("cat",), input_hw=(96, 96), width_multiplier=0.35)
    network = network_module.build_network(spec)
    theirs = tf_keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, include_top=False, weights=None)
    for layer in theirs.layers:
        if layer.weights:
            values = layer.get_weights()
            if len(values) == 4:  # batch normalisation, whose fresh values are all alike
                values = [np.random.default_rng(2).uniform(0.5, 1.5, value.shape) for value in values]
                layer.set_weights(values)
            network.get_layer(layer.name).set_weights(values)
    names = ("block_13_expand_relu", "out_relu")
    image = np.random.default_rng(3).uniform(-1, 1, (2, 96, 96, 3)).astype(np.float32)
    outputs = [
        tf_keras.Model(model.input, [model.get_layer(name).output for name in names])(image)
        for model in (network, theirs)
    ]
    for mine, their in zip(*outputs, strict=True):
        assert np.std(mine) > 0
        np.testing.assert_allclose(mine, their, rtol=1e-5)


def test_momentum_reaches_the_layers():
    network = network_module.build_network(SMALL, batch_norm_momentum=0.9)
    assert network.get_layer("Conv_1_bn").momentum == 0.9
    assert not network.losses  # what is regularised is the task's affair


def test_training_with_batch_statistics_starts_from_nearly_the_same_function(released, coco_sample):
    from detector.images import load_image
    from detector.preprocess import Preprocessor

    network, spec, _ = released
    preprocess = Preprocessor(spec)
    batch = np.concatenate([preprocess(load_image(image.path)) for image in coco_sample.images[:24]])
    kept = [variable.numpy() for variable in network.variables]
    inference = network(batch, training=False)["class_logits"].numpy()
    training = network(batch, training=True)["class_logits"].numpy()
    for variable, value in zip(network.variables, kept, strict=True):
        variable.assign(value)
    # With mean 0 and variance 1, as folded weights have it, the correlation is next to nothing.
    assert np.corrcoef(inference.ravel(), training.ravel())[0, 1] > 0.95
