"""The page of a run: how far it is, and its report in the end."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from detector.api.run_page import read_run, render_page
from detector.api.run_report import leave_report
from detector.api.watching import page_version
from detector.report.run import percent_of
from detector.training.fold_numbers import FoldNumbers
from detector.training.run_folder import RunFolder
from tests.training.small_run import begin_run


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


def test_while_folds_are_trained_the_page_is_of_the_one_that_is(folded: RunFolder) -> None:
    folded.fold_numbers.unlink()
    folded.history.unlink()
    folded.update_record(folded=False, finished=False)
    folded.fold(2).update_record(finished=False)
    facts = read_run(folded, running=True)
    assert facts.name == "run"
    assert facts.state == "Fold 2 of 2. Step 6 of 9."
    assert facts.news.startswith("Step 6: AP ")
    assert ("fold", "2", "of 2") in facts.cards
    config = folded.fold(2).load_record()["config"]
    shared = {**config, "training": {**config["training"], "minutes": 10 / 3}}  # its part of the time
    folded.fold(2).update_record(config=shared)
    for step in (7, 8):
        folded.fold(2).append_history({"step": step, "loss": 1.0, "seconds": 10.0 * step})
    folded.fold(2).append_history({"step": 8, "loss": 1.0, "seconds": 80.0})
    timed = {name: (value, about) for name, value, about in read_run(folded, running=True).cards}
    assert timed["time left"] == ("2 minutes", "for this fold, of 3.33 minutes")
    assert [each.when for each in facts.folds] == ["fold 1: 12 images"]
    metrics = json.loads(folded.fold(1).metrics.read_text())
    assert (facts.folds[0].ap, facts.folds[0].ap50) == (metrics["AP"], metrics["AP50"])
    assert '<section id="folds">' in render_page(folded, "live.js", running=True)
    stopped = read_run(folded)
    assert stopped.state.startswith("Not finished: fold 2 of 2. Go on with: ")
    assert stopped.state.endswith(str(folded.root))
    shutil.rmtree(folded.root / "folds")
    assert read_run(folded, running=True).state.startswith("Fold 1 of 2. ")


def test_the_model_of_all_images_has_the_numbers_of_the_folds(folded: RunFolder) -> None:
    numbers = FoldNumbers.load(folded.fold_numbers)
    folded.update_record(finished=False)
    facts = read_run(folded, running=True)
    assert facts.state.startswith("The folds are trained. All images: All steps are done; ")
    assert ("AP", percent_of(numbers.ap.value), "pooled over the folds") in facts.cards
    assert len(facts.folds) == 2
    assert facts.pooled[0] == f"AP: {numbers.ap}."
    assert read_run(folded).state.endswith(f"--resume {folded.root}")
    folded.update_record(finished=True)
    done = read_run(folded)
    assert done.state == "Finished: 2 folds, then 9 steps on all images."
    assert all("eval" not in typed for _, typed in done.commands)
    assert done.commands


def test_what_changes_in_a_fold_changes_the_page(folded: RunFolder) -> None:
    before = page_version(folded)
    assert page_version(folded) == before
    folded.fold(2).append_history({"step": 7, "loss": 1.0})
    assert page_version(folded) != before
