"""Each bundle is used as the program that it is for uses it."""

import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml
from ai_edge_litert.interpreter import Interpreter

from detector.data.sample import SAMPLE_FOLDER
from detector.errors import ModelError
from detector.exports.bundles import BUNDLES
from detector.images import load_image
from detector.labels import COCO_CLASSES, one_line_names
from detector.runtime.detector import Detector
from detector.spec import ModelSpec
from tests.exports.conftest import SQUARE

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


def test_frigate_takes_square_inputs_only():
    with pytest.raises(ModelError, match="input of wide is 128x96; give it a square one"):
        BUNDLES["frigate"].check(ModelSpec("wide", ("cat",), input_hw=(96, 128)))


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


@pytest.fixture(scope="module")
def complete_openvino(model, tmp_path_factory):
    pytest.importorskip("openvino")
    from detector.formats.openvino import save_openvino

    path = tmp_path_factory.mktemp("openvino") / "ssdlite.xml"
    save_openvino(path, model.read_bytes(), COCO, postprocess=True)
    return path


def test_frigate_sees_it_through_openvino_too(model, complete_openvino, tmp_path):
    """Its detector takes one input and one output of a certain shape, and numbers classes from 1."""
    import openvino

    write("frigate", tmp_path, COCO)
    names = read_labelmap(tmp_path / "labelmap-openvino.txt")
    compiled = openvino.Core().compile_model(complete_openvino, "CPU")
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


def test_openvinos_model_api_sees_what_the_detector_sees(model, complete_openvino):
    """It opens the file by what the file says of itself, takes BGR and parts labels at spaces."""
    models = pytest.importorskip("model_api.models")
    wrapper = models.Model.create_model(str(complete_openvino))
    detector = Detector.load(model, score_threshold=0.4)
    for photo in PHOTOS:
        image = load_image(photo)
        seen, expected = wrapper(image), detector.detect(image)
        assert seen.label_names == [name.replace(" ", "_") for name in expected.names]
        # It resizes in its own way, so that scores differ in the second digit; boxes are whole pixels.
        np.testing.assert_allclose(seen.scores, expected.scores, atol=0.02)
        np.testing.assert_allclose(seen.bboxes, expected.boxes, atol=4)


def test_openvino_reverses_the_channels_for_programs_that_give_bgr(complete_openvino):
    import openvino
    from openvino.preprocess import ColorFormat, PrePostProcessor

    rgb = cv2.cvtColor(cv2.resize(load_image(PHOTOS[0]), (300, 300)), cv2.COLOR_BGR2RGB)[None]
    core = openvino.Core()
    plain = core.compile_model(complete_openvino, "CPU")([rgb])["detections"]
    steps = PrePostProcessor(core.read_model(complete_openvino))
    steps.input().tensor().set_layout(openvino.Layout("NHWC")).set_color_format(ColorFormat.BGR)
    steps.input().model().set_layout(openvino.Layout("NHWC"))
    steps.input().preprocess().convert_color(ColorFormat.RGB)
    reversed_ = core.compile_model(steps.build(), "CPU")([np.ascontiguousarray(rgb[..., ::-1])])["detections"]
    np.testing.assert_allclose(reversed_, plain, atol=1e-4)


ODD = ModelSpec("odd", ("3 wheeler", "a, b", "7", "a: b"), input_hw=(96, 96))


@pytest.mark.parametrize("spec", [SQUARE, COCO, ODD], ids=["small", "coco", "odd"])
def test_coral_names_the_classes_as_pycoral_and_frigate_read_them(spec, tmp_path):
    """pycoral parts a line at its first space or colon, and takes digits before that for the number."""
    write("coral", tmp_path, spec)
    names = list(one_line_names(spec.classes))
    frigate = read_labelmap(tmp_path / "labels.txt")
    pycoral = {}
    for line in (tmp_path / "labels.txt").read_text(encoding="utf-8").splitlines():
        number, name = re.split(r"[:\s]+", line.strip(), maxsplit=1)
        pycoral[int(number)] = name
    assert [frigate[label] for label in range(len(names))] == list(pycoral.values()) == names
    assert f"(1, {spec.input_hw[0]}, {spec.input_hw[1]}, 3)" in (tmp_path / "README.md").read_text("utf-8")


def test_coral_has_settings_for_frigate(tmp_path):
    write("coral", tmp_path)
    settings = yaml.safe_load((tmp_path / "frigate-edgetpu.yml").read_text(encoding="utf-8"))
    assert settings["detectors"] == {"ssdlite": {"type": "edgetpu", "device": "usb"}}
    assert settings["model"]["path"] == "/config/ssdlite/ssdlite_edgetpu.tflite"
    assert settings["model"]["labelmap_path"] == "/config/ssdlite/labels.txt"
    wide = tmp_path / "wide"
    wide.mkdir()
    write("coral", wide, ModelSpec("wide", ("cat",), input_hw=(96, 128)))
    assert sorted(path.name for path in wide.iterdir()) == ["README.md", "labels.txt", "ssdlite.tflite"]


def test_pycoral_reads_the_outputs_by_their_order(integer_tflite):
    """Where a model has a signature it asks that one for output_0 to output_3."""
    interpreter = Interpreter(str(integer_tflite))
    interpreter.allocate_tensors()
    assert interpreter.get_signature_list() == {}
    interpreter.invoke()
    outputs = [interpreter.tensor(output["index"])() for output in interpreter.get_output_details()]
    assert outputs[3].size == 1  # by which it knows the order
    boxes, class_ids, scores = (output[0] for output in outputs[:3])
    assert boxes.shape == (len(scores), 4)
    assert set(class_ids.astype(int)) <= set(range(3))
    assert 0 < scores.max() <= 1


def test_the_kotlin_takes_every_category_and_cuts_boxes_at_the_edge(tmp_path):
    write("android", tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "for (category in detection.categories())" in text
    assert "categories()[0]" not in text
    assert "box.intersect(picture)" in text


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
