"""Networks of every backbone in every format, through the gate."""

import pytest

from detector.backbones import BACKBONES
from detector.data.sample import SAMPLE_FOLDER
from detector.exports.gate import Gate
from detector.exports.trial_images import find_trial_images
from detector.formats.looks import Look
from detector.formats.network import Network
from detector.formats.table import FORMATS, read_spec
from detector.spec import ModelSpec
from tests.formats.tflite.test_writer import random_weights

pytestmark = pytest.mark.slow
FLOATS = [
    (name, each) for name, found in FORMATS.items() for each in ("none", "fp16") if each in found.precisions
]


@pytest.mark.parametrize("backbone", [name for name in BACKBONES if name != "mobilenet_v2"])
@pytest.mark.parametrize(("name", "precision"), FLOATS)
def test_what_is_written_finds_what_the_network_finds(backbone, name, precision, tmp_path):
    for library in {
        "onnx": ("onnx", "onnxruntime"),
        "openvino": ("openvino",),
        "saved_model": ("tensorflow",),
    }.get(name, ()):
        pytest.importorskip(library)
    spec = ModelSpec(
        "small",
        ("cat", "dog"),
        input_hw=(96, 96),
        width_multiplier=0.25,
        backbone=backbone,
        max_detections=20,
    )
    network = Network(random_weights(spec), spec, precision=precision)
    path = tmp_path / f"network{FORMATS[name].suffix}"
    FORMATS[name].write(path, network)
    assert read_spec(path) == spec
    trial = find_trial_images(None, SAMPLE_FOLDER, "", spec)
    gate = Gate([Look(network.weights, spec)], trial, None, lambda line: None)
    assert gate.find_fault(path, FORMATS[name], network) is None
