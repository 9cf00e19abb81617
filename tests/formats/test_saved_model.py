"""SavedModels against the network in numpy."""

import numpy as np
import pytest

from detector import Detector
from detector.errors import BackendError, DetectorError, ModelError
from detector.numpy_network import NumpyNetwork
from tests.formats.test_onnx import small_image
from tests.formats.tflite.test_writer import SMALL, random_weights

pytestmark = pytest.mark.slow
pytest.importorskip("tf_keras")
saved_model = pytest.importorskip("detector.formats.saved_model")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "raw.npz"  # what a folder is called says nothing
    saved_model.save_saved_model(folder, random_weights(SMALL), SMALL)
    return folder


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "complete"
    saved_model.save_saved_model(folder, random_weights(SMALL), SMALL, postprocess=True)
    return folder


def test_outputs_are_those_of_the_network(folder):
    image = small_image()
    detector = Detector.load(folder, trust=True)
    assert detector.backend_name == "tensorflow"
    assert detector.spec == SMALL
    expected = NumpyNetwork(random_weights(SMALL), SMALL).run(image)
    for backend in (detector.backend, *detector.backend.split(2)):
        for output, values in zip(backend.run(image), expected, strict=True):
            np.testing.assert_allclose(output, values, atol=1e-4)


def test_a_detector_of_a_trusted_one_can_be_sent_to_another_process(folder):
    import pickle

    detector = Detector.load(folder, trust=True)
    image = np.zeros((64, 64, 3), np.uint8)
    assert pickle.loads(pickle.dumps(detector)).detect(image) == detector.detect(image)


def test_the_folder_says_what_it_is(folder):
    assert (folder / "labels.txt").read_text() == "cat\ndog\n"


def test_shapes_and_names_with_post_processing(complete):
    from detector.runtime.saved_model import open_saved_model

    module, signature = open_saved_model(complete, 1)
    outputs = signature(image=np.zeros((1, *SMALL.input_hw, 3), np.uint8))
    assert {name: (values.dtype.name, tuple(values.shape)) for name, values in outputs.items()} == {
        "detection_boxes": ("float32", (1, 100, 4)),
        "detection_classes": ("float32", (1, 100)),
        "detection_scores": ("float32", (1, 100)),
        "num_detections": ("float32", (1,)),
    }
    assert module is not None


@pytest.mark.parametrize("kind", ["raw", "complete"])
def test_what_tensorflow_loads_can_be_called(kind, folder, complete):
    import tensorflow as tf

    path, image = (
        (folder, small_image())
        if kind == "raw"
        else (complete, np.full((1, *SMALL.input_hw, 3), 99, np.uint8))
    )
    loaded = tf.saved_model.load(str(path))
    called = loaded(tf.constant(image))
    signed = loaded.signatures["serving_default"](image=tf.constant(image))
    assert called.keys() == signed.keys()
    for name, values in called.items():
        np.testing.assert_array_equal(values.numpy(), signed[name].numpy())


def test_mistakes(folder, complete, tmp_path):
    with pytest.raises(ModelError, match="post-processing inside, for other programs"):
        Detector.load(complete, trust=True)
    with pytest.raises(BackendError, match="which litert does not read; it runs on tensorflow"):
        Detector.load(folder, backend="litert")
    with pytest.raises(DetectorError, match="exists already"):
        saved_model.save_saved_model(folder, random_weights(SMALL), SMALL)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "saved_model.pb").write_bytes(b"text")
    with pytest.raises(ModelError, match=r"foreign was not made by this project"):
        Detector.load(foreign, trust=True)
    (foreign / "model_spec.json").write_text(SMALL.to_json())
    with pytest.raises(ModelError, match=r"TensorFlow cannot load .*foreign"):
        Detector.load(foreign, trust=True)
    whole = (folder / "saved_model.pb").read_bytes()
    (foreign / "saved_model.pb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"TensorFlow cannot load .*foreign"):
        Detector.load(foreign, trust=True)
