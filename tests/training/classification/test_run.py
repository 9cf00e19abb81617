"""A classifier from folders of pictures to its files: trained, interrupted, gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import detector
from detector.api.training import TrainedRun, train
from detector.errors import ArgumentError, DetectorError
from detector.evaluation.classification_file import load_result
from detector.training.job import Progress
from detector.weights import load_network
from tests.named_pictures import COLOURS, write_colours

pytestmark = pytest.mark.slow
pytest.importorskip("official.core.base_trainer")

SETTINGS = {
    "model.input_size": 32,
    "model.width_multiplier": 0.1,
    "training.initial_weights": "none",
    "training.batch_size": 8,
    "training.evaluate_every": 5,
    "training.steps": 10,
    "training.patience": 50,
    "optimizer.learning_rate": 0.05,
    "optimizer.warmup_steps": 0,
}


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    counts = {
        f"{split}/{name}": count
        for split, count in (("train", 8), ("val", 4), ("test", 3))
        for name in COLOURS
    }
    return write_colours(tmp_path_factory.mktemp("data") / "birds", counts)


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def whole(birds: Path, said: list[str], tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return train(birds, output=tmp_path_factory.mktemp("runs") / "whole", settings=SETTINGS, say=said.append)


def test_a_run_leaves_what_a_classifier_needs_and_nothing_of_a_detector(
    whole: TrainedRun, said: list[str]
) -> None:
    weights, spec = load_network(whole.model)
    assert spec.classes == ("robin", "tit", "wren")
    assert all(np.isfinite(values).all() for values in weights.values())
    assert spec.card["accuracy"].startswith(f"{100 * whole.metrics['accuracy']:.2f}")
    left = {path.name for path in whole.folder.iterdir()}
    assert {"model.tflite", "predictions.json", "report.html", "curves.png", "history.jsonl"} <= left
    assert not {"detections.json", "predictions.jpg"} & left
    told = next(line for line in said if " holds " in line).split(" holds ")[1]
    assert set(told.replace(" and ", ", ").split(", ")) <= left
    assert whole.finished
    assert not any("AP" in line for line in said)
    assert "balanced accuracy" in "\n".join(said)
    assert "Traceback" not in "\n".join(said)
    assert not any("could not be written" in line for line in said)


def test_its_numbers_are_those_of_its_files(whole: TrainedRun, birds: Path) -> None:
    result = load_result(whole.folder)
    assert result.accuracy == whole.metrics["accuracy"]
    classifier = whole.classifier(threads=1)
    for name, scores in zip(result.names, result.scores, strict=True):
        found = next(birds.rglob(f"{'/'.join(Path(name).parts[-3:])}"))
        np.testing.assert_allclose(classifier.classify(cv2.imread(str(found))).scores, scores, atol=1e-6)
    tested = json.loads((whole.folder / "test" / "metrics.json").read_text())
    assert tested["images"] == 9
    assert {"accuracy", "balanced_accuracy"} <= set(tested)
    evaluated = [entry for entry in whole.history if "accuracy" in entry]
    assert [entry["step"] for entry in evaluated] == [5, 10]
    assert max(entry["accuracy"] for entry in evaluated) == pytest.approx(result.accuracy)


def test_a_classifier_is_no_detector(whole: TrainedRun) -> None:
    assert whole.is_classifier
    with pytest.raises(ArgumentError, match=r"run\.classifier"):
        whole.detector()
    assert "accuracy" in repr(whole)
    assert "balanced accuracy" in whole._repr_html_().replace("_", " ")


class StopAt:
    """Ends a run after an evaluation."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_evaluation(self, progress: Progress) -> None:
        assert set(progress.metrics) == {"accuracy", "balanced_accuracy"}
        if progress.step == self.step:
            raise RuntimeError("enough")


def test_a_run_that_is_gone_on_with_ends_as_one_that_was_not_interrupted(
    whole: TrainedRun, birds: Path, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="enough"):
        train(birds, output=tmp_path / "run", settings=SETTINGS, callbacks=[StopAt(5)])
    assert not TrainedRun(tmp_path / "run").finished
    resumed = train(resume=tmp_path / "run")
    assert resumed.finished
    expected, found = (load_network(run.model)[0] for run in (whole, resumed))
    for key, values in expected.items():
        np.testing.assert_array_equal(found[key], values, err_msg=key)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"folds": 3}, "--folds"),
        ({"keep_classes": ["cat"]}, "keep_classes"),
        ({"settings": {**SETTINGS, "loss.match_iou": 0.4}}, r"loss\.match_iou"),
        ({"settings": {**SETTINGS, "augmentation.expand": 0.4}}, "expand"),
        ({"settings": {**SETTINGS, "training.frozen_until": "extra_2_reduce"}}, "extra_2_reduce"),
        ({"settings": {**SETTINGS, "model.classes": ["robin", "wren"]}}, "does not name tit"),
    ],
)
def test_what_a_classifier_has_not_is_refused(
    birds: Path, tmp_path: Path, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(DetectorError, match=expected):
        train(birds, output=tmp_path / "run", **{"settings": SETTINGS, **options})
    assert not (tmp_path / "run").exists()


def test_a_classifiers_run_cannot_be_gone_on_with(whole: TrainedRun, birds: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DetectorError, match=r"--from goes on with a detector.* --set training\.initial_weights="
    ):
        train(birds, output=tmp_path / "run", from_run=whole.folder)


def test_it_is_at_hand_under_the_packages_name(whole: TrainedRun) -> None:
    assert detector.TrainedRun(whole.folder).metrics == whole.metrics
