"""``ssdlite compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detector.data.dataset import Dataset
from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import (
    Run,
    assert_mistake,
    read_metrics,
)

ROUNDS = ("--rounds", "10")


@pytest.fixture
def results(sample_output: Path) -> Path:
    return sample_output / "detections.json"


def _changed(results: Path, path: Path, change: dict[str, Any]) -> Path:
    path.write_text(json.dumps([{**entry, **change} for entry in json.loads(results.read_text())]))
    return path


def test_compare_on_the_images_that_were_evaluated(run: Run, model: Path, tmp_path: Path) -> None:
    assert run("eval", SAMPLE_FOLDER, "--model", model, "--limit", "2", "--output", tmp_path).code == 0
    detections = tmp_path / "detections.json"
    outcome = run("compare", detections, detections, SAMPLE_FOLDER, "--limit", "2", *ROUNDS)
    ap = 100 * read_metrics(tmp_path)["AP"]
    assert (outcome.code, outcome.err) == (0, "")
    assert f"{ap:.2f} [" in outcome.out
    assert "within chance" in outcome.out
    assert "Latency" not in outcome.out
    for content in (
        "{}",
        "3",
        '[{"image_id": 1}]',
        '[{"image_id": 1, "category_id": 1, "bbox": null, "score": 1}]',
    ):
        detections.write_text(content)
        assert "results format" in assert_mistake(run("compare", detections, detections, SAMPLE_FOLDER))


def test_a_loss_over_the_tolerance_exits_with_1(run: Run, results: Path, tmp_path: Path) -> None:
    worse = _changed(results, tmp_path / "worse.json", {"category_id": 1})
    record = tmp_path / "compare.json"
    outcome = run("compare", results, worse, SAMPLE_FOLDER, "--output", record, *ROUNDS)
    assert (outcome.code, outcome.err) == (1, "")
    assert "B is worse by" in outcome.out
    written = json.loads(record.read_text(), parse_constant=pytest.fail)
    assert written["worse_by_more_than_tolerance"] is True
    assert written["summary"]["AP"]["difference"]["value"] < 0
    assert {each["name"] for each in written["classes"]} == {
        "person",
        "cat",
        "cup",
        "spoon",
        "dining table",
    }
    loss = -100 * written["summary"]["AP"]["difference"]["value"]
    for tolerance, code in ((loss - 0.01, 1), (loss + 0.01, 0)):
        assert run("compare", results, worse, SAMPLE_FOLDER, "--tolerance", tolerance, *ROUNDS).code == code
    outcome = run("compare", worse, results, SAMPLE_FOLDER, "--tolerance", 0, *ROUNDS)
    assert outcome.code == 0
    assert "B is not worse" in outcome.out
    assert "Images with the most errors less" in outcome.out


def test_a_model_against_its_own_detections(run: Run, model: Path, results: Path) -> None:
    outcome = run("compare", results, model, SAMPLE_FOLDER, "--tolerance", 0, *ROUNDS)
    assert (outcome.code, outcome.err) == (0, "")
    assert "+0.00 [+0.00, +0.00]" in outcome.out
    assert "Latency of a frame" in outcome.out
    assert outcome.out.count(" ms, ") == 1


@pytest.mark.slow
def test_two_models(run: Run, model: Path, coco_sample: Dataset) -> None:
    folder = coco_sample.source.parent
    outcome = run("compare", model, model, folder, "--limit", 10, *ROUNDS)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.count(" ms, ") == 2
    assert "within chance" in outcome.out


def test_compare_needs_detections_of_these_images(run: Run, tmp_path: Path) -> None:
    detections = tmp_path / "detections.json"
    detections.write_text('[{"image_id": 777, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]')
    mistake = assert_mistake(run("compare", detections, detections, SAMPLE_FOLDER))
    assert "the first is 777" in mistake


def test_nothing_to_compare(run: Run, results: Path, tmp_path: Path) -> None:
    content = json.loads((SAMPLE_FOLDER / "instances.json").read_text())
    empty = tmp_path / "instances.json"
    empty.write_text(json.dumps({**content, "annotations": []}))
    mistake = assert_mistake(run("compare", results, results, empty, *ROUNDS))
    assert "nothing to compare" in mistake
