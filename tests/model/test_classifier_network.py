from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from detector.architecture import LOGITS, POOL, build_classifier, crossing_layers
from detector.backbones import BACKBONES
from detector.classifier_spec import ClassifierSpec
from detector.formats.tflite.features import build_features
from detector.model.network import build_classifier_network, get_weights, set_weights, split_network
from detector.numpy_network import NumpyClassifier
from detector.runtime.litert import open_interpreter
from tests.random_networks import random_weights

SPEC = ClassifierSpec("birds", ("robin", "wren", "tit"), (64, 64), width_multiplier=0.35)


@pytest.fixture(params=["mobilenet_v1", "mobilenet_v2"])
def spec(request):
    return replace(SPEC, backbone=request.param)


def image_of(spec):
    return np.random.default_rng(0).integers(0, 256, (1, *spec.input_hw, 3), np.uint8)


def normalised(image, spec):
    return image.astype(np.float32) * np.float32(spec.pixel_scale) + np.float32(spec.pixel_offset)


@pytest.mark.parametrize("live", [True, False])
def test_tensorflow_computes_what_numpy_computes(spec, live):
    weights, image = random_weights(spec), normalised(image_of(spec), spec)
    network = build_classifier_network(spec, live_batch_norm=live)
    set_weights(network, spec, weights)
    found = tf.nn.softmax(network(image, training=False)[LOGITS])[0]
    np.testing.assert_allclose(found, NumpyClassifier(weights, spec).run(image), atol=1e-5)
    assert get_weights(network, spec).keys() == weights.keys()


def test_features_and_the_part_after_them_are_the_whole(spec):
    weights, image = random_weights(spec), image_of(spec)
    expected = NumpyClassifier(weights, spec).run(normalised(image, spec))
    for first in (LOGITS, BACKBONES[spec.backbone].little):
        network = build_classifier_network(spec, frozen_until=first, live_batch_norm=False)
        set_weights(network, spec, weights)
        features = open_interpreter(build_features(weights, spec, first), 1).get_signature_runner()(
            image=image
        )
        inputs = [features[name] for name in crossing_layers(build_classifier(spec), first)]
        part = split_network(network, spec, first)
        found = tf.nn.softmax(part(inputs, training=False)[LOGITS])[0]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_before_the_last_layer_there_is_one_cell(spec):
    layers = build_classifier(spec)
    assert crossing_layers(layers, LOGITS) == (POOL,)
    assert layers[POOL].out_hw == (1, 1)
