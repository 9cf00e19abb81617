"""A real window on a virtual display, worked with real keys."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.video import window
from detector.video.window import DisplayProbe
from tests.conftest import absent
from tests.video.conftest import DemoProcess, wait_until, write_video


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A virtual display of 1280 x 800."""
    for tool in ("Xvfb", "xdotool"):
        if not shutil.which(tool):
            absent(f"{tool} is not installed")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        # Without -noreset it starts over, and throws newcomers out, when its last client goes.
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as answer:
        name = f":{answer.readline().strip()}"
    yield name
    server.kill()
    server.wait()


def to_window(display: str, *action: str) -> bool:
    """Whether the demo's window is there to be seen; with an action of xdotool's, that is done to it."""
    # Windows come and go while the demo starts, and a search that meets one fails.
    search = ["xdotool", "search", "--onlyvisible", "--name", "ssdlite", *action]
    environment = {**os.environ, "DISPLAY": display}
    return subprocess.run(search, env=environment, capture_output=True, timeout=60).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("way_out", ["q", "Escape", "X"])
def test_keys_and_the_ways_out(
    display: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way_out: str
) -> None:
    video = write_video(tmp_path / "long.mp4", 1000)
    monkeypatch.chdir(tmp_path)  # where snapshots go
    with DemoProcess("--source", video, "--model", model, "--save", "out.mp4", DISPLAY=display) as demo:
        wait_until(lambda: to_window(display))

        def save() -> bool:
            to_window(display, "key", "s")  # until there is a picture to save
            return bool(list(tmp_path.glob("output/snapshots/*.jpg")))

        wait_until(save)
        if way_out == "X":
            # What a window manager does when its X is clicked.
            assert to_window(display, "windowclose")
        else:
            for key in ("space", "plus", way_out):
                assert to_window(display, "key", key)
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
