"""The report that a run leaves, and what is said with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.api import run_report
from detector.api.run_report import leave_report
from detector.data.readers.coco import save_coco
from detector.errors import DetectorError
from detector.evaluation.analysis import Analysis
from detector.training.fold_numbers import FoldNumbers
from detector.training.run_folder import RunFolder
from tests.evaluation.noisy_detections import build_dataset, with_noise


def test_a_run_that_is_over_leaves_one_page_with_everything(ended: RunFolder) -> None:
    said: list[str] = []
    leave_report(ended, said.append)
    (line,) = said
    assert line.startswith(f"Open {ended.root / 'report.html'} in a browser")
    page = (ended.root / "report.html").read_text("utf-8")
    metrics = json.loads(ended.metrics.read_text())
    facts = json.loads((ended.root / "report.json").read_text())
    assert facts["summary"]["AP"]["value"] == pytest.approx(metrics["AP"], abs=1e-6)
    for part in ("training", "plan", "photograph", "next", "classes", "pictures"):
        assert f'<section id="{part}">' in page
    assert "Finished after step 6 of 9: the last evaluations brought no higher AP." in page
    assert "input size: 96, as was asked for" in page
    assert "data:image/jpeg" in page
    assert "https://" not in page
    assert "<script" not in page


def test_the_numbers_of_the_test_split_are_in_front(ended: RunFolder) -> None:
    folder = ended.root / "test"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps({"AP": 0.5, "AP50": 0.75, "images": 9}))
    leave_report(ended, print)
    assert "On 9 test images, which had no say in anything: AP 50.0, AP50 75.0." in (
        ended.root / "report.html"
    ).read_text("utf-8")


def test_categories_that_the_model_does_not_look_for_cost_nothing(ended: RunFolder) -> None:
    metrics = json.loads(ended.metrics.read_text())
    ended.metrics.write_text(json.dumps({**metrics, "unmatched_categories": ["dog"]}))
    leave_report(ended, print)
    facts = json.loads((ended.root / "report.json").read_text())
    assert "dog" not in facts["per_class"]
    assert "dog" not in facts["classes_without_objects"]


def test_a_name_that_is_not_utf8_is_shown_as_it_can_be(ended: RunFolder) -> None:
    content = json.loads(ended.validation.read_text())
    for image in content["images"]:
        image["file_name"] = f"/nowhere/\udcff{image['id']}.jpg"
    ended.validation.write_text(json.dumps(content))
    detections = json.loads(ended.detections.read_text())
    ended.detections.write_text(json.dumps([each for each in detections if each.pop("file_name")]))
    said: list[str] = []
    leave_report(ended, said.append)
    assert said[0].startswith("Open ")


@pytest.fixture
def measurable(ended: RunFolder) -> RunFolder:
    """The same with so many images that there are intervals."""
    dataset = build_dataset(30)
    save_coco(dataset, ended.validation)
    ended.detections.write_text(json.dumps(with_noise(dataset)))
    return ended


def test_how_far_ap_may_be_chance_is_said_as_the_page_has_it(measurable: RunFolder) -> None:
    said: list[str] = []
    leave_report(measurable, said.append)
    summary = json.loads((measurable.root / "report.json").read_text())["summary"]
    ap, ap50 = (
        f"{100 * summary[name]['low']:.1f} to {100 * summary[name]['high']:.1f}" for name in ("AP", "AP50")
    )
    assert said[0].startswith(f"By chance alone (95 %) it could be {ap}, AP50 {ap50}.")
    assert said[1].startswith("Open ")


def test_how_far_ap_may_be_chance_is_said_where_no_page_can_be_written(measurable: RunFolder) -> None:
    (measurable.root / "report.html").mkdir()
    said: list[str] = []
    leave_report(measurable, said.append)
    assert [line.split("(")[0] for line in said] == [
        "By chance alone ",
        "Note: the run is whole, but its report could not be written ",
    ]


def test_the_report_of_a_run_in_folds_is_of_all_images_with_the_intervals_of_the_folds(
    folded: RunFolder,
) -> None:
    said: list[str] = []
    leave_report(folded, said.append)
    (line,) = said  # what is chance is said with the numbers of the folds
    assert line.startswith("Open ")
    numbers = FoldNumbers.load(folded.fold_numbers)
    facts = json.loads((folded.root / "report.json").read_text())
    assert facts["images"] == 24
    for name, own in (("AP", numbers.ap), ("AP50", numbers.ap50)):
        assert facts["summary"][name] == pytest.approx({"value": own.value, "low": own.low, "high": own.high})
    page = (folded.root / "report.html").read_text("utf-8")
    assert "24 images, each judged by a model that had not seen it" in page
    assert "Finished: 2 folds, then 9 steps on all images." in page
    for part in ("training", "folds", "photograph", "next", "pictures"):
        assert f'<section id="{part}">' in page
    assert "fold 2: 12 images" in page


def test_a_fold_whose_files_are_gone_costs_the_report_alone(folded: RunFolder) -> None:
    folded.fold(1).validation.unlink()
    said: list[str] = []
    leave_report(folded, said.append)
    (line,) = said
    assert line.startswith("Note: the run is whole, but its report could not be written (")
    assert "validation.json" in line


@pytest.mark.parametrize("fault", [DetectorError("The disk is full."), KeyError("AP"), MemoryError()])
def test_a_report_that_fails_does_not_lose_the_run(
    ended: RunFolder, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(run: RunFolder, analysis: Analysis) -> Path:
        raise fault

    monkeypatch.setattr(run_report, "write_run_report", fail)
    said: list[str] = []
    leave_report(ended, said.append)
    (line,) = said
    assert line.startswith("Note: the run is whole, but its report could not be written (")
    assert "train --resume" in line
