"""``--voting`` and ``--tile``."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from tests.commands.running import Run, read_metrics


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
