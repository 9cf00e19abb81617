"""Models of the TensorFlow Object Detection API with other classes, sizes, anchors and widths."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.anchors import AnchorSpec
from detector.architecture import build_architecture
from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.formats.tflite.metadata import SPEC_MEMBER
from detector.formats.tflite.writer import build_tflite
from detector.pretrained.foreign_model import import_model
from detector.weights import fold_batch_norm
from tests.pretrained.cells import CLASSES, PIPELINE, SPEC, VALUES, write
from tests.pretrained.graph_files import (
    graph,
    node,
    random_network,
    resize_nodes,
    saved_model,
    slim_tensors,
)
from tests.pretrained.test_tf1_checkpoint import write_checkpoint


def assert_equal(found: dict[str, FloatArray], expected: dict[str, FloatArray]) -> None:
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_array_equal(found[key], values, err_msg=key)


def test_a_graph_of_other_classes(tmp_path: Path, weights: Any, tensors: Any, labels: Path) -> None:
    folder = write(tmp_path / "cells", graph(tensors, resize_nodes(300, 300)))
    for path in (folder, folder / "frozen_inference_graph.pb"):
        imported = import_model(path, labels)
        assert imported.spec.classes == CLASSES
        assert imported.spec == replace(SPEC, name="cells", card=imported.spec.card)
        assert_equal(imported.weights, weights)
    assert imported.notes == (
        "Nothing says what its anchors are: taken for the released model's; put its pipeline.config beside "
        "it if "
        "they are others.",
    )


def test_a_saved_model(tmp_path: Path, weights: Any, tensors: Any, labels: Path) -> None:
    folder = tmp_path / "export" / "saved_model"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved_model(graph(tensors, resize_nodes(300, 300))))
    (folder.parent / "pipeline.config").write_text(PIPELINE.format(**VALUES))
    with tarfile.open(tmp_path / "export.tar", "w") as archive:
        archive.add(folder.parent, "export")
    for path in (folder.parent, folder, folder / "saved_model.pb", tmp_path / "export.tar"):
        imported = import_model(path, labels)
        assert_equal(imported.weights, weights)
        assert not imported.notes
        assert (imported.spec.iou_threshold, imported.spec.max_detections) == (0.5, 50)


def test_without_labels_classes_have_numbers(tmp_path: Path, tensors: Any) -> None:
    imported = import_model(write(tmp_path / "cells", graph(tensors), {}))
    assert imported.spec.classes == ("class 1", "class 2", "class 3")
    assert "No labels given" in imported.notes[0]


def test_classes_without_a_name_are_left_out(
    tmp_path: Path, weights: Any, tensors: Any, labels: Path
) -> None:
    labels.write_text('item { id: 1 name: "red" } item { id: 3 name: "plate" }')
    imported = import_model(write(tmp_path / "cells", graph(tensors), {}), labels)
    assert imported.spec.classes == ("red", "plate")
    assert imported.notes == ("1 of its 3 classes have no name and are left out.",)
    kept = weights["class_head_0/bias"].reshape(3, 4)[:, [0, 1, 3]].ravel()
    np.testing.assert_array_equal(imported.weights["class_head_0/bias"], kept)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("a\nb\nc\n", ("a", "b", "c")),
        ("???\na\nb\nc\n", ("a", "b", "c")),
        ("background\r\na\r\n???\r\nc", ("a", "c")),
    ],
)
def test_a_name_a_line(tmp_path: Path, tensors: Any, text: str, classes: tuple[str, ...]) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(text)
    assert import_model(write(tmp_path / "cells", graph(tensors), {}), path).spec.classes == classes


def test_another_size_and_other_anchors(tmp_path: Path, tensors: Any) -> None:
    resizer = "fixed_shape_resizer { height: 320 width: 512 }"
    folder = write(
        tmp_path / "cells", graph(tensors, resize_nodes(320, 512)), {"resizer": resizer, "low": 0.15}
    )
    spec = import_model(folder).spec
    assert spec.input_hw == (320, 512)
    assert spec.anchors.first_map == ((0.1, 1.0), (0.15, 2.0), (0.15, 0.5))
    assert spec.anchors.min_scale == 0.15
    assert spec.anchors.reference_hw == (
        320,
        320,
    )  # the Object Detection API's scales are of the smaller side


def test_anchors_that_a_graph_has(tmp_path: Path, tensors: Any) -> None:
    anchors = AnchorSpec(min_scale=0.1, max_scale=0.8, aspect_ratios=(1.0, 2.0, 0.5, 3.0, 0.3333))
    anchors = replace(anchors, first_map=((0.05, 1.0), (0.1, 2.0), (0.1, 0.5)))
    nodes = b""
    for number, shapes in enumerate(anchors.shapes()):
        scope = "MultipleGridAnchorGenerator/"
        root = f"{scope}Sqrt_{number}" if number else f"{scope}Sqrt"
        scale, ratio = np.array(shapes, np.float32).T
        nodes += node(f"{root}/x", "Const", value=ratio) + node(root, "Sqrt", (f"{root}/x",))
        nodes += node(f"{root}/scale", "Const", value=scale)
        nodes += node(f"{root}/mul", "Mul", (f"{root}/scale", root))
    folder = write(tmp_path / "cells", graph(tensors, nodes, resize_nodes(300, 300)))
    found = import_model(folder).spec.anchors
    for mine, theirs in zip(found.shapes(), anchors.shapes(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    write(folder, graph(tensors, nodes), {})
    (folder / "pipeline.config").write_text(PIPELINE.format(**VALUES).replace("layers: 6", "layers: 5"))
    with pytest.raises(WeightsError, match=r"pipeline\.config has other anchors than the frozen graph"):
        import_model(folder)
    write(folder, graph(tensors, nodes), {})
    with pytest.raises(WeightsError, match=r"pipeline\.config has other anchors than the frozen graph"):
        import_model(folder)


def test_another_epsilon_computes_the_same(tmp_path: Path, weights: Any, tensors: Any) -> None:
    scope = "FeatureExtractor/MobilenetV2/Conv"
    norm = node(f"{scope}/BatchNorm/FusedBatchNormV3", "FusedBatchNormV3", epsilon=0.01)
    found = import_model(write(tmp_path / "cells", graph(tensors, norm), {})).weights
    gamma, variance = (weights[f"bn_Conv1/{each}"] for each in ("gamma", "moving_variance"))
    expected = weights["Conv1/kernel"] * gamma / np.sqrt(variance + 0.01)
    kernel, _ = fold_batch_norm(found, build_architecture(SPEC))["Conv1"]
    np.testing.assert_allclose(kernel, expected, rtol=1e-5)


def test_a_narrow_network_is_filled_with_zeros(tmp_path: Path) -> None:
    """The Object Detection API narrows the last layer of the backbone, too; MobileNetV2 does not."""
    spec = replace(SPEC, width_multiplier=0.5)
    weights = random_network(spec)
    tensors = slim_tensors(weights, spec)
    last = "FeatureExtractor/MobilenetV2/Conv_1/"
    for name in list(tensors):
        if name.startswith(last):
            tensors[name] = tensors[name][..., :640]
        elif "layer_19_1_Conv2d_2" in name and name.endswith("/weights"):
            tensors[name] = tensors[name][:, :, :640]
        elif name.startswith("BoxPredictor_1/") and "_depthwise/" in name:
            tensors[name] = tensors[name][:, :, :640] if tensors[name].ndim == 4 else tensors[name][:640]
        elif name.startswith("BoxPredictor_1/") and name.endswith("/weights"):
            tensors[name] = tensors[name][:, :, :640]
    imported = import_model(write(tmp_path / "cells", graph(tensors), {"width": 0.5}))
    assert imported.spec.width_multiplier == 0.5
    assert any("filled with zeros" in note for note in imported.notes)
    for key, values in weights.items():
        found = imported.weights[key]
        if found.shape != tuple(np.shape(values)) or np.array_equal(found, values):
            continue
        narrow = (
            found[..., :640]
            if key.startswith("Conv_1")
            else found[:, :, :640]
            if found.ndim == 4
            else found[:640]
        )
        wide = (
            values[..., :640]
            if key.startswith("Conv_1")
            else values[:, :, :640]
            if found.ndim == 4
            else values[:640]
        )
        np.testing.assert_array_equal(narrow, wide, err_msg=key)
    kernel, bias = fold_batch_norm(imported.weights, build_architecture(imported.spec))["Conv_1"]
    assert not kernel[..., 640:].any()
    assert not bias[640:].any()
    assert not imported.weights["extra_2_reduce/kernel"][:, :, 640:].any()


def without_spec(model: bytes, labels: str | None = None) -> bytes:
    """A TFLite file of this project as another program would have written it."""
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        start = min(member.header_offset for member in archive.infolist())
        assert SPEC_MEMBER in archive.namelist()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        if labels is not None:
            archive.writestr("labelmap.txt", labels)
    return model[:start] + (stream.getvalue() if labels is not None else b"")


@pytest.mark.parametrize("half", [False, True])
def test_a_tflite_file_with_names_inside(tmp_path: Path, weights: Any, half: bool) -> None:
    spec = replace(SPEC, input_hw=(224, 224))
    path = tmp_path / "detect.tflite"
    model = build_tflite(weights, spec, half=half, postprocess=True)
    path.write_bytes(without_spec(model, "red cell\nwhite cell\nplatelet\n"))
    imported = import_model(path)
    assert imported.spec.classes == CLASSES
    assert imported.spec.input_hw == (224, 224)
    assert imported.spec.anchors == spec.anchors
    architecture = build_architecture(spec)
    found = fold_batch_norm(imported.weights, architecture)
    for name, arrays in fold_batch_norm(weights, architecture).items():
        for mine, theirs in zip(found[name], arrays, strict=True):
            if name in architecture.class_heads:  # of the background, which takes no part, the file has zeros
                theirs = theirs.reshape(*theirs.shape[:-1], -1, 4).copy()
                theirs[..., 0] = 0
                mine = mine.reshape(theirs.shape).copy()
                mine[..., 0] = 0
            np.testing.assert_allclose(mine, theirs, rtol=1e-3 if half else 1e-6, atol=1e-3 if half else 1e-6)
    assert any("folded into the kernels" in note for note in imported.notes)


def test_the_released_model_is_imported_as_it_is_fetched(published: Path, released: Any) -> None:
    weights, spec = released
    imported = import_model(published)
    assert imported.spec.classes == spec.classes
    assert imported.spec.anchors == spec.anchors
    architecture = build_architecture(spec)
    found = fold_batch_norm(imported.weights, architecture)
    for name, arrays in fold_batch_norm(weights, architecture).items():
        for mine, theirs in zip(found[name], arrays, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5 * max(1, np.abs(theirs).max()), err_msg=name)


@pytest.mark.slow
def test_checkpoints_of_which_the_last_counts(
    tmp_path: Path, weights: Any, tensors: Any, labels: Path
) -> None:
    pytest.importorskip("tensorflow")
    write_checkpoint(tmp_path / "written", tensors)
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / "pipeline.config").write_text(PIPELINE.format(**VALUES))
    for path in (tmp_path / "written").glob("model.ckpt.*"):
        path.rename(folder / path.name.replace("model.ckpt", "model.ckpt-20000"))
    (folder / "model.ckpt-9000.index").write_bytes(b"an older one")
    more = [folder / f"model.ckpt-20000{end}" for end in ("", ".meta")] + [folder / "checkpoint"]
    more[-1].write_text('model_checkpoint_path: "model.ckpt-20000"')
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(folder, "training")
    for path in (folder, tmp_path / "all.tar", *more):
        imported = import_model(path, labels)
        assert_equal(imported.weights, weights)
        assert not imported.notes
    (folder / "pipeline.config").unlink()
    assert "Nothing says what its input size and anchors are" in import_model(folder).notes[0]
    (folder / "model.ckpt-20000.data-00000-of-00001").unlink()
    with pytest.raises(WeightsError, match="put the two together"):
        import_model(folder)


@pytest.mark.parametrize("word", ["truediv", "div"])
def test_scales_of_the_box_coder_that_a_graph_has(tmp_path: Path, tensors: Any, word: str) -> None:
    names = [f"Postprocessor/Decode/{word}{end}/y" for end in ("", "_1", "_2", "_3")]
    values = dict(zip(names, map(np.float32, (8, 9, 4, 3)), strict=True))
    folder = write(tmp_path / "cells", graph({**tensors, **values}))
    assert import_model(folder).spec.box_coder_scales == (8, 9, 4, 3)
