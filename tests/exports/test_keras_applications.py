"""The files of a classifier give the probabilities that keras.applications' own network gives."""

import numpy as np
import pytest

from detector.formats.network import ClassifierNetwork
from detector.formats.table import FORMATS
from detector.runtime.classifier_backend import open_classifier
from detector.runtime.classifier_file import ClassifierFile
from tests.exports.test_classifier_gate import MODULES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keras_name", "width", "size"), [("MobileNet", 0.25, 128), ("MobileNetV2", 0.35, 96)]
)
def test_probabilities_are_those_of_keras(tmp_path, keras_name, width, size):
    tf_keras = pytest.importorskip("tf_keras")
    theirs = getattr(tf_keras.applications, keras_name)((size, size, 3), alpha=width, weights=None)
    rng = np.random.default_rng(0)
    for layer in theirs.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):  # fresh ones are all alike
            layer.set_weights([rng.uniform(0.5, 1.5, value.shape) for value in layer.get_weights()])
    last = next(layer for layer in reversed(theirs.layers) if layer.get_weights())
    kernel, bias = last.get_weights()
    last.set_weights([kernel * 30, bias + rng.normal(size=bias.shape)])  # so that some classes are likely
    path = tmp_path / f"keras_{size}_weights.h5"
    theirs.save_weights(path)
    pictures = rng.integers(0, 256, (2, 1, size, size, 3), np.uint8)
    expected = np.array([np.ravel(theirs(each / np.float32(127.5) - 1, training=False)) for each in pictures])
    assert expected.max() > 0.05
    weights, spec = ClassifierFile(path).weights()
    assert spec.input_hw == (size, size)
    for name, format_ in FORMATS.items():
        for module in MODULES.get(name, ()):
            pytest.importorskip(module)
        target = tmp_path / f"keras{format_.suffix}"
        format_.write_classifier(target, ClassifierNetwork(weights, spec))
        backend = open_classifier(target, None, 1, trust=True)
        found = np.array([backend.run(each) for each in pictures])
        np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=name)
