"""``ssdlite export``: what it writes, what it refuses to write, and how it says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detector import Detector, load_image
from detector.data.sample import SAMPLE_FOLDER
from detector.exports import exporter
from detector.formats.network import Network
from detector.formats.table import read_spec
from detector.weights import Weights
from tests.commands.running import Run, assert_mistake


def test_a_file_that_finds_the_same(run: Run, released_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.tflite"
    done = run("export", released_weights, "--output", path)
    assert done.code == 0, done
    assert "detections of score 0.1 or more, 0 others" in done.out
    assert f"Wrote {path}" in done.out
    assert list(path.parent.iterdir()) == [path]
    photo = load_image(SAMPLE_FOLDER / "chelsea.jpg")
    assert Detector.load(path).detect(photo).names == ["cat"]


def test_int8_with_ten_classes(run: Run, released_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    done = run(
        "export", released_weights, "--quantize", "int8", "--classes", "cat, person,cup",
        "--calibration", SAMPLE_FOLDER, "--output", path,
    )  # fmt: skip
    assert done.code == 0, done
    assert "Calibrated on 4 images" in done.out
    assert read_spec(path).classes == ("person", "cat", "cup")
    assert path.stat().st_size < 4e6


def test_detections_inside_with_ap(run: Run, released_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    done = run("export", released_weights, "--postprocess", "--dataset", SAMPLE_FOLDER, "--output", path)
    assert done.code == 0, done
    assert "AP " in done.out
    refused = assert_mistake(run("detect", SAMPLE_FOLDER / "chelsea.jpg", "--model", path))
    assert "post-processing" in refused


@pytest.fixture
def broken_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights lose their class heads before they are written."""

    def lose(weights: Weights, *arguments: Any) -> Network:
        broken = {key: np.zeros_like(weights[key]) for key in weights if key.startswith("class_head")}
        return Network({**weights, **broken}, *arguments)

    monkeypatch.setattr(exporter, "Network", lose)


@pytest.mark.usefixtures("broken_on_the_way")
def test_what_finds_something_else_is_not_written(run: Run, released_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"what was there before")
    done = run("export", released_weights, "--dataset", SAMPLE_FOLDER, "--output", path)
    assert done.code == 1, done
    assert "Not written" in done.err
    assert "points of AP" in done.err
    assert path.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [path]
    with_leave = run(
        "export", released_weights, "--dataset", SAMPLE_FOLDER, "--max-ap-drop", 100, "--output", path
    )  # fmt: skip
    assert with_leave.code == 0
    assert path.stat().st_size > 1e7


@pytest.mark.usefixtures("broken_on_the_way")
def test_it_is_not_without_annotations_either(run: Run, released_weights: Path, tmp_path: Path) -> None:
    done = run("export", released_weights, "--output", tmp_path / "model.tflite")
    assert done.code == 1, done
    assert "is not the same detector: it finds" in done.err
    assert not list(tmp_path.iterdir())


