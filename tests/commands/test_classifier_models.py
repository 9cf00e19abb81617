"""``ssdlite export``, ``bench`` and ``model`` with a classifier, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.class_pictures import make_classifier
from tests.commands.running import Run, assert_mistake

QUICK = ("--backends", "litert", "--threads", "1", "--rounds", "1")


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_classifier(tmp_path_factory.mktemp("birds"))


def test_an_export_is_written_and_can_be_measured(run: Run, birds: tuple[Path, Path], tmp_path: Path) -> None:
    model, pictures = birds
    path = tmp_path / "birds.tflite"
    done = run("export", model, "--quantize", "fp16", "--dataset", pictures, "--output", path)
    assert done.code == 0, done
    assert "accuracy       100.00 -> 100.00" in done.out
    assert f"bench {path}" in done.out
    done = run("bench", path, *QUICK, "--starts", "1", "--output", tmp_path / "bench")
    assert done.code == 0, done
    assert "BGR to probabilities" in done.out
    assert "evaluation" not in done.out
    (row,) = json.loads((tmp_path / "bench" / "bench.json").read_text())["rows"]
    assert row["network_ms"]["p50"] > 0
    assert row["frame_ms"]["p50"] > 0
    assert row["peak_memory_mb"] > 30
    assert row["AP"] is None


def test_what_is_refused_is_not_written_and_the_exit_code_is_1(
    run: Run, birds: tuple[Path, Path], tmp_path: Path
) -> None:
    model, pictures = birds
    path = tmp_path / "birds.tflite"
    arguments = ("--quantize", "int8", "--calibration", pictures, "--dataset", pictures, "--output", path)
    done = run("export", model, *arguments)
    assert done.code == 1, done  # rounding changes too much of a network of noise
    assert "Not written: birds-int8.tflite is not the same classifier" in done.err
    assert "--max-ap-drop" in done.err
    assert not path.exists()
    assert run("export", model, *arguments, "--max-ap-drop", 100).code == 0
    assert path.exists()


def test_mistakes_are_one_sentence(run: Run, birds: tuple[Path, Path], model: Path, tmp_path: Path) -> None:
    classifier, pictures = birds
    for option, value in (("--classes", "robin"), ("--for", "coral"), ("--postprocess", None)):
        given = [option] if value is None else [option, value]
        said = assert_mistake(run("export", classifier, *given, "--output", tmp_path / "out"))
        assert f"only detectors are exported with {option}" in said
    assert "measure them apart" in assert_mistake(run("bench", classifier, model, *QUICK))
    for option, value in (("--dataset", pictures), ("--classes", "robin"), ("--input-size", "64")):
        said = assert_mistake(run("bench", classifier, *QUICK, option, value))
        assert f"{option} holds for detectors alone" in said


def test_a_classifier_is_described(run: Run, birds: tuple[Path, Path]) -> None:
    done = run("model", birds[0])
    assert done.code == 0, done
    assert "birds: input 40x24 RGB, 3 classes, MobileNetV2 of width multiplier 0.35" in done.out
    assert "trainable parameters" in done.out
    assert "multiply-adds" in done.out
    assert "it looks at the whole picture" in done.out
