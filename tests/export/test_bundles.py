"""Each bundle is used as the program that it is for uses it."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml
from ai_edge_litert.interpreter import Interpreter

from detector.data.sample import SAMPLE_FOLDER
from detector.errors import ModelError
from detector.export.bundles import BUNDLES
from detector.images import load_image
from detector.labels import COCO_CLASSES
from detector.runtime.detector import Detector
from detector.spec import ModelSpec
from tests.export.conftest import SQUARE

COCO = ModelSpec("coco", COCO_CLASSES)
PHOTOS = sorted(SAMPLE_FOLDER.glob("*.jpg"))


def write(name, folder, spec=SQUARE):
    """Write a bundle around empty models; the paths of the models come back."""
    models = {model.format: folder / model.name for model in BUNDLES[name].models}
    for path in models.values():
        path.touch()
    BUNDLES[name].write(folder, spec, models)
    return models


def read_labelmap(path):
    """What Frigate makes of a list of names: it looks at the first line for whether lines are numbered."""
    lines = path.read_text(encoding="utf-8").splitlines()
    names = dict.fromkeys(range(91), "unknown")
    if lines[0].split(" ", maxsplit=1)[0].isdigit():
        pairs = (line.split(" ", maxsplit=1) for line in lines)
        return names | {int(number): name.strip() for number, name in pairs}
    return names | dict(enumerate(lines))


@pytest.mark.parametrize("name", BUNDLES)
def test_every_bundle_says_how_to_use_it(name, tmp_path):
    write(name, tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# A detector")
    for model in BUNDLES[name].models:
        assert model.name.partition(".")[0] in text


@pytest.mark.parametrize("spec", [SQUARE, COCO], ids=["small", "coco"])
@pytest.mark.parametrize("kind", ["cpu", "openvino"])
def test_frigate_finds_all_that_its_settings_name(kind, spec, tmp_path):
    write("frigate", tmp_path, spec)
    settings = yaml.safe_load((tmp_path / f"frigate-{kind}.yml").read_text(encoding="utf-8"))
    (detector,) = settings["detectors"].values()
    assert detector["type"] == kind
    model = settings["model"]
    for key in ("path", "labelmap_path"):
        folder, _, name = model.pop(key).rpartition("/")
        assert folder == "/config/ssdlite"
        assert (tmp_path / name).is_file()
    assert (model.pop("width"), model.pop("height")) == spec.input_hw[::-1]
    assert model == {"model_type": "ssd", "input_tensor": "nhwc", "input_pixel_format": "rgb"}
    assert settings["objects"]["track"] == list(spec.classes)


@pytest.mark.parametrize(("kind", "first"), [("cpu", 0), ("openvino", 1)])
def test_frigate_names_the_classes_with_and_without_background(kind, first, tmp_path):
    write("frigate", tmp_path)
    names = read_labelmap(tmp_path / f"labelmap-{kind}.txt")
    assert [names[first + label] for label in range(3)] == list(SQUARE.classes)
    assert names[3 + first] == "unknown"
    assert first == 0 or names[0] == "background"


def test_frigate_takes_square_inputs_only(tmp_path):
    with pytest.raises(ModelError, match="input of wide is 128x96"):
        write("frigate", tmp_path, ModelSpec("wide", ("cat",), input_hw=(96, 128)))


def test_frigate_sees_what_the_detector_sees(model, complete, tmp_path):
    """Its CPU detector reads the outputs by their order, and stops at a score of .4 or after 20."""
    write("frigate", tmp_path, COCO)
    names = read_labelmap(tmp_path / "labelmap-cpu.txt")
    interpreter = Interpreter(str(complete), num_threads=3)
    interpreter.allocate_tensors()
    detector = Detector.load(model, score_threshold=0.4)
    for photo in PHOTOS:
        image = load_image(photo)
        rgb = cv2.cvtColor(cv2.resize(image, (300, 300)), cv2.COLOR_BGR2RGB)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], rgb[None])
        interpreter.invoke()
        boxes, labels, scores, count = (
            interpreter.get_tensor(output["index"])[0] for output in interpreter.get_output_details()
        )
        shown = [row for row in range(min(int(count), 20)) if scores[row] >= 0.4]
        expected = detector.detect(image)
        assert [names[int(labels[row])] for row in shown] == expected.names
        height, width = image.shape[:2]
        for row, (box, score, _) in zip(shown, expected, strict=True):
            assert scores[row] == pytest.approx(score, abs=1e-3)
            yxyx = np.clip(boxes[row], 0, 1) * [height, width, height, width]
            np.testing.assert_allclose(yxyx[[1, 0, 3, 2]], box, atol=0.5)


def test_frigate_sees_it_through_openvino_too(model, tmp_path):
    """Its detector takes one input and one output of a certain shape, and numbers classes from 1."""
    openvino = pytest.importorskip("openvino")
    from detector.openvino_writer import save_openvino

    write("frigate", tmp_path, COCO)
    names = read_labelmap(tmp_path / "labelmap-openvino.txt")
    save_openvino(tmp_path / "ssdlite.xml", model.read_bytes(), COCO, postprocess=True)
    compiled = openvino.Core().compile_model(tmp_path / "ssdlite.xml", "CPU")
    assert [tuple(each.shape) for each in compiled.inputs] == [(1, 300, 300, 3)]
    (output,) = compiled.outputs
    assert tuple(output.shape) == (1, 1, 100, 7)
    detector = Detector.load(model, score_threshold=0.4)
    request = compiled.create_infer_request()
    for photo in PHOTOS:
        image = load_image(photo)
        rgb = cv2.cvtColor(cv2.resize(image, (300, 300)), cv2.COLOR_BGR2RGB)
        request.infer([openvino.Tensor(np.ascontiguousarray(rgb[None]))])
        rows = request.get_output_tensor(0).data[0][0][:20].copy()
        shown = rows[rows[:, 2] >= 0.4]
        expected = detector.detect(image)
        assert [names[int(row[1])] for row in shown] == expected.names
        np.testing.assert_allclose(shown[:, 2], expected.scores, atol=1e-3)
        height, width = image.shape[:2]
        np.testing.assert_allclose(shown[:, 3:] * [width, height, width, height], expected.boxes, atol=0.5)


def test_coral_lists_the_classes(tmp_path):
    write("coral", tmp_path)
    assert (tmp_path / "labels.txt").read_text(encoding="utf-8") == "3 wheeler\ndog\nno\n"
    assert "(1, 96, 96, 3)" in (tmp_path / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_script_prints_what_the_detector_finds(model, complete, tmp_path):
    script = make_script(tmp_path, complete)
    detector = Detector.load(model, score_threshold=0.4)
    for photo in PHOTOS:
        done = run_script(script, photo)
        assert done.returncode == 0, done.stderr
        expected = detector.detect(load_image(photo))
        lines = [line.split(" ", maxsplit=5) for line in done.stdout.splitlines()]
        assert [line[5] for line in lines] == expected.names
        printed = np.array([line[:5] for line in lines], np.float64)
        np.testing.assert_allclose(printed[:, 0], expected.scores, atol=1e-3)
        np.testing.assert_allclose(printed[:, 1:], expected.boxes, atol=0.5)


@pytest.mark.slow
def test_the_script_refuses_what_is_no_picture(complete, tmp_path):
    script = make_script(tmp_path, complete)
    for arguments in ([script], []):
        done = run_script(script, *arguments)
        assert done.returncode == 1
        first, last = done.stderr.splitlines()
        assert first.startswith("Expected a picture that OpenCV can read, got [")
        assert last.endswith("python detect.py PICTURE")


def make_script(folder, complete):
    write("python", folder, COCO)
    (folder / "ssdlite.tflite").write_bytes(complete.read_bytes())
    return folder / "detect.py"


def run_script(script, *arguments):
    """Run the script where this project cannot be imported."""
    return subprocess.run(
        [sys.executable, "-I", "-W", "error", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=script.parent,
    )
