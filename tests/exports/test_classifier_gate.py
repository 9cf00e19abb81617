"""A classifier's export is kept where it answers what the network answers, and nothing is written else."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from detector import export
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import ArgumentError, DatasetError, ModelError
from detector.exports import classifier_exporter
from detector.exports.outcome import ExportError
from detector.exports.trial_images import find_trial_images
from detector.formats.network import ClassifierNetwork
from detector.formats.table import FORMATS, read_classifier_spec
from detector.runtime.classifier import Classifier
from detector.spec import ModelSpec
from detector.weights import load_classifier, save_weights
from tests.class_pictures import make_classifier

MODULES = {"onnx": ("onnx", "onnxruntime"), "openvino": ("openvino",), "saved_model": ("tensorflow",)}
WAYS = [(name, each) for name, format_ in FORMATS.items() for each in format_.precisions]


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    return make_classifier(tmp_path_factory.mktemp("birds"))


@pytest.mark.parametrize(("name", "precision"), WAYS)
def test_every_format_and_precision_is_compared_and_kept(birds, tmp_path, name, precision):
    for module in MODULES.get(name, ()):
        pytest.importorskip(module)
    model, pictures = birds
    said = []
    target = tmp_path / f"birds{FORMATS[name].suffix}"
    written = export(
        model,
        name,
        quantize=precision,
        calibration=pictures,
        dataset=pictures,
        output=target,
        max_ap_drop=100 if precision == "int8" else None,  # rounding changes much of a network of noise
        say=said.append,
    )
    assert written.path == target
    assert read_classifier_spec(target) == read_classifier_spec(model)
    (comparison,) = written.comparisons
    assert comparison.parity.images == 24
    assert written.accuracy.first.value == 1
    assert written.ap is None
    assert "of the same class" in repr(written)
    assert "accuracy, 95 % interval" in written._repr_html_()
    assert any(line.startswith("Compared with the network on 24 pictures of") for line in said)
    answers = Classifier.load(target, trust=True).classify(next(pictures.rglob("*.png")))
    assert answers.classes == read_classifier_spec(model).classes


def test_pictures_without_names_are_compared_by_what_the_network_is_sure_of(birds, tmp_path):
    model, pictures = birds
    written = export(model, output=tmp_path / "a.tflite", calibration=pictures / "robin")
    assert written.accuracy is None
    parity = written.comparisons[0].parity
    assert parity.same == parity.sure > 5
    assert parity.shifts.max() < 1e-4


def test_another_input_size_is_in_the_name_and_in_the_spec(birds, tmp_path, monkeypatch):
    model, pictures = birds
    monkeypatch.chdir(tmp_path)
    written = export(model, input_size="32x48", dataset=pictures)
    assert written.path == Path("export/birds-32x48.tflite")
    assert read_classifier_spec(written.path).input_hw == (32, 48)


def test_what_names_pictures_otherwise_is_refused_and_nothing_is_written(birds, tmp_path, monkeypatch):
    model, pictures = birds

    def confuse(weights, *arguments):
        turned = np.roll(weights["logits/kernel"], 1, axis=-1), np.roll(weights["logits/bias"], 1)
        return ClassifierNetwork(
            {**weights, "logits/kernel": turned[0], "logits/bias": turned[1]}, *arguments
        )

    monkeypatch.setattr(classifier_exporter, "ClassifierNetwork", confuse)
    for given in ({"dataset": pictures}, {"calibration": pictures}, {"dataset": pictures, "max_ap_drop": 1}):
        with pytest.raises(ExportError, match="is not the same classifier: it moves") as refused:
            export(model, output=tmp_path / "a.tflite", **given)
        assert refused.value.comparisons[-1].verdict.fault
    with pytest.raises(ExportError, match=r"loses .* points of accuracy"):
        export(model, quantize="int8", output=tmp_path / "a.tflite", calibration=pictures, dataset=pictures)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"postprocess": True}, "only detectors are exported with --postprocess"),
        ({"bundle": "coral"}, "only detectors are exported with --for"),
        ({"classes": ["robin"]}, "only detectors are exported with --classes"),
        ({"postprocess": True, "input_size": "32,64"}, "--postprocess and several input sizes"),
    ],
)
def test_what_detectors_alone_have_is_refused(birds, tmp_path, wrong, said):
    with pytest.raises(ArgumentError, match=said):
        export(birds[0], output=tmp_path / "a", **wrong)
    assert not list(tmp_path.iterdir())


def test_pictures_that_cannot_tell_are_refused(birds, tmp_path):
    model, pictures = birds
    target = tmp_path / "a.tflite"
    with pytest.raises(DatasetError, match="is labelled with boxes"):
        export(model, output=target, dataset=SAMPLE_FOLDER)
    others = tmp_path / "others"
    for name, number in (("bike", 0), ("car", 1)):
        shutil.copytree(sorted(pictures.iterdir())[number], others / name)
    with pytest.raises(DatasetError, match="None of the classes"):
        export(model, output=target, dataset=others)
    with pytest.raises(DatasetError, match="about accuracy, which takes named pictures"):
        export(model, output=target, calibration=pictures, max_ap_drop=2)
    with pytest.raises(DatasetError, match="give some hundred of them with --calibration"):
        export(model, quantize="int8", output=target)
    assert not target.exists()


def test_a_detector_is_not_compared_on_pictures_without_boxes(birds):
    with pytest.raises(DatasetError, match="the export of a detector takes labels with boxes"):
        find_trial_images(birds[1], None, "", ModelSpec("toy", ("robin",)))


def test_a_network_that_is_sure_of_nothing_cannot_be_judged_without_names(birds, tmp_path):
    weights, spec = load_classifier(birds[0])
    even = {**weights, "logits/kernel": np.zeros_like(weights["logits/kernel"])}
    even["logits/bias"] = np.zeros_like(weights["logits/bias"])
    save_weights(tmp_path / "even.npz", even, spec)
    with pytest.raises(DatasetError, match="is sure of no picture"):
        export(tmp_path / "even.npz", output=tmp_path / "a.tflite", calibration=birds[1])


def test_a_file_that_is_ready_to_run_is_not_exported_again(birds, tmp_path):
    export(birds[0], output=tmp_path / "a.tflite", dataset=birds[1])
    with pytest.raises(ModelError, match="starts from weights"):
        export(tmp_path / "a.tflite", output=tmp_path / "b.tflite", dataset=birds[1])
