"""The ONNX files against the network in numpy, in every library that reads them."""

import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.numpy_network import NumpyNetwork
from detector.weights import load_weights
from tests.formats.tflite.test_writer import SMALL, random_weights

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from detector.formats.onnx import build_onnx  # noqa: E402

NAMES = ["box_encodings", "class_logits"]


def small_image(spec=SMALL):
    return np.random.default_rng(1).uniform(-1, 1, (1, *spec.input_hw, 3)).astype(np.float32)


def run_onnxruntime(content, image):
    return onnxruntime.InferenceSession(content).run(NAMES, {"image": image})


def run_openvino(content, image):
    openvino = pytest.importorskip("openvino")
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(openvino.Core().read_model(content), "CPU", settings)
    outputs = compiled({"image": image})
    return [outputs[name] for name in NAMES]


def run_opencv(content, image):
    network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    network.setInput(image, "image")
    return network.forward(NAMES)


def run_opencv_4(content, image):
    """OpenCV 5 has the engine of OpenCV 4 as well, for files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(content)
        network = cv2.dnn.readNetFromONNX(str(path), engine=cv2.dnn.ENGINE_CLASSIC)
    network.setInput(image, "image")
    return network.forward(NAMES)


RUNTIMES = {
    "onnxruntime": run_onnxruntime,
    "OpenVINO": run_openvino,
    "OpenCV": run_opencv,
    "OpenCV 4": run_opencv_4,
}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("size_hw", [(97, 128), (64, 99), (33, 40)])
def test_outputs_are_those_of_the_network_at_any_size(runtime, size_hw):
    spec = replace(SMALL, input_hw=size_hw)
    weights = random_weights(spec)
    image = small_image(spec)
    found = RUNTIMES[runtime](build_onnx(weights, spec), image)
    for output, expected in zip(found, NumpyNetwork(weights, spec).run(image), strict=True):
        np.testing.assert_allclose(output[0], expected, atol=1e-4)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_outputs_of_the_released_model(runtime, released_weights, golden):
    content = build_onnx(*load_weights(released_weights))
    id_ = next(key.removesuffix("/input") for key in golden if key.endswith("/input"))
    found = RUNTIMES[runtime](content, golden[f"{id_}/input"][None])
    for output, name in zip(found, NAMES, strict=True):
        assert np.abs(output[0] - golden[f"{id_}/{name}"]).max() <= 1e-3


def test_half_is_half_as_large_and_near():
    weights = random_weights(SMALL)
    whole, half = build_onnx(weights, SMALL), build_onnx(weights, SMALL, half=True)
    assert len(half) < 0.55 * len(whole)
    image = small_image()
    for a, b in zip(run_onnxruntime(whole, image), run_onnxruntime(half, image), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


@pytest.mark.parametrize("postprocess", [False, True])
@pytest.mark.parametrize("half", [False, True])
def test_the_file_is_valid_and_the_same_every_time(postprocess, half):
    content = build_onnx(random_weights(SMALL), SMALL, half=half, postprocess=postprocess)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    assert content == build_onnx(random_weights(SMALL), SMALL, half=half, postprocess=postprocess)


def test_spec_and_labels_travel_inside():
    session = onnxruntime.InferenceSession(build_onnx(random_weights(SMALL), SMALL))
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata == {"model_spec": SMALL.to_json(), "labels": "cat\ndog"}


def test_after_the_last_detection_come_zeros():
    spec = replace(SMALL, score_threshold=0.999)
    session = onnxruntime.InferenceSession(build_onnx(random_weights(spec), spec, postprocess=True))
    names = ["detection_boxes", "detection_classes", "detection_scores", "num_detections"]
    image = np.zeros((1, *spec.input_hw, 3), np.uint8)
    boxes, classes, scores, number = session.run(names, {"image": image})
    assert (boxes.shape, classes.shape, scores.shape, number.shape) == ((1, 100, 4), (1, 100), (1, 100), (1,))
    assert number[0] == 0
    assert not boxes.any()
    assert not classes.any()
    assert not scores.any()
