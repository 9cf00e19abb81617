"""``ssdlite demo`` without a window; windows are in tests/video/test_window.py."""

from __future__ import annotations

import array
import fcntl
import json
import os
import re
import signal
import socket
import sys
import termios
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import Run, assert_mistake
from tests.video.conftest import VIDEO_FRAMES, VIDEO_RATE, DemoProcess, HttpCamera, write_video
from tests.waiting import wait_until

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
    assert {frame["input_size"] for frame in frames} == {"300"}
    assert summary["summary"]["frames_by_input_size"] == {"300": VIDEO_FRAMES}
    assert ", input size 300 (" in outcome.out
    assert "Input size: 300." in outcome.out
    assert [frame["timestamp"] for frame in frames] == pytest.approx(
        [n / VIDEO_RATE for n in range(VIDEO_FRAMES)]
    )
    people = [found for frame in frames for found in frame["detections"] if found["name"] == "person"]
    assert len(people) > 0.9 * VIDEO_FRAMES
    assert {found["track"] for found in people[5:]} == {people[-1]["track"]}
    assert set(frames[-1]["counts"][0]) == {"name", "in", "out"}
    assert summary["summary"]["frames"] == VIDEO_FRAMES
    assert summary["summary"]["counts"] == frames[-1]["counts"]
    tracks = {found["track"] for found in people} - {None}
    assert summary["summary"]["classes"]["person"] == {
        "frames": len({frame["frame"] for frame in frames if "person" in str(frame["detections"])}),
        "most_at_once": 1,
        "tracks": len(tracks),
    }
    assert f"Tracked: person {len(tracks)}" in outcome.out
    assert re.search(r"^Counted: line \d+ in, \d+ out\.$", outcome.out, re.MULTILINE)
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
    "recording without a suffix": (["--save", "out"], ".mp4 or .avi"),
    "recording to an address": (["--save", "rtsp://127.0.0.1/x.mp4"], "is an address; name a file"),
    "recording twice": (["--save", "a.mp4", "--save", "b.mp4"], "--save is given 2 times"),
    "recording over its link": (["--source", "text.mp4", "--save", "./text.mp4"], "are the same file"),
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


@pytest.mark.parametrize("shown", ["a page", "a window"])
@pytest.mark.parametrize("source", ["nowhere.mp4", "77", "http://127.0.0.1:9/"])
def test_no_page_is_promised_for_a_source_that_cannot_be_opened(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch, source: str, shown: str
) -> None:
    for display in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(display, raising=False)
    options = ["--web", "--port", 0] if shown == "a page" else []
    outcome = run("demo", "--source", source, "--model", model, *options)
    assert_mistake(outcome)
    assert outcome.out == ""  # neither an address nor "in the browser instead"


def test_what_was_found_without_tracks(run: Run, model: Path) -> None:
    outcome = run("demo", "--source", PHOTO, "--headless", "--model", model, "--jsonl", "-")
    assert "Found: person in 1 frame" in outcome.err
    summary = json.loads(outcome.out.splitlines()[-1])["summary"]
    assert summary["classes"]["person"] == {"frames": 1, "most_at_once": 1, "tracks": None}


def test_a_port_that_is_taken(run: Run, model: Path, taken_port: int, tmp_path: Path) -> None:
    lines = tmp_path / "log.jsonl"
    lines.write_text("of an earlier run")
    options = ["--model", model, "--web", "--port", taken_port, "--jsonl", lines]
    sentence = assert_mistake(run("demo", "--source", PHOTO, *options))
    assert str(taken_port) in sentence
    assert "--port" in sentence
    assert lines.read_text() == "of an earlier run"


def test_a_service_that_starts_again_keeps_what_it_has_written(
    run: Run, model: Path, video: Path, tmp_path: Path
) -> None:
    lines, recording = tmp_path / "log.jsonl", tmp_path / "out.mp4"
    options = ["--headless", "--source", video, "--model", model, "--max-frames", 3]
    for start in range(3):
        outcome = run("demo", *options, "--jsonl", lines, "--save", recording)
        assert (outcome.code, outcome.err) == (0, "")
        assert ("log.jsonl has lines already" in outcome.out) == (start > 0)
        assert (f"this recording goes into {tmp_path / f'out-{start + 1}.mp4'}" in outcome.out) == (start > 0)
        records = [json.loads(line) for line in lines.read_text().splitlines()]
        assert [record.get("frame") for record in records] == [0, 1, 2, None] * (start + 1)
    assert {path.name for path in tmp_path.iterdir()} == {"log.jsonl", "out.mp4", "out-2.mp4", "out-3.mp4"}


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_too_few_frames_have_no_rate(run: Run, model: Path, video: Path, frames: int) -> None:
    options = ["--headless", "--model", model, "--max-frames", frames, "--jsonl", "-"]
    outcome = run("demo", "--source", video, *options)
    summary = json.loads(outcome.out.splitlines()[-1])["summary"]
    assert summary["frames"] == frames
    for rate in (summary["fps"], *map(float, re.findall(r"([\d.]+) a second", outcome.err))):
        assert rate is None or rate < 4 * frames
    assert "in 0.0 s" not in outcome.err


@pytest.mark.slow
def test_what_the_page_says_has_ended_is_complete(model: Path, video: Path, tmp_path: Path) -> None:
    lines, recording = tmp_path / "log.jsonl", tmp_path / "out.mp4"
    options = ["--web", "--port", 0, "--model", model, "--jsonl", lines, "--save", recording]
    with DemoProcess("--source", video, *options) as demo:
        address = re.search(r"http://127\.0\.0\.1:\d+/", demo.line_with("Open "))
        assert address is not None

        def notice() -> str | None:
            with urllib.request.urlopen(f"{address[0]}state.json") as answer:
                said: str | None = json.load(answer)["notice"]
                return said

        wait_until(lambda: "has ended" in (notice() or ""))
        assert duration(recording) == pytest.approx(VIDEO_FRAMES / VIDEO_RATE, rel=0.05)
        assert "summary" in json.loads(lines.read_text().splitlines()[-1])
        before = recording.read_bytes(), lines.read_bytes()
        code, _, err = demo.end(signal.SIGTERM)
    assert (code, err) == (0, "")
    assert (recording.read_bytes(), lines.read_bytes()) == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="sets the size of a pipe")
def test_a_reader_that_takes_nothing_does_not_keep_it_from_ending(
    model: Path, video: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "lines"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)  # full with its first piece
    with HttpCamera() as camera:
        options = ["--headless", "--model", model, "--jsonl", pipe, "--score", ".01"]
        with DemoProcess("--source", camera.url, *options) as demo:
            demo.line_with("Looking at")
            wait_until(lambda: _waiting(reader))
            code, _, err = demo.end(signal.SIGTERM)
    os.close(reader)
    assert (code, err) == (2, f"Error: Nobody reads the lines in {pipe} any more.\n")


def _waiting(pipe: int) -> int:
    """Bytes in a pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


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
