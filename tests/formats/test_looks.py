"""Files that look at a picture at several sizes, against the networks in numpy."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from detector.any_size import resize_network
from detector.architecture import anchors_of
from detector.box_coder import BoxDecoder
from detector.boxes import area
from detector.formats.looks import Look, growth_factors, growth_limits, pooled_anchors
from detector.formats.tflite.calibration import calibrate, share_ranges
from detector.formats.tflite.writer import build_tflite
from detector.numpy_network import NumpyNetwork
from detector.postprocess import largest_area
from detector.spec import ModelSpec
from tests.formats.tflite.test_writer import random_weights

OWN = ModelSpec("small", ("cat", "dog"), input_hw=(64, 80), width_multiplier=0.35)
WEIGHTS = random_weights(OWN)
SIZES = [(48, 100), (64, 80), (97, 128)]
LOOKS = [Look(*resize_network(WEIGHTS, OWN, size)) for size in SIZES]
NAMES = ["box_encodings", "class_logits"]
IMAGE = np.random.default_rng(1).uniform(-1, 1, (1, *SIZES[-1], 3)).astype(np.float32)
IMAGE = cv2.GaussianBlur(IMAGE[0], (5, 5), 0)[None]


def expected():
    outputs = []
    for look in LOOKS:
        seen = cv2.resize(IMAGE[0], look.spec.input_hw[::-1])
        outputs.append(NumpyNetwork(look.weights, look.spec).run(seen[None]))
    return [np.concatenate(each) for each in zip(*outputs, strict=True)]


def build(writer, **options):
    *smaller, largest = LOOKS
    return writer(largest.weights, largest.spec, smaller=smaller, **options)


def run_tflite(content):
    outputs = Interpreter(model_content=content).get_signature_runner()(image=IMAGE)
    return [outputs[name] for name in NAMES]


def test_a_box_counts_by_its_encoding_where_it_counts_by_its_area():
    specs = [look.spec for look in LOOKS]
    anchors = pooled_anchors(specs)
    encodings = np.random.default_rng(0).normal(0, 4, (len(anchors), 4)).astype(np.float32)
    limits = [np.inf, *(largest_area(specs[0], each) for each in specs[1:])]
    limits = np.repeat(limits, [len(anchors_of(each)) for each in specs])
    areas = area(BoxDecoder(anchors, scales=OWN.box_coder_scales)(encodings))
    clear = np.abs(areas / limits - 1) > 1e-3
    by_encoding = (encodings * growth_factors(OWN)).sum(axis=1) < growth_limits(specs)
    assert np.array_equal(by_encoding[clear], (areas < limits)[clear])
    assert 0 < by_encoding.sum() < len(anchors)


def test_tflite_has_the_outputs_of_all_looks_one_after_the_other():
    for output, values in zip(run_tflite(build(build_tflite)), expected(), strict=True):
        np.testing.assert_allclose(output[0], values, atol=1e-4)


def test_onnx_has_them_too():
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    from detector.formats.onnx import build_onnx

    content = build(build_onnx)
    onnx.checker.check_model(onnx.load_from_string(build(build_onnx, postprocess=True)), full_check=True)
    found = onnxruntime.InferenceSession(content).run(NAMES, {"image": IMAGE})
    for output, values in zip(found, expected(), strict=True):
        np.testing.assert_allclose(output[0], values, atol=1e-4)


def test_openvino_has_them_too_in_float32_by_itself(tmp_path):
    openvino = pytest.importorskip("openvino")
    from detector.formats.openvino import save_openvino
    from detector.runtime.openvino import reduced_precision

    path = tmp_path / "looks.xml"
    *smaller, largest = (look.spec for look in LOOKS)
    save_openvino(path, build(build_tflite), largest, smaller=smaller)
    outputs = openvino.Core().compile_model(path, "CPU")([IMAGE])
    for name, values in zip(NAMES, expected(), strict=True):
        np.testing.assert_allclose(outputs[name][0], values, atol=1e-4)
    assert reduced_precision(path) is None


def test_in_int8_all_looks_have_the_ranges_of_all_of_them():
    found = []
    for look in LOOKS:
        seen = cv2.resize(IMAGE[0], look.spec.input_hw[::-1])[None]
        found.append(calibrate(look.weights, look.spec, [seen]))
    shared = share_ranges(found)
    for name, (low, high) in shared[0].ranges.items():
        own = [each.ranges[name] for each in found]
        assert (low, high) == (min(own)[0], max(high for _, high in own))
    assert shared[1].ranges == shared[0].ranges
    assert share_ranges(found[:1]) == found[:1]
    *smaller, largest = (replace(look, quantization=each) for look, each in zip(LOOKS, shared, strict=True))
    content = build_tflite(
        largest.weights, largest.spec, quantization=largest.quantization, smaller=smaller
    )  # fmt: skip
    assert len(content) < 0.6 * len(build(build_tflite))
    for output, values, first in zip(run_tflite(content), expected(), (0, 1), strict=True):
        # The background's logits are left out of the ranges.
        assert 0 < np.abs(output[0] - values)[:, first:].max() < 0.15


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    "module", ["detector.formats.tflite.writer.build_tflite", "detector.formats.onnx.build_onnx"]
)
def test_kernels_are_there_once(half, module):
    *_, largest = LOOKS
    name, _, function = module.rpartition(".")
    writer = getattr(pytest.importorskip(name), function)
    kernels = (2 if half else 4) * sum(
        values.size for key, values in WEIGHTS.items() if key.endswith("/kernel")
    )
    assert len(writer(largest.weights, largest.spec, half=half)) > kernels
    assert len(build(writer, half=half)) < 1.2 * kernels


def test_the_file_is_the_same_every_time():
    assert build(build_tflite, postprocess=True) == build(build_tflite, postprocess=True)
