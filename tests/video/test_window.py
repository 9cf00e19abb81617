"""A real window on a virtual display, worked with real keys."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.video import window
from detector.video.window import DisplayProbe
from tests.conftest import absent
from tests.video.conftest import DemoProcess, write_video
from tests.waiting import wait_until

FRAMES = 1000


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


def in_window(display: str, *action: str) -> list[str] | None:
    """What xdotool prints of the demo's visible window, its id without an action; None if there is none."""
    search = ["xdotool", "search", "--onlyvisible", "--name", "ssdlite", *action]
    environment = {**os.environ, "DISPLAY": display}
    done = subprocess.run(search, env=environment, capture_output=True, text=True, timeout=60)
    # Windows come and go while the demo starts, and a search that meets one fails.
    return None if done.returncode else done.stdout.split()


def click_on_x(display: str) -> None:
    """What a window manager does when a window's X is clicked: it sends WM_DELETE_WINDOW to it."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    protocols, delete = (
        x11.XInternAtom(connection, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
    )
    for each in map(int, in_window(display) or ()):
        # XClientMessageEvent: type, serial, send_event, display, window, message_type, format, data.
        message = struct.pack("@iLiPLLi5l", 33, 0, 1, connection.value, each, protocols, 32, delete, *[0] * 4)
        event = ctypes.create_string_buffer(message, 192)  # as long as XEvent, the union of all events
        x11.XSendEvent(connection, ctypes.c_ulong(each), 0, ctypes.c_long(0), event)
    x11.XCloseDisplay(connection)


@pytest.mark.slow
@pytest.mark.parametrize("way_out", ["q", "Escape", "X"])
def test_keys_and_the_ways_out(
    display: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way_out: str
) -> None:
    video = write_video(tmp_path / "long.mp4", FRAMES)
    monkeypatch.chdir(tmp_path)  # where snapshots go
    with DemoProcess("--source", video, "--model", model, "--save", "out.mp4", DISPLAY=display) as demo:
        wait_until(lambda: in_window(display))

        def save() -> bool:
            in_window(display, "key", "s")  # until there is a picture to save
            return bool(list(tmp_path.glob("output/snapshots/*.jpg")))

        wait_until(save)
        if way_out == "X":
            click_on_x(display)
        else:
            for key in ("space", "plus", way_out):
                assert in_window(display, "key", key) is not None
        code, out, err = demo.end()
    assert (code, err) == (0, "")
    frames = re.search(r"([\d,]+) frames in ", out)
    assert frames is not None
    assert int(frames[1].replace(",", "")) < FRAMES  # it did not end by itself
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_keys_change_the_input_size(
    display: str, released_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "long.mp4", 4 * FRAMES)  # minutes: networks are loaded while it plays
    lines = tmp_path / "log.jsonl"
    options = ["--model", released_weights, "--jsonl", lines]

    def newest() -> str:
        found = re.findall(r'"input_size": "([^"]*)"', lines.read_text()) if lines.exists() else []
        return found[-1] if found else ""

    with DemoProcess("--source", video, *options, DISPLAY=display) as demo:
        wait_until(lambda: in_window(display) and newest() == "300")
        # One key after the other, each seen to act; "period" is the key of >.
        for key, size in (("period", "384"), ("less", "300"), ("comma", "256"), ("greater", "300")):
            assert in_window(display, "key", key) is not None
            wait_until(lambda size=size: newest() == size)  # type: ignore[misc]
        in_window(display, "key", "q")
        code, out, err = demo.end()
    assert (code, err) == (0, "")
    assert re.search(r"^Input size: 300 for \d+ frames?, 384 for ", out, re.MULTILINE)


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


@pytest.mark.slow
def test_a_key_keeps_the_frame_that_is_wrong(display: str, model: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "long.mp4", FRAMES)
    kept = tmp_path / "kept"
    with DemoProcess("--source", video, "--model", model, "--collect", kept, DISPLAY=display) as demo:
        wait_until(lambda: in_window(display))

        def mark() -> bool:
            in_window(display, "key", "w")  # until there is a picture to keep
            return bool(list(kept.glob("wrong-*.jpg")))

        wait_until(mark)
        in_window(display, "key", "q")
        code, out, err = demo.end()
    assert (code, err) == (0, "")
    assert " called wrong" in out
