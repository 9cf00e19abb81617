"""``--input-size``, ``--accurate``, ``--voting`` and ``--tile``."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from tests.commands.running import Run, assert_mistake, read_metrics


def test_eval_says_what_it_was_measured_with(run: Run, model: Path, tmp_path: Path) -> None:
    plain = run("eval", "--model", model, "--output", tmp_path / "plain")
    options = ("--voting", "--tile", 400)
    other = run("eval", "--model", model, "--output", tmp_path / "other", *options)
    assert (plain.code, other.code) == (0, 0)
    assert "voting" not in plain.out
    assert "detections an image, input size 300, voting, tiles of 400 pixels" in other.out
    settings = read_metrics(tmp_path / "other")["settings"]
    assert (settings["voting"], settings["tile"]) == (True, 400)
    settings = read_metrics(tmp_path / "plain")["settings"]
    assert (settings["voting"], settings["tile"]) == (False, None)
    assert (tmp_path / "plain/detections.json").read_text() != (
        tmp_path / "other/detections.json"
    ).read_text()


def test_small_objects_of_a_large_picture(run: Run, model: Path, tmp_path: Path) -> None:
    frame = np.full((900, 1500, 3), 114, np.uint8)
    frame[610:685, 700:813] = load_image(SAMPLE_FOLDER / "chelsea.jpg")[::4, ::4]
    cv2.imwrite(str(tmp_path / "frame.png"), frame)
    names = []
    for options in ((), ("--tile", 400)):
        assert (
            run(
                "detect", tmp_path / "frame.png", "--model", model, "--output", tmp_path / "out", *options
            ).code
            == 0
        )
        results = json.loads((tmp_path / "out/detections.json").read_text())
        names.append([each["category_name"] for each in results])
    assert "cat" not in names[0]
    assert "cat" in names[1]


@pytest.mark.parametrize("tile", ["0", "99", "-1", "half", "1e9"])
def test_tiles_that_make_no_sense(run: Run, tile: str) -> None:
    outcome = run("detect", SAMPLE_FOLDER, "--tile", tile)
    assert outcome.code == 2
    assert "--tile" in outcome.err


@pytest.mark.parametrize("size", ["0", "31", "5000", "300x", "big", "300,", "300,300", "4096x4096", "300.5"])
@pytest.mark.parametrize("command", ["detect", "eval", "compare", "bench"])
def test_sizes_that_make_no_sense(run: Run, command: str, size: str) -> None:
    arguments = {"compare": ("a.json", "b.json", SAMPLE_FOLDER), "detect": (SAMPLE_FOLDER,)}
    sentence = assert_mistake(run(command, *arguments.get(command, ()), "--input-size", size))
    assert "--input-size" in sentence
    assert "Expected" in sentence


def test_eval_says_at_which_sizes(run: Run, released_weights: Path, tmp_path: Path) -> None:
    whole = ("eval", "--model", released_weights, "--limit", 2, "--output", tmp_path)
    for options, shown, recorded in (
        ((), "input size 300\n", ("300", False)),
        (("--fast",), "input size 300\n", ("300", False)),
        (("--input-size", "256x320"), "input size 256x320\n", ("256x320", False)),
        (("--input-size", "384,300"), "input sizes 300,384\n", ("300,384", False)),
        (("--accurate",), "input sizes 300,512, voting\n", ("300,512", True)),
    ):
        outcome = run(*whole, *options)
        assert outcome.code == 0, outcome.err
        assert shown in outcome.out
        settings = read_metrics(tmp_path)["settings"]
        assert (settings["input_size"], settings["voting"]) == recorded


def test_a_size_beside_the_word_for_one(run: Run, released_weights: Path) -> None:
    sentence = assert_mistake(run("detect", SAMPLE_FOLDER, "--accurate", "--input-size", 512))
    assert "leave out --input-size" in sentence


def test_a_file_that_is_ready_to_run_has_its_size(run: Run, model: Path, tmp_path: Path) -> None:
    for options in (("--input-size", 512), ("--accurate",)):
        sentence = assert_mistake(run("detect", SAMPLE_FOLDER, "--model", model, *options))
        assert "was written for the input size 300" in sentence


def test_two_sizes_are_compared(run: Run, released_weights: Path, tmp_path: Path) -> None:
    name = tmp_path / "comparison.json"
    sizes = ("--input-size", 300, "--input-size", "256,300", "--rounds", 10)
    outcome = run("compare", released_weights, released_weights, SAMPLE_FOLDER, *sizes, "--output", name)
    assert "input size 300\n" in outcome.out
    assert "input size 256,300\n" in outcome.out
    assert json.loads(name.read_text())["input_size"] == {"A": "300", "B": "256,300"}
    files = run("compare", "a.json", "b.json", SAMPLE_FOLDER, "--input-size", 300)
    assert "of the models" in assert_mistake(files)
    one = run("compare", released_weights, "b.json", SAMPLE_FOLDER, *sizes)
    assert "of the models" in assert_mistake(one)


BESIDE_DETECTIONS = [
    *(
        ("--input-size", 512),
        ("--accurate",),
        ("--fast",),
        ("--voting",),
        ("--tile", 400),
        ("--resize", "tf1"),
    ),
    *(
        ("--backend", "litert"),
        ("--threads", 1),
        ("--score-threshold", 0.1),
        ("--max-detections", 5),
        ("--classes", "cat"),
    ),
]


@pytest.mark.parametrize("option", BESIDE_DETECTIONS)
def test_detections_that_are_there_are_not_looked_for(
    run: Run, tmp_path: Path, option: tuple[object, ...]
) -> None:
    outcome = run("eval", SAMPLE_FOLDER, "--detections", tmp_path / "a.json", *option)
    name = "--accurate" if option == ("--fast",) else option[0]
    assert f"--detections are there already; leave out {name}." in assert_mistake(outcome)
