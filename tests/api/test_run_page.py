"""The page of a run: the report that it leaves, and how far it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from detector.api import run_page
from detector.api.run_page import leave_report, read_run, render_page
from detector.data.readers.coco import save_coco
from detector.errors import DetectorError
from detector.training.run_folder import RunFolder
from tests.training.small_run import begin_run, validation_of, write_run, write_shapes

PLAN = ["   dataset  shapes", "            (input size: 96, as was asked for)"]


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "shapes")


@pytest.fixture
def ended(shapes: Path, tmp_path: Path) -> RunFolder:
    """A run that has come to its end."""
    run = write_run(tmp_path / "run", shapes)
    save_coco(validation_of(run).dataset, run.validation)
    run.update_record(plan=PLAN, objects={"cat": 2, "dog": 2, "traffic light": 2}, finished=True)
    return run


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
    assert "Finished after step 6 of 9: the last evaluations brought nothing better." in page
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


@pytest.mark.parametrize("fault", [DetectorError("The disk is full."), KeyError("AP"), MemoryError()])
def test_a_report_that_fails_does_not_lose_the_run(
    ended: RunFolder, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(run: RunFolder) -> Path:
        raise fault

    monkeypatch.setattr(run_page, "write_run_report", fail)
    said: list[str] = []
    leave_report(ended, said.append)
    (line,) = said
    assert line.startswith("Note: the run is whole, but its report could not be written (")
    assert "train --resume" in line


def test_how_far_a_run_is(shapes: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert read_run(run, running=True).state == "Images and labels are being read."
    begin_run(run.root, shapes)
    assert read_run(run, running=True).state == "Begun; the first steps are being taken."
    run.append_history({"step": 0, "trial": "heads", "AP": 0.1, "AP50": 0.2})
    assert "1 trial" in read_run(run, running=True).state
    assert read_run(run).plan[-1].startswith("(trained: heads")
    for step in (1, 2, 3, 4):
        run.append_history({"step": step, "loss": 1.0, "seconds": 10.0 * step, "images_per_second": 7.0})
    facts = read_run(run, running=True)
    assert facts.state == "Step 4 of 9."
    cards = {name: (value, about) for name, value, about in facts.cards}
    assert cards["time left"] == ("50 seconds", "at this pace")
    assert cards["step"] == ("4", "of 9")
    run.append_history({"step": 6, "AP": 0.25, "AP50": 0.5})
    facts = read_run(run, running=True)
    assert facts.news == "Step 6: AP 25.0, AP50 50.0."
    assert facts.best is not None
    assert facts.best.step == 6
    stopped = read_run(run, running=False)
    assert stopped.state.startswith("Not finished: step 6 of 9. Go on with: ")
    assert "time left" not in {name for name, _, _ in stopped.cards}
    run.append_history({"step": 9, "loss": 1.0})
    assert "All steps are done" in read_run(run, running=True).state


def test_with_a_limit_the_time_that_is_left_is_what_the_limit_leaves(shapes: Path, tmp_path: Path) -> None:
    run = begin_run(tmp_path / "run", shapes, ("training.steps=9", "training.minutes=1.5"))
    for step in (1, 2, 3):
        run.append_history({"step": step, "loss": 1.0, "seconds": 10.0 * step})
    cards = {name: (value, about) for name, value, about in read_run(run, running=True).cards}
    assert cards["time left"] == ("60 seconds", "of 1.5 minutes")



def test_the_page_is_the_report_once_that_is_of_this_end(ended: RunFolder) -> None:
    assert 'src="live.js"' in render_page(ended, "live.js", running=True)
    leave_report(ended, print)
    report = (ended.root / "report.html").read_text("utf-8")
    assert render_page(ended, "live.js", running=True) == report
    ended.update_record(finished=False)  # gone on with
    assert 'src="live.js"' in render_page(ended, "live.js", running=True)
    ended.update_record(finished=True)
    os.utime(ended.root / "report.html", (1, 1))
    assert 'src="live.js"' in render_page(ended, "live.js", running=True)


@pytest.mark.parametrize("content", ["", "[]", '{"config": 3}', '{"plan": [1, "a"], "objects": 3}', "{"])
def test_a_record_that_is_damaged_gives_a_page_too(tmp_path: Path, content: str) -> None:
    run = RunFolder(tmp_path / "run")
    run.root.mkdir()
    run.record.write_text(content)
    assert '<p class="state">' in render_page(run, "live.js", running=True)


def test_long_histories_are_thinned(shapes: Path, tmp_path: Path) -> None:
    run = begin_run(tmp_path / "run", shapes)
    lines = (json.dumps({"step": step, "loss": 1.0, "seconds": step / 10}) for step in range(5000))
    run.history.write_text("\n".join(lines))
    (loss,) = read_run(run).losses
    assert len(loss.values) <= 300
    assert (loss.steps[0], loss.steps[-1]) == (0, 4999)
