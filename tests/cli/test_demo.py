"""``ssdlite demo`` without a window; windows are in tests/video/test_window.py."""

from __future__ import annotations

import json
import re
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from detector.data.sample import SAMPLE_FOLDER
from tests.cli.running import Run, assert_mistake
from tests.video.conftest import VIDEO_FRAMES, VIDEO_RATE, DemoProcess, HttpCamera, wait_until, write_video

PHOTO = SAMPLE_FOLDER / "astronaut.jpg"


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "person.mp4", VIDEO_FRAMES)


def duration(path: Path) -> float:
    capture = cv2.VideoCapture(str(path))
    frames = 0
    while capture.grab():
        frames += 1
    return float(frames / capture.get(cv2.CAP_PROP_FPS))


def test_a_video_becomes_lines_and_a_recording(run: Run, model: Path, video: Path, tmp_path: Path) -> None:
    lines, recording = tmp_path / "new" / "log.jsonl", tmp_path / "other" / "out.mp4"
    options = ["--headless", "--model", model, "--jsonl", lines, "--save", recording]
    outcome = run("demo", "--source", video, *options, "--track", "--count-line", "0,.5,1,.5")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"{VIDEO_FRAMES} frames in" in outcome.out
    assert "Frame age" not in outcome.out  # of a file
    *frames, summary = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [frame["frame"] for frame in frames] == list(range(VIDEO_FRAMES))
    assert [frame["timestamp"] for frame in frames] == pytest.approx(
        [n / VIDEO_RATE for n in range(VIDEO_FRAMES)]
    )
    people = [found for frame in frames for found in frame["detections"] if found["name"] == "person"]
    assert len(people) > 0.9 * VIDEO_FRAMES
    assert {found["track"] for found in people[5:]} == {people[-1]["track"]}
    assert set(frames[-1]["counts"][0]) == {"name", "in", "out"}
    assert summary["summary"]["frames"] == VIDEO_FRAMES
    assert duration(recording) == pytest.approx(VIDEO_FRAMES / VIDEO_RATE, rel=0.02)


def test_standard_output_may_be_the_lines_and_nothing_else(run: Run, model: Path, video: Path) -> None:
    options = ["--headless", "--model", model, "--jsonl", "-", "--max-frames", 5, "--classes", "person"]
    outcome = run("demo", "--source", video, *options, "--score", ".2")
    assert outcome.code == 0
    *frames, summary = [json.loads(line) for line in outcome.out.splitlines()]
    assert len(frames) == summary["summary"]["frames"] == 5
    found = [found for frame in frames for found in frame["detections"]]
    assert {one["name"] for one in found} == {"person"}
    assert min(one["score"] for one in found) >= 0.2
    assert "5 frames in" in outcome.err


def test_a_still(run: Run, model: Path) -> None:
    outcome = run("demo", "--source", PHOTO, "--headless", "--model", model)
    assert (outcome.code, outcome.err) == (0, "")
    assert "1 frame." in outcome.out


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


MISTAKES = {
    "no camera": (["--source", "77"], "cameras found here: none"),
    "no file": (["--source", "nowhere.mp4"], "Cannot read the source nowhere.mp4"),
    "no video": (["--source", "text.mp4"], "it is no video"),
    "no stream": (["--source", "http://127.0.0.1:9/"], "(Connection refused); check the address"),
    "no images": (["--source", "."], "holds no image"),
    "no recording": (["--save", "out.gif"], ".mp4 or .avi"),
    "recording into a file": (["--save", "text.mp4/out.mp4"], "Cannot write"),
    "recording over the source": (["--source", "text.mp4", "--save", "text.mp4"], "are the same file"),
    "lines over the recording": (["--save", "a.mp4", "--jsonl", "./a.mp4"], "are the same file"),
    "lines into a folder": (["--jsonl", "."], "Cannot write"),
    "words for a line": (["--count-line", "a,b,c,d"], "A line is given as numbers"),
    "half a line": (["--count-line", "1,2,3"], "A line is x1,y1,x2,y2, got 1,2,3"),
    "two corners": (["--zone", "1,2,3,4"], "three corners at least"),
    "unknown class": (["--classes", "unicorn"], "no class 'unicorn'"),
    "unknown model": (["--model", "nowhere.tflite"], "no model file nowhere.tflite"),
    "a page and none": (["--web", "--headless"], "--web needs a page"),
    "browser without a page": (["--source", "browser", "--headless"], "browser needs a page"),
    "score of one": (["--score", "1"], "--score"),
    "no frames": (["--max-frames", "0"], "--max-frames"),
    "address of another machine": (["--web", "--host", "192.0.2.1"], "192.0.2.1"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    arguments, expected = MISTAKES[mistake]
    defaults: list[object] = [] if "--source" in arguments else ["--source", PHOTO]
    defaults += [] if "--model" in arguments else ["--model", model]
    defaults += [] if "--web" in arguments or "browser" in arguments else ["--headless"]
    assert expected in assert_mistake(run("demo", *defaults, *arguments))
    assert [path.name for path in tmp_path.iterdir()] == ["text.mp4"]


def test_a_port_that_is_taken(run: Run, model: Path, taken_port: int, tmp_path: Path) -> None:
    lines = tmp_path / "log.jsonl"
    lines.write_text("of an earlier run")
    options = ["--model", model, "--web", "--port", taken_port, "--jsonl", lines]
    sentence = assert_mistake(run("demo", "--source", PHOTO, *options))
    assert str(taken_port) in sentence
    assert "--port" in sentence
    assert lines.read_text() == "of an earlier run"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_complete_the_files(number: signal.Signals, model: Path, tmp_path: Path) -> None:
    lines, recording = tmp_path / "log.jsonl", tmp_path / "out.mp4"
    options = ["--headless", "--model", model, "--jsonl", lines, "--save", recording]
    with HttpCamera() as camera, DemoProcess("--source", camera.url, *options) as demo:
        wait_until(lambda: lines.exists() and lines.read_text().count("\n") > 45)
        code, out, err = demo.end(number)
    assert (code, err) == (0, "")
    assert "Frame age from capture to display" in out
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert records[-1]["summary"]["age_p95_ms"] > 0
    assert all(record["age_ms"] > 0 for record in records[:-1])
    first, last = (records[index]["timestamp"] for index in (0, -2))
    assert duration(recording) >= 0.85 * (last - first)  # the first moments see how fast encoding is
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl", "out.mp4"]


@pytest.mark.slow
def test_without_a_display_the_picture_is_in_the_browser(model: Path) -> None:
    options = ["--source", PHOTO, "--model", model, "--port", 0]
    with DemoProcess(*options, DISPLAY="", WAYLAND_DISPLAY="") as demo:
        assert "there is no display" in demo.line_with("No window")
        address = re.search(r"http://127\.0\.0\.1:\d+/", demo.line_with("Open "))
        assert address is not None
        with urllib.request.urlopen(address[0]) as answer:
            assert b"<html" in answer.read()

        def state() -> dict[str, object] | None:
            with urllib.request.urlopen(f"{address[0]}state.json") as answer:
                live: dict[str, object] | None = json.load(answer)["live"]
                return live

        wait_until(state)
        assert state()["width"] == 512
        code, out, err = demo.end(signal.SIGINT)
    assert (code, err) == (0, "")
    assert "1 frame." in out
