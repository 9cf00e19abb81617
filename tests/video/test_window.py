"""A real window on a virtual display, worked with real keys."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.video import window
from detector.video.window import DisplayProbe
from tests.conftest import absent
from tests.video.conftest import wait_until, write_video


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A virtual display of 1280 x 800."""
    for tool in ("Xvfb", "xdotool"):
        if not shutil.which(tool):
            absent(f"{tool} is not installed")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as answer:
        name = f":{answer.readline().strip()}"
    yield name
    server.kill()
    server.wait()


class Demo:
    """The demo with a window, in a process of its own."""

    def __init__(self, display: str, folder: Path, *arguments: object) -> None:
        self._environment = {**os.environ, "DISPLAY": display}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "detector.cli", "demo", *map(str, arguments)],
            env=self._environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def xdotool(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout

    def wait_for_window(self) -> None:
        self.xdotool("search", "--sync", "--onlyvisible", "--name", "ssdlite")

    def press(self, key: str) -> None:
        self.xdotool("search", "--name", "ssdlite", "key", key)

    def end(self) -> tuple[int, str, str]:
        out, err = self._process.communicate(timeout=60)
        return self._process.returncode, out, err


@pytest.mark.slow
@pytest.mark.parametrize("way_out", ["q", "Escape", "X"])
def test_keys_and_the_ways_out(display: str, model: Path, tmp_path: Path, way_out: str) -> None:
    video = write_video(tmp_path / "long.mp4", 1000)
    demo = Demo(display, tmp_path, "--source", video, "--model", model, "--save", tmp_path / "out.mp4")
    demo.wait_for_window()

    def save() -> bool:
        demo.press("s")  # until there is a picture to save
        return bool(list(tmp_path.glob("output/snapshots/*.jpg")))

    wait_until(save)
    if way_out == "X":
        # What a window manager does when its X is clicked.
        demo.xdotool("search", "--name", "ssdlite", "windowclose")
    else:
        demo.press("space")
        demo.press("plus")
        demo.press(way_out)
    code, out, err = demo.end()
    assert (code, err) == (0, "")
    assert " frames in " in out
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert not list(tmp_path.glob(".*"))


def test_a_display_that_is_there(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display)
    assert DisplayProbe().problem() is None


def test_displays_that_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    assert DisplayProbe().problem() == "the display cannot be reached"
    monkeypatch.delenv("DISPLAY")
    assert DisplayProbe().problem() == "there is no display"
    monkeypatch.setattr(window, "has_gui", lambda: False)
    assert "build without windows" in str(DisplayProbe().problem())
