"""``ssdlite eval`` on pictures in folders of their classes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.evaluation.classification_file import load_result
from detector.system.run_names import RUN_RECORD
from tests.commands.running import Run, assert_mistake
from tests.data.labelled import Photo, write_voc
from tests.named_pictures import save_colour_classifier, write_colours


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_colour_classifier(tmp_path_factory.mktemp("model") / "colours.npz")


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    counts = {f"{split}/{name}": 6 for split in ("train", "val") for name in ("robin", "wren", "tit")}
    return write_colours(tmp_path_factory.mktemp("birds"), counts, {"val/robin/3.png": "wren"})


def test_a_classifier_is_measured_and_its_numbers_are_written(
    run: Run, classifier: Path, birds: Path, tmp_path: Path
) -> None:
    outcome = run("eval", birds, "--model", classifier, "--output", tmp_path, "--report", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert "  accuracy            94.4 (74.2 to 99.0)\n" in outcome.out
    assert "  robin       6   83.3 (43.6 to 97.0)    100.0 (56.6 to 100.0)\n" in outcome.out
    assert "  robin called wren: 1 of 6\n" in outcome.out
    assert "  val/robin/3.png: called wren" in outcome.out
    assert "18 images, split val, backend litert" in outcome.out
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["accuracy"] == 17 / 18
    assert metrics["per_class"]["robin"]["right"] == 5
    assert metrics["settings"]["input_size"] == "32"
    assert "pycocotools" not in metrics["settings"]["versions"]
    assert load_result(tmp_path).accuracy == 17 / 18
    assert (tmp_path / "report.html").read_text().count("data:image/jpeg") == 1


def test_classes_that_the_model_lacks_are_left_out_and_named(run: Run, birds: Path, tmp_path: Path) -> None:
    two = save_colour_classifier(tmp_path / "two.npz", ("wren", "robin"))
    outcome = run("eval", birds, "--model", two, "--split", "train", "--output", tmp_path / "out")
    assert outcome.code == 0
    assert "Left out, because the model has no such class: tit\n" in outcome.out
    assert "12 images, split train" in outcome.out
    assert json.loads((tmp_path / "out/metrics.json").read_text())["settings"]["unmatched_classes"] == ["tit"]


def test_a_run_that_was_trained_on_the_pictures_is_said_to_be(run: Run, birds: Path, tmp_path: Path) -> None:
    save_colour_classifier(tmp_path / "model.npz")
    (tmp_path / RUN_RECORD).write_text(json.dumps({"dataset": str(birds)}))
    assert "Warning" not in run("eval", birds, "--model", tmp_path).out
    warning = "this model was trained on pictures of this folder"
    for model in (tmp_path, tmp_path / "model.npz"):
        outcome = run("eval", birds, "--model", model, "--split", "train", "--report", tmp_path / "page")
        assert f"Warning: {warning}" in outcome.out
        assert warning in (tmp_path / "page/report.html").read_text()
    outcome = run("compare", tmp_path, tmp_path, birds, "--split", "train")
    assert outcome.out.count(warning) == 2


def test_what_is_of_detectors_is_refused(run: Run, classifier: Path, birds: Path, tmp_path: Path) -> None:
    assert "name the classifier" in assert_mistake(run("eval", birds))
    assert "leave out --rounds, --accurate" in assert_mistake(
        run("eval", birds, "--model", classifier, "--accurate", "--rounds", 20)
    ).replace("--accurate, --rounds", "--rounds, --accurate")
    boxes = write_voc(tmp_path, [Photo(f"{number}.jpg") for number in range(4)])
    assert "The model is a classifier" in assert_mistake(run("eval", boxes, "--model", classifier))
    assert not (tmp_path / "metrics.json").exists()


def test_a_detector_is_refused(run: Run, birds: Path, model: Path) -> None:
    assert "is a detector" in assert_mistake(run("eval", birds, "--model", model))


def test_classifiers_are_compared_on_the_same_pictures(
    run: Run, classifier: Path, birds: Path, tmp_path: Path
) -> None:
    other = save_colour_classifier(tmp_path / "other.npz", ("tit", "wren", "robin"))
    output = tmp_path / "compared.json"
    outcome = run("compare", classifier, other, birds, "--output", output)
    assert outcome.code == 0
    assert "right in A alone: 0, in B alone: 0" in outcome.out
    assert json.loads(output.read_text())["accuracy"]["images"] == 18
    assert run("eval", birds, "--model", classifier, "--output", tmp_path).code == 0
    mixed = save_colour_classifier(tmp_path / "mixed.npz", ("wren", "robin", "tit"), {"tit": "robin"})
    outcome = run("compare", tmp_path / "predictions.json", mixed, birds)
    assert outcome.code == 1
    assert "B is worse by " in outcome.out
    for pair in ((classifier, "absent.npz"), (classifier, "absent.json")):
        outcome = run("compare", *pair, birds)
        assert pair[1] in assert_mistake(outcome)
        assert "images" not in outcome.out  # the first has not looked
    assert "leave out --rounds" in assert_mistake(run("compare", classifier, other, birds, "--rounds", 20))


def test_whole_pictures_are_looked_through(run: Run, birds: Path, tmp_path: Path) -> None:
    outcome = run("data", "check", birds, "--output", tmp_path / "check")
    assert outcome.code == 0
    assert f"{birds}: class folders, 3 classes\n" in outcome.out
    assert "  train        18 images\n" in outcome.out
    assert "Images by class" in outcome.out
    assert not {"object", "objects", "Objects"} & set(outcome.out.split())
    assert (tmp_path / "check/labelled.jpg").is_file()
    for options in (["--fix", tmp_path / "fix"], ["--with-model"]):
        sentence = assert_mistake(run("data", "check", birds, "--output", tmp_path / "check", *options))
        assert f"{options[0]} takes labels with boxes" in sentence
    assert not (tmp_path / "fix").exists()
