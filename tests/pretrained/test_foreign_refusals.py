"""Foreign models that are no SSDLite MobileNetV2, or that contradict what lies beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.errors import WeightsError
from detector.formats.tflite.writer import build_tflite
from detector.pretrained.foreign_model import import_model
from detector.weights import save_weights
from tests.pretrained.cells import SPEC, write
from tests.pretrained.graph_files import (
    graph,
    node,
    resize_nodes,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\nb\n", "does not fit the model: it has 2 lines, and the model has 3 classes"),
        ('item { id: 4 name: "x" }', "has the id 4, and the model has 3 classes"),
        ('item { id: 1 name: "x" } item { id: 2 name: "x" }', "two classes the name 'x'"),
        ('item { id: 1 name: "x" } item { id: 1 name: "y" }', "the id 1 is there twice"),
        ('item { id: 1 name: "x"', "is missing at the end"),
        ('item { name: "x" }', "an item without an id"),
        ("item { id: 1 }", "the item with the id 1 has no name"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, tensors: Any, text: str, message: str) -> None:
    path = tmp_path / "labels.pbtxt"
    path.write_text(text)
    with pytest.raises(WeightsError, match=message):
        import_model(write(tmp_path / "cells", graph(tensors), {}), path)


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (
            {"kind": "ssd_mobilenet_v1"},
            "another architecture: ssd_mobilenet_v1; expected SSDLite MobileNetV2",
        ),
        ({"depthwise": "false"}, "another architecture: ssd_mobilenet_v2 whose heads are full convolutions"),
        ({"scores": "SOFTMAX"}, "into scores by SOFTMAX"),
        (
            {"resizer": "keep_aspect_ratio_resizer { min_dimension: 600 }"},
            "input size of keep_aspect_ratio_resizer",
        ),
        (
            {"kind": "ssd_mobilenet_v2' conv_hyperparams { activation: RELU } x: 'y"},
            "has the activation RELU;",
        ),
        ({"kind": "ssd_mobilenet_v2' pad_to_multiple: 32 x: 'y"}, "pads pictures"),
        ({"classes": 4}, "has 4 classes and the model has 3"),
        ({"resizer": "fixed_shape_resizer { height: 320 width: 320 }"}, "320 pixels, and the frozen graph"),
        ({"resizer": "fixed_shape_resizer { height: 0 width: 320 }"}, "has an input of 0 x 320 pixels"),
        ({"classes": "{"}, r"no pipeline\.config that can be read"),
    ],
)
def test_a_config_of_another_model(
    tmp_path: Path, tensors: Any, pipeline: dict[str, Any], message: str
) -> None:
    folder = write(tmp_path / "cells", graph(tensors, resize_nodes(300, 300)), pipeline)
    with pytest.raises(WeightsError, match=message):
        import_model(folder)


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("FeatureExtractor/MobilenetV1/MobilenetV1/Conv2d_0/weights", "SSD MobileNetV1"),
        ("FirstStageFeatureExtractor/resnet_v1_101/conv1/weights", "Faster R-CNN"),
        ("FeatureExtractor/MobilenetV2/Conv/weights", "SSD MobileNetV2 whose heads are full convolutions"),
        ("FeatureExtractor/MobilenetV2/fpn/top_down/weights", "feature pyramid"),
        ("MobilenetV1/Conv2d_0/weights", "a MobileNetV1 classifier"),
        ("MobilenetV2/Conv/weights", "a MobileNetV2 classifier"),
        ("net/weights", "one that is not known here"),
    ],
)
def test_another_architecture_is_named(tmp_path: Path, name: str, architecture: str) -> None:
    folder = write(tmp_path / "cells", graph({name: np.zeros((3, 3), np.float32)}))
    with pytest.raises(WeightsError, match=f"of another architecture: .*{architecture}"):
        import_model(folder)


@pytest.mark.parametrize(
    ("name", "operation"), [("FeatureExtractor/MobilenetV2/Conv/Relu", "Relu"), ("BoxPredictor_0/Pad", "Pad")]
)
def test_layers_that_compute_something_else_are_refused(
    tmp_path: Path, tensors: Any, name: str, operation: str
) -> None:
    folder = write(tmp_path / "cells", graph(tensors, node(name, operation)))
    with pytest.raises(WeightsError, match=f"has the operation {operation} at {name}"):
        import_model(folder)


def test_rounding_that_is_left_out_is_said(tmp_path: Path, tensors: Any) -> None:
    rounding = node("FeatureExtractor/MobilenetV2/Conv/act_quant", "FakeQuantWithMinMaxVars")
    notes = import_model(write(tmp_path / "cells", graph(tensors, rounding), {})).notes
    assert "trained for 8 bits" in notes[0]


def test_softmax_in_the_graph_is_refused(tmp_path: Path, tensors: Any) -> None:
    folder = write(tmp_path / "cells", graph(tensors, node("Postprocessor/convert_scores", "Softmax")))
    with pytest.raises(WeightsError, match="into scores by Softmax"):
        import_model(folder)


@pytest.mark.parametrize(
    ("name", "value"), [("Preprocessor/mul/x", 1 / 255), ("Postprocessor/scale_logits/y", 2.0)]
)
def test_another_arithmetic_is_refused(tmp_path: Path, tensors: Any, name: str, value: float) -> None:
    folder = write(tmp_path / "cells", graph({**tensors, name: np.float32(value)}))
    with pytest.raises(WeightsError, match=f"as its {name}; expected"):
        import_model(folder)


def test_a_model_of_this_project_needs_no_import(tmp_path: Path, weights: Any) -> None:
    path = tmp_path / "own.npz"
    save_weights(path, weights, SPEC)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/model.tflite").write_bytes(build_tflite(weights, SPEC))
    for own in (path, tmp_path / "run", tmp_path / "run/model.tflite"):
        with pytest.raises(WeightsError, match="made by this project and needs no import"):
            import_model(own)


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, b"TFL3", b"\x18\x00\x00\x00TFL3\xff\xff\xff\xff" * 4]
)
@pytest.mark.parametrize(
    "name", ["a.pb", "a.tflite", "model.json", "a.tar.gz", "saved_model.pb", "model.ckpt.index"]
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError):
        import_model(tmp_path / name)
