"""``load_dataset`` and ``evaluate``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from detector import Detector, compare, evaluate, load_dataset
from detector.api.evaluation import Evaluation
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DatasetError
from detector.evaluation.coco_metrics import METRICS
from detector.report.page import HTML, JSON
from detector.system.progress import bars_hidden, bars_wanted


@pytest.fixture(scope="module")
def evaluation(model: Path) -> Evaluation:
    return evaluate(model=model)


def test_it_is_silent_unless_asked(model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = evaluate(SAMPLE_FOLDER, model=model)
    found.report(tmp_path, found.analyse(rounds=10))
    compare(found, found, SAMPLE_FOLDER, rounds=10).save(tmp_path / "compared.json")
    assert capfd.readouterr() == ("", "")
    evaluate(SAMPLE_FOLDER, model=model, say=print)
    assert capfd.readouterr() == (
        f"{found.name} on {SAMPLE_FOLDER / 'instances.json'}: 4 images, 6 objects\n",
        "",
    )


def test_bars_are_shown_only_where_they_are_wanted() -> None:
    assert bars_hidden() is None
    with bars_wanted(False):
        assert bars_hidden() is True
        with bars_wanted(True):
            assert bars_hidden() is None
        assert bars_hidden() is True
    assert bars_hidden() is None


def test_a_dataset_may_be_a_path_or_loaded(model: Path, evaluation: Evaluation) -> None:
    assert list(evaluation.summary) == list(METRICS)
    assert evaluation.ap == evaluation.summary["AP"] > 0.5
    assert evaluation.settings["dataset"] == "bundled sample"
    for dataset in (SAMPLE_FOLDER, str(SAMPLE_FOLDER), load_dataset(SAMPLE_FOLDER)):
        found = evaluate(dataset, model=str(model))
        assert (found.metrics, found.detections) == (evaluation.metrics, evaluation.detections)
        assert found.settings == {**evaluation.settings, "dataset": str(SAMPLE_FOLDER / "instances.json")}


def test_a_model_may_be_a_detector(model: Path, evaluation: Evaluation) -> None:
    detector = Detector.load(model, score_threshold=None)
    found = evaluate(model=detector)
    assert found.detector is detector
    assert found.metrics == evaluation.metrics
    assert found.settings == {**evaluation.settings, "model_file": None}
    with pytest.raises(ValueError, match="leave out voting"):
        evaluate(model=detector, voting=True)
    assert repr(evaluate(model=Detector.load(model))).endswith(", scores from 0.4 on>")
    few = evaluate(model=Detector.load(model, classes=["Cup", "cat"]))
    assert few.settings["classes"] == "cat,cup"
    assert few.unmatched == ("person", "spoon", "dining table")


def test_options_reach_the_model_and_the_images(model: Path) -> None:
    found = evaluate(
        model=model, image_ids=[4, 2], limit=1, classes=["person"], score_threshold=0.5, threads=1
    )
    assert [image.id for image in found.dataset.images] == [2]
    assert found.detector is not None
    assert found.detector.classes == ("person",)
    settings = found.settings
    assert (settings["image_ids"], settings["limit"], settings["classes"]) == ([2, 4], 1, "person")
    assert (settings["score_threshold"], settings["threads"]) == (0.5, 1)


def test_detections_may_be_a_file_or_a_list(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    file = tmp_path / "detections.json"
    written = json.loads(file.read_text())
    for detections in (file, str(file), written, evaluation.detections):
        found = evaluate(detections=detections)
        assert found.metrics == evaluation.metrics
        assert found.detector is None
        assert found.images_per_second is None
    assert written == json.loads(file.read_text())
    with pytest.raises(
        DatasetError, match="detections is not in COCO's results format: entry 0 has no score"
    ):
        evaluate(detections=[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}])
    with pytest.raises(ValueError, match="leave out voting, tile"):
        evaluate(detections=file, voting=True, tile=300)
    with pytest.raises(ValueError, match="got both"):
        evaluate(model="model.tflite", detections=file)


def test_what_is_saved_says_how_it_was_measured(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(str(tmp_path / "new"))
    assert json.loads((tmp_path / "new" / "metrics.json").read_text())["settings"] == evaluation.settings
    evaluation.save(tmp_path, {"mine": 1})
    assert json.loads((tmp_path / "metrics.json").read_text())["settings"] == {"mine": 1}


def test_the_report(evaluation: Evaluation, tmp_path: Path) -> None:
    analysis = evaluation.report(tmp_path, evaluation.analyse(rounds=10))
    assert analysis.summary["AP"].value == pytest.approx(evaluation.ap)
    assert f"<title>{evaluation.name} on instances</title>" in (tmp_path / HTML).read_text("utf-8")
    assert (tmp_path / JSON).is_file()


def test_an_ap_next_to_nothing_is_diagnosed_once(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.checks import diagnosis

    asked = []
    diagnose = diagnosis.diagnose
    monkeypatch.setattr(
        diagnosis, "diagnose", lambda *given, **more: asked.append(1) or diagnose(*given, **more)
    )
    wrong = [{**each, "bbox": [0, 0, 1, 1]} for each in evaluation.detections]
    found = evaluate(detections=wrong)
    assert found.causes
    assert found.report(tmp_path, found.analyse(rounds=10)).causes == found.causes
    assert len(asked) == 1
    assert evaluation.causes == []


def test_other_classes_that_take_all_the_places_of_an_image_are_the_cause(released_weights: Path) -> None:
    sample = load_dataset()
    names = ("toaster", "hair drier", "toothbrush", "parking meter", "sheep")
    renamed = replace(sample, categories=dict(zip(sample.categories, names, strict=True)))
    crowded = evaluate(renamed, max_detections=3)
    assert "in 4 of 4 images all detections that an image may have are of classes that" in crowded.causes[0]
    sure = evaluate(renamed, score_threshold=0.3)  # finds less than an image may have
    assert sum(sure.elsewhere.values()) > 0
    assert "the score threshold cuts everything off" in sure.causes[0]
    alone = evaluate(renamed, max_detections=3, classes=names)
    assert not any("--classes" in cause for cause in alone.causes)


def test_it_shows_its_numbers(evaluation: Evaluation) -> None:
    ap = f"AP {100 * evaluation.ap:.2f}"
    assert repr(evaluation).startswith(f"<Evaluation of {evaluation.name} on 4 images: {ap}, AP50 ")
    page = replace(evaluation, name="<b>")._repr_html_()
    assert "&lt;b&gt; on instances" in page
    assert page.count("<tr>") == 13
    assert f"<td>{100 * evaluation.ap:.2f}</td>" in page
    assert "<td>-1</td>" in page