def test_images_in_which_there_is_nothing(run: Run, released_weights: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((300, 300, 3), 128, np.uint8))
    refused = run("export", released_weights, "--calibration", tmp_path, "--output", tmp_path / "a.tflite")
    assert "finds nothing in" in assert_mistake(refused)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--classes", "person,unicorn"], "no class 'unicorn'"),
        (["--quantize", "int8"], "--calibration FOLDER"),
        (["--quantize", "int8", "--calibration", "nowhere"], "nowhere"),
        (["--format", "saved_model", "--quantize", "int8"], "--format tflite, openvino"),
        (["--format", "onnx", "--quantize", "int8"], "expected --quantize none or fp16"),
        (["--output", "model.onnx"], "end in .tflite"),
        (["--input-size", "300,512"], "add --postprocess, or give one size"),
        (["--input-size", "300,300", "--postprocess"], "got 300 twice"),
        (["--input-size", "31"], "32 to 4,096 pixels a side"),
        (["--input-size", "300x"], "got '300x'"),
        (["--for", "coral", "--input-size", "300,512"], "one input size"),
        (["--dataset", "nowhere"], "nowhere"),
        (["--for", "frigate", "--format", "onnx"], "leave out --format"),
        (["--for", "coral", "--quantize", "fp16"], "leave --quantize out"),
        (["--max-ap-drop", "3"], "--dataset"),
    ],
)
def test_mistakes(
    run: Run, released_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert said in assert_mistake(run("export", released_weights, *arguments))
    assert not list(tmp_path.iterdir())


def test_models_that_are_no_weights(run: Run, model: Path, tmp_path: Path) -> None:
    assert "starts from weights" in assert_mistake(run("export", model, "--output", tmp_path / "a.tflite"))
    short = tmp_path / "short.npz"
    short.write_bytes(b"PK\x03\x04 cut short")
    assert "damaged" in assert_mistake(run("export", short))


def test_calibration_images_that_cannot_be_read(run: Run, released_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    arguments = ("export", released_weights, "--quantize", "int8", "--calibration", folder)
    refused = run(*arguments, "--dataset", SAMPLE_FOLDER, "--output", tmp_path / "a.tflite")
    assert refused.code == 2
    assert "None of the images" in refused.err
    assert "None of the images in" in assert_mistake(run("export", released_weights, "--calibration", folder))
    shutil.copy(SAMPLE_FOLDER / "chelsea.jpg", folder)
    done = run(*arguments, "--dataset", SAMPLE_FOLDER, "--max-ap-drop", 5, "--output", tmp_path / "a.tflite")
    assert done.code == 0, done
    assert "Left out: " in done.out
    assert "Calibrated on 1 image." in done.out


FEW = ("--classes", "person,cat,cup")


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("tflite", ".tflite"), ("onnx", ".onnx"), pytest.param("openvino", ".xml", marks=pytest.mark.slow)],
)
def test_another_input_size(
    run: Run, released_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    """The network at that size is what the file has to be; its name says the size."""
    monkeypatch.chdir(tmp_path)
    done = run("export", released_weights, *FEW, "--input-size", "160x192", "--format", kind)
    assert done.code == 0, done
    assert ", 0 others" in done.out
    path = Path(f"export/ssdlite_mobilenet_v2_coco-160x192{suffix}")
    detector = Detector.load(path)
    assert detector.spec.input_hw == (160, 192)
    photo = load_image(SAMPLE_FOLDER / "chelsea.jpg")
    asked = Detector.load(released_weights, input_size="160x192", classes=["person", "cat", "cup"])
    names = detector.detect(photo).names
    assert names == asked.detect(photo).names
    assert set(names) == {"cat"}


@pytest.mark.parametrize(("kind", "suffix"), [("tflite", ".tflite"), ("onnx", ".onnx")])
def test_its_own_size_changes_nothing(
    run: Run, released_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    contents = []
    for size in ([], ["--input-size", "300"]):
        done = run("export", released_weights, *FEW, "--format", kind, *size)
        assert done.code == 0, done
        contents.append(Path(f"export/ssdlite_mobilenet_v2_coco{suffix}").read_bytes())
    assert contents[0] == contents[1]


def test_int8_at_another_size(run: Run, released_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    done = run(
        "export", released_weights, *FEW, "--input-size", 192, "--quantize", "int8", "--max-ap-drop", 5,
        "--calibration", SAMPLE_FOLDER, "--dataset", SAMPLE_FOLDER, "--output", path,
    )  # fmt: skip
    assert done.code == 0, done
    assert read_spec(path).input_hw == (192, 192)


@pytest.mark.parametrize("precision", ["none", "int8"])
def test_a_file_that_looks_at_two_sizes(
    run: Run, released_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """It takes the larger one, and says in its card what it does."""
    monkeypatch.chdir(tmp_path)
    done = run(
        "export", released_weights, *FEW, "--input-size", "192,128", "--postprocess", "--quantize", precision,
        "--max-ap-drop", 5, "--calibration", SAMPLE_FOLDER, "--dataset", SAMPLE_FOLDER,
    )  # fmt: skip
    assert done.code == 0, done
    (path,) = Path("export").iterdir()
    word = "" if precision == "none" else "int8-"
    assert path.name == f"ssdlite_mobilenet_v2_coco-128-192-{word}detections.tflite"
    spec = read_spec(path)
    assert spec.input_hw == (192, 192)
    assert spec.card["input_sizes"] == "128,192"
    assert done.out.count("Calibrated on 4 images.") == (precision == "int8")


def test_frigate_looks_at_two_sizes(run: Run, released_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frigate"
    done = run(
        "export", released_weights, *FEW, "--input-size", "128,192", "--for", "frigate", "--output", folder
    )  # fmt: skip
    assert done.code == 0, done
    assert done.out.count(", 0 others") == 2
    assert "width: 192" in (folder / "frigate-openvino.yml").read_text()
    refused = run(
        "export", released_weights, *FEW, "--input-size", "128x192", "--for", "frigate",
        "--output", tmp_path / "wide",
    )  # fmt: skip
    assert "192x128; give it a square one" in assert_mistake(refused)
    assert not (tmp_path / "wide").exists()


@pytest.mark.parametrize("bundle", ["frigate", "android", "coral", "python"])
def test_bundles(run: Run, released_weights: Path, tmp_path: Path, bundle: str) -> None:
    folder = tmp_path / bundle
    done = run(
        "export", released_weights, "--for", bundle, "--calibration", SAMPLE_FOLDER, "--output", folder
    )  # fmt: skip
    assert done.code == 0, done
    assert {"README.md", "ssdlite.tflite"} <= {path.name for path in folder.iterdir()}
    assert "exists already" in assert_mistake(run("export", "--for", bundle, "--output", folder))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), [("onnx", "a.onnx"), ("openvino", "a.xml"), ("saved_model", "a")])
@pytest.mark.parametrize("shape", [[], ["--postprocess"]])
def test_other_formats(
    run: Run, released_weights: Path, tmp_path: Path, kind: str, name: str, shape: list[str]
) -> None:
    path = tmp_path / name
    done = run("export", released_weights, "--format", kind, *shape, "--output", path)
    assert done.code == 0, done
    assert ", 0 others" in done.out
    evaluated = run(
        "detect", SAMPLE_FOLDER / "chelsea.jpg", "--model", path, "--trust", "--output", tmp_path / "seen"
    )  # fmt: skip
    if shape:
        assert "post-processing" in assert_mistake(evaluated)
    else:
        assert "1 cat" in evaluated.out


def test_a_training_run_brings_its_own_images(run: Run, released_weights: Path, tmp_path: Path) -> None:
    """A run's folder says what was trained on, and holds its validation images."""
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(released_weights, folder / "model.npz")
    record = {
        "dataset": str(SAMPLE_FOLDER), "train": None, "val": None, "config": {"training": {"seed": 0}},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    content = json.loads((SAMPLE_FOLDER / "instances.json").read_text())
    for image in content["images"]:
        image["file_name"] = str(SAMPLE_FOLDER / image["file_name"])
    (folder / "validation.json").write_text(json.dumps(content))
    output = tmp_path / "a.tflite"
    done = run("export", folder, "--quantize", "int8", "--max-ap-drop", 10, "--output", output)
    assert done.code == 0, done
    assert "Calibrated on 3 images" in done.out  # the fourth is for validation
    assert f"on 4 images of {folder / 'validation.json'}" in done.out
    assert "AP " in done.out
    record["dataset"] = str(tmp_path / "gone")
    (folder / "run.json").write_text(json.dumps(record))
    refused = run("export", folder, "--quantize", "int8", "--output", output)
    assert "--calibration FOLDER" in assert_mistake(refused)


@pytest.mark.usefixtures("broken_on_the_way")
def test_annotations_without_objects_do_not_open_the_gate(
    run: Run, released_weights: Path, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    """There is no AP, so what is found again decides."""
    folder = dataset(lambda content: content.update(annotations=[]))
    path = tmp_path / "model.tflite"
    done = run("export", released_weights, "--dataset", folder, "--output", path)
    assert done.code == 1, done
    assert "detections again" in done.err
    assert not path.exists()


def test_a_pair_of_files_leaves_others_alone(run: Run, released_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_text("precious")
    refused = run("export", released_weights, "--format", "openvino", "--output", tmp_path / "a.xml")
    assert "a.bin exists" in assert_mistake(refused)
    assert (tmp_path / "a.bin").read_text() == "precious"
