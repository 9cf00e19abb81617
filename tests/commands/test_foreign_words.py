"""Words of other tools do what they mean, or are answered with one hint."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from detector.commands.cli import cli
from detector.commands.foreign_words import COMMAND_HINTS, COMMANDS, translate
from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import Run, assert_mistake

PHOTO = SAMPLE_FOLDER / "coffee.jpg"
OWN = ("--score", "--input-size", "--model", "--output")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--conf .5 a.jpg", "--score .5 a.jpg"),
        ("a.jpg --conf=.5", "a.jpg --score .5"),
        ("--source a.jpg --imgsz 512", "a.jpg --input-size 512"),
        ("--source=a.jpg --weights m.npz", "a.jpg --model m.npz"),
        ("--project out --score .1", "--output out --score .1"),
        ("-- --conf", "-- --conf"),
        ("--unknown 3", "--unknown 3"),
    ],
)
def test_options(typed: str, meant: str) -> None:
    assert translate(typed.split(), OWN, positional=True) == meant.split()


def test_an_option_that_a_command_has_keeps_its_meaning() -> None:
    assert translate(["--source", "0"], ["--source"], positional=False) == ["--source", "0"]


def test_settings_of_a_training() -> None:
    words = ["--data", "photos", "--lr", ".01", "--patience=3", "--batch-size", "4"]
    assert translate(words, ["--set", "--batch"], positional=True) == [
        *("photos", "--set", "optimizer.learning_rate=.01", "--set", "training.patience=3", "--batch", "4")
    ]


@pytest.mark.parametrize("words", ["--iou .5", "--device=0", "--half", "epochs=30", "--show"])
def test_what_has_no_counterpart_is_answered_with_a_hint(words: str) -> None:
    with pytest.raises(click.UsageError, match=r"There is no|are written --epochs 30 here"):
        translate(words.split(), OWN, positional=True)


def test_a_file_with_such_a_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source=1").touch()
    assert translate(["source=1"], OWN, positional=True) == ["source=1"]


def test_every_word_leads_to_a_command() -> None:
    known = set(cli.list_commands(click.Context(cli)))
    assert set(COMMANDS.values()) < known
    assert not known & {*COMMANDS, *COMMAND_HINTS}


def test_commands(run: Run, model: Path, tmp_path: Path) -> None:
    outcome = run("predict", "--source", PHOTO, "--conf", ".9", "--weights", model, "--out", tmp_path / "out")
    assert outcome.code == 0
    (found,) = json.loads((tmp_path / "out/detections.json").read_text())
    assert (found["category_name"], found["score"] > 0.9) == ("cup", True)
    assert "--track` numbers objects" in assert_mistake(run("track"))
    assert "did you mean 'detect'?" in assert_mistake(run("detct"))
    assert "did you mean 'check'?" in assert_mistake(run("data", "chek"))


def test_epochs_and_batch(run: Run) -> None:
    shown = run("train", "--epochs", "30", "--batch", "4", "--imgsz", "320", "--show-config").out
    for line in ("  epochs: 30", "  batch_size: 4", "  input_size: 320"):
        assert line in shown.splitlines()
    assert "leave one of them out" in assert_mistake(run("train", "--epochs", "3", "--steps", "5"))
    twice = run("train", "x", "--batch", "3", "--set", "training.batch_size=5")
    assert "training.batch_size is given twice" in assert_mistake(twice)
    assert "one input size is expected" in assert_mistake(run("train", "x", "--input-size", "300,512"))
