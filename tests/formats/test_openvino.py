"""OpenVINO's models: files, contents, and int8 that stays int8 and stays right."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from detector.errors import DetectorError, ModelError
from detector.formats.table import read_spec
from detector.formats.tflite.quantization import Quantization
from detector.formats.tflite.writer import build_tflite
from detector.numpy_network import NumpyNetwork
from tests.formats.test_onnx import small_image
from tests.formats.tflite.test_writer import SMALL, random_weights

openvino = pytest.importorskip("openvino")
from detector.formats.openvino import save_openvino  # noqa: E402
from detector.formats.openvino_kernels import narrow_kernel  # noqa: E402
from detector.runtime.openvino import OpenVINOBackend, reduced_precision  # noqa: E402


@pytest.fixture(scope="module")
def weights():
    return random_weights(SMALL)


@pytest.fixture(scope="module")
def tflite(weights):
    return build_tflite(weights, SMALL)


@pytest.fixture(scope="module")
def int8_tflite(weights):
    ranges = {
        name: (float(values.min()), float(values.max()))
        for name, values in NumpyNetwork(weights, SMALL).activations(small_image())
    }
    return build_tflite(weights, SMALL, quantization=Quantization(ranges))


def test_outputs_are_those_of_the_network(weights, tflite, tmp_path):
    path = tmp_path / "small.xml"
    save_openvino(path, tflite, SMALL)
    image = small_image()
    expected = NumpyNetwork(weights, SMALL).run(image)
    for output, values in zip(OpenVINOBackend(path, 1).run(image), expected, strict=True):
        np.testing.assert_allclose(output, values, atol=1e-4)


def test_spec_and_labels_travel_inside(tflite, tmp_path):
    path = tmp_path / "small.xml"
    save_openvino(path, tflite, SMALL)
    assert read_spec(path) == SMALL
    model = openvino.Core().read_model(path)
    assert model.get_rt_info(["labels"]).value == "cat\ndog"
    assert [name for port in model.inputs for name in port.get_names()] == ["image"]


def test_the_pair_is_all_that_is_written_and_the_same_every_time(tflite, tmp_path):
    contents = []
    for name in ("first", "second"):
        save_openvino(tmp_path / name / "small.xml", tflite, SMALL, postprocess=True)
        files = sorted((tmp_path / name).iterdir())
        assert [file.name for file in files] == ["small.bin", "small.xml"]
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in contents[0][1]


def test_half_is_half_as_large(tflite, tmp_path):
    for half in (False, True):
        save_openvino(tmp_path / f"{half}.xml", tflite, SMALL, half=half)
    whole, half = ((tmp_path / f"{name}.bin").stat().st_size for name in (False, True))
    assert half < 0.55 * whole


def test_int8_stays_int8(weights, tflite, int8_tflite, tmp_path):
    for name, content in {"float": tflite, "int8": int8_tflite}.items():
        save_openvino(tmp_path / f"{name}.xml", content, SMALL)
    sizes = {name: (tmp_path / f"{name}.bin").stat().st_size for name in ("float", "int8")}
    assert sizes["int8"] < 0.35 * sizes["float"]
    image = small_image()
    expected = NumpyNetwork(weights, SMALL).run(image)
    (tmp_path / "int8.tflite").write_bytes(int8_tflite)
    for path in (tmp_path / "int8.xml", tmp_path / "int8.tflite"):
        backend = OpenVINOBackend(path, 1)
        for output, values in zip(backend.run(image), expected, strict=True):
            assert 0 < np.abs(output - values).max() < 0.1
        kinds = [node.get_rt_info() for node in backend.runtime_model().get_ordered_ops()]
        convolutions = [
            str(kind["primitiveType"].value) for kind in kinds if kind["layerType"].value == "Convolution"
        ]
        assert len(convolutions) > 50
        # How they are called is the processor's matter: with AMX the first one ends in small letters.
        assert all(kind.lower().endswith("_i8") for kind in convolutions), convolutions


def test_no_pair_of_channels_can_overflow_16_bits():
    generator = np.random.default_rng(0)
    kernel = generator.integers(-127, 128, (50, 7, 3, 3)).astype(np.int8)
    kernel[0] = np.clip(kernel[0], -60, 60)
    kernel[1] = 0
    scales = generator.uniform(0.01, 0.02, 50).astype(np.float32)
    narrowed, new_scales = narrow_kernel(kernel, scales)
    even = np.pad(narrowed.astype(int), [(0, 0), (0, 1), (0, 0), (0, 0)]).reshape(50, 4, 2, 3, 3)
    for sign in (1, -1):
        assert np.maximum(sign * even, 0).sum(axis=2).max() * 255 < 2**15
    assert np.array_equal(narrowed[0], kernel[0])
    along = (slice(None), None, None, None)
    error = np.abs(narrowed * new_scales[along] - kernel * scales[along])
    assert (error <= 0.501 * new_scales[along]).all()
    again, same_scales = narrow_kernel(narrowed, new_scales)
    assert np.array_equal(again, narrowed)
    assert np.array_equal(same_scales, new_scales)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("postprocess", [False, True])
def test_who_asks_for_no_precision_gets_float32(tflite, tmp_path, half, postprocess):
    path = tmp_path / "small.xml"
    save_openvino(path, tflite, SMALL, half=half, postprocess=postprocess)
    assert reduced_precision(path) is None  # where the processor has bfloat16, too
    layers = list(ElementTree.parse(path).iter("layer"))
    assert len(layers) > 100
    for layer in layers:
        assert layer.find("rt_info/attribute[@name='precise']") is not None, layer.get("name")


def test_rows_after_the_last_detection_are_marked(tmp_path):
    spec = replace(SMALL, score_threshold=0.999)
    path = tmp_path / "small.xml"
    save_openvino(path, build_tflite(random_weights(spec), spec), spec, postprocess=True)
    compiled = openvino.Core().compile_model(path, "CPU")
    rows = compiled({"image": np.zeros((1, *spec.input_hw, 3), np.uint8)})["detections"]
    assert rows.shape == (1, 1, 100, 7)
    assert np.array_equal(rows[0, 0], np.tile([-1, 0, 0, 0, 0, 0, 0], (100, 1)))


def test_mistakes(tflite, tmp_path):
    with pytest.raises(ModelError, match=r"end in \.xml"):
        save_openvino(tmp_path / "model.bin", tflite, SMALL)
    (tmp_path / "file").write_text("")
    with pytest.raises(DetectorError, match="Cannot write"):
        save_openvino(tmp_path / "file/model.xml", tflite, SMALL)


WITHOUT_OPENVINO = """
import sys
sys.modules["openvino"] = sys.modules["onnx"] = sys.modules["onnxruntime"] = None
import detector.runtime, detector.exports.complete
"""


def test_the_package_needs_none_of_the_optional_libraries():
    subprocess.run([sys.executable, "-c", WITHOUT_OPENVINO], check=True)
