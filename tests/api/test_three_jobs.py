"""Evaluate, train and export from Python, as the script in the documentation does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.small_run import write_shapes

SCRIPT = Path(__file__).parents[2] / "docs" / "three_jobs.py"


@pytest.mark.slow
def test_the_script_does_all_three(tmp_path: Path, released_weights: Path) -> None:
    pytest.importorskip("official")
    code = [line for line in SCRIPT.read_text("utf-8").splitlines() if line and '"""' not in line]
    assert len(code) <= 15
    photos = write_shapes(tmp_path / "photos")
    done = subprocess.run(
        [sys.executable, SCRIPT, photos, tmp_path], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        "released weights on the sample: <Evaluation of ssdlite_mobilenet_v2_coco on 4"
    )
    assert any(line.startswith("step 10: AP ") for line in lines)
    assert any(line.startswith("after ten steps: <Evaluation of run on 2 images: AP ") for line in lines)
    assert any(line.startswith("exported: <Export mine.tflite: ") for line in lines)
    assert (tmp_path / "run" / "model.npz").exists()
    assert (tmp_path / "mine.tflite").exists()
