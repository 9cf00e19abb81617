"""``ssdlite bench`` and the table of stages, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from detector.bench import report
from detector.data.sample import SAMPLE_FOLDER
from studies import frame_stages as stages
from tests.commands.running import Run, assert_mistake

QUICK = ("--backends", "litert", "--threads", "1", "--rounds", "1", "--no-baselines")


@pytest.mark.slow
def test_everything_is_measured_and_written(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "detector.py").write_text("raise ImportError('of the user')")
    monkeypatch.chdir(tmp_path)
    outcome = run(
        "bench", model, *QUICK, "--starts", "1", "--images", "8", "--dataset", SAMPLE_FOLDER, "--output",
        tmp_path / "new" / "folder",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "evaluation " in outcome.out
    folder = tmp_path / "new" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == ["bench.json", "bench.svg"]
    record = json.loads((folder / "bench.json").read_text())
    row = record["rows"][0]
    assert (row["model"], row["format"], row["backend"], row["threads"]) == (
        model.name,
        "tflite",
        "litert",
        1,
    )
    assert row["frame_ms"]["p50"] > 0
    assert row["peak_memory_mb"] > 30
    assert row["file_mb"] == pytest.approx(model.stat().st_size / 1e6, abs=1e-4)
    assert 0 < row["AP"] <= 1
    assert len(row["start_seconds"]) == 1
    assert str(tmp_path) not in json.dumps(record)


def test_mistakes_are_one_sentence(run: Run, model: Path, tmp_path: Path) -> None:
    assert "tpu" in assert_mistake(run("bench", model, "--backends", "tpu"))
    for threads in ("two", "0", "1025", "9" * 5000):
        assert "joined by commas" in assert_mistake(run("bench", model, "--threads", threads))
    assert "no model file" in assert_mistake(run("bench", tmp_path / "absent.tflite", *QUICK))
    file = tmp_path / "bench.json"
    file.write_text("")
    assert "is a file" in assert_mistake(run("bench", model, *QUICK, "--output", file))
    assert assert_mistake(run("bench", model, *QUICK, "--dataset", tmp_path / "absent"))
    assert "zebra" in assert_mistake(run("bench", model, *QUICK, "--classes", "zebar"))


def test_an_interrupt_leaves_nothing_behind(
    run: Run,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "draw_plot", interrupt)
    outcome = run("bench", model, *QUICK, "--starts", "0", "--images", "0", "--output", tmp_path / "out")
    assert outcome.code == 130
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_stages_are_those_of_a_frame(released_weights: Path) -> None:
    outcome = CliRunner().invoke(
        stages.main, ["--backends", "litert", "--threads", "1", "--score-thresholds", "0.4", "--rounds", "1"]
    )
    assert outcome.exit_code == 0, outcome.output
    for stage in ("resize", "suppression", "bare network", "whole frame"):
        assert f"  {stage}" in outcome.output
