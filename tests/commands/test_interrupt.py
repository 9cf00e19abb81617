"""Ctrl-C leaves nothing half-written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import cv2
import pytest

from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import (
    Outcome,
)


def _start(*arguments: object) -> subprocess.Popen[str]:
    # A process that was started in the background of a script ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-m", "detector.commands.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _interrupt(process: subprocess.Popen[str]) -> Outcome:
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    return Outcome(process.returncode, out, err)


posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")


@posix
@pytest.mark.slow
def test_ctrl_c_in_eval(dataset: Callable[..., Path], model: Path, tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        photos = content["images"]
        content["images"] = [{**photos[k % 4], "id": k + 1} for k in range(4000)]

    output = tmp_path / "out"
    output.mkdir()
    process = _start("eval", dataset(change), "--model", model, "--output", output)
    assert process.stdout is not None
    assert any("4,000 images" in line for line in process.stdout)  # after what is said of the dataset
    time.sleep(0.5)  # the line comes just before the first image
    outcome = _interrupt(process)
    assert outcome.code == 130, outcome
    assert "Traceback" not in outcome.err
    assert outcome.err.strip().endswith("Stopped.")
    assert "COCO metrics" not in outcome.out
    assert list(output.iterdir()) == []


@posix
@pytest.mark.slow
def test_ctrl_c_in_detect(model: Path, tmp_path: Path) -> None:
    photos, output = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(2000):
        (photos / f"{number:04}.jpg").symlink_to(SAMPLE_FOLDER / "chelsea.jpg")
    process = _start("detect", photos, "--model", model, "--output", output)
    assert process.stdout is not None
    assert "0000.jpg" in process.stdout.readline()
    outcome = _interrupt(process)
    assert outcome.code == 130, outcome
    assert "Traceback" not in outcome.err
    written = set(output.glob("*.jpg"))
    assert 0 < len(written) < 2000
    assert all(cv2.imread(str(path)) is not None for path in written)
    assert {path.name for path in set(output.iterdir()) - written} == {"detections.json", "images.json"}
    # The lists say what is there, but for a picture that was written at that moment.
    listed = {Path(entry["picture"]) for entry in json.loads((output / "images.json").read_text())}
    assert listed <= written
    assert len(written - listed) <= 1


@posix
@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_ctrl_c_while_it_still_imports(tmp_path: Path, handler: Any) -> None:
    """The import of click is where it waits; a parent that ignores Ctrl-C has it ignored here, too."""
    (tmp_path / "click.py").write_text(
        "import os, signal, sys\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "print('goes on', flush=True)\n"
        "sys.exit(7)\n"
    )
    code = "import sys; sys.path.insert(0, sys.argv[1]); from detector.commands.entry import main; main()"
    before = signal.signal(signal.SIGINT, handler)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert "Traceback" not in done.stderr
    if handler is signal.SIG_IGN:
        assert (done.returncode, done.stdout) == (7, "goes on\n")
    else:
        assert (done.returncode, done.stdout) == (-signal.SIGINT, "")


def test_the_program_begins_with_it() -> None:
    assert {script.value for script in entry_points(name="ssdlite", group="console_scripts")} == {
        "detector.commands.entry:main"
    }
