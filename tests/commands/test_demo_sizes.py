"""The input size of ``ssdlite demo``, and what is refused."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import Run, assert_mistake
from tests.video.conftest import VIDEO_FRAMES, DemoProcess, HttpCamera, write_video
from tests.video.web.pages import receive, run_apart
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "person.mp4", VIDEO_FRAMES)


SIZES = {
    "one": (["--input-size", 256], "input size 256 (", "256"),
    "not square": (["--input-size", "192x256"], "input size 192x256 (", "192x256"),
    "several": (["--input-size", "300,256", "--voting"], "input sizes 256,300, voting (", "256,300"),
    "accurate": (["--accurate"], "input sizes 300,512, voting (", "300,512"),
    "fast": (["--fast"], "input size 300 (", "300"),
}


@pytest.mark.parametrize("sizes", SIZES)
def test_every_output_says_the_input_sizes(
    run: Run, released_weights: Path, video: Path, tmp_path: Path, sizes: str
) -> None:
    options, said, size = SIZES[sizes]
    lines = tmp_path / "log.jsonl"
    outcome = run(
        "demo",
        *("--source", video, "--headless", "--model", released_weights, "--max-frames", 6),
        *("--jsonl", lines, *options),
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert said in outcome.out
    assert f"Input size: {size}." in outcome.out
    *frames, summary = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [frame["input_size"] for frame in frames] == [size] * 6
    assert summary["summary"]["frames_by_input_size"] == {size: 6}


@pytest.mark.parametrize("fps", [None, 1, 240])
def test_auto_says_what_it_took_and_why(
    run: Run, released_weights: Path, video: Path, fps: int | None
) -> None:
    options = ["--model", released_weights, "--input-size", "auto", "--jsonl", "-", "--max-frames", 5]
    options += [] if fps is None else ["--fps", fps]
    outcome = run("demo", "--source", video, "--headless", *options)
    assert outcome.code == 0
    rate = f"{fps or 15} frames a second: \\d+ ms a frame of {round(1000 / (fps or 15))};"
    said = re.search(rf"Input size ([\d,]+)(?: for|, and no size is quick enough for) {rate}", outcome.err)
    assert said is not None, outcome.err
    assert "every frame of a file is looked at, so it stays that." in outcome.err
    *frames, _ = [json.loads(line) for line in outcome.out.splitlines()]
    assert [frame["input_size"] for frame in frames] == [said[1]] * 5


@pytest.mark.slow
def test_auto_of_a_camera(released_weights: Path, tmp_path: Path) -> None:
    lines = tmp_path / "log.jsonl"
    options = ["--web", "--port", 0, "--model", released_weights, "--jsonl", lines]
    with (
        HttpCamera() as camera,
        DemoProcess("--source", camera.url, "--input-size", "auto", "--fps", 2, *options) as demo,
    ):
        size = re.search(r"input sizes? ([\d,]+) ", demo.line_with("Looking at"))
        assert size is not None
        assert demo.line_with("Input size").startswith(f"Input size {size[1]} for 2 frames a second: ")
        address = re.search(r"http://127\.0\.0\.1:\d+/", demo.line_with("Open "))
        assert address is not None

        def state() -> dict[str, Any]:
            with urllib.request.urlopen(f"{address[0]}state.json") as answer:
                told: dict[str, Any] = json.load(answer)
                return told

        wait_until(lambda: state()["live"])
        assert state()["settings"]["input_size"] == "auto"
        code, out, err = demo.end(signal.SIGTERM)
    assert (code, err) == (0, "")
    assert f"Input size: {size[1]}" in out
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert records[0]["input_size"] == size[1]
    assert all(record["age_ms"] > 0 for record in records[:-1])


@pytest.mark.slow
@pytest.mark.parametrize("camera", [True, False])
def test_a_page_changes_the_size_while_it_runs(released_weights: Path, tmp_path: Path, camera: bool) -> None:
    lines = tmp_path / "log.jsonl"
    options = ["--web", "--port", 0, "--model", released_weights, "--jsonl", lines]
    with ExitStack() as stack:
        source: object = write_video(tmp_path / "long.mp4", 2000)
        if camera:
            source = stack.enter_context(HttpCamera()).url
        demo = stack.enter_context(DemoProcess("--source", source, *options))
        address = re.search(r"http://127\.0\.0\.1:\d+/", demo.line_with("Open "))
        assert address is not None

        async def use() -> None:
            async with aiohttp.ClientSession() as session:
                origin = {"Origin": address[0].rstrip("/")}
                page = await session.ws_connect(f"{address[0]}socket", headers=origin)
                hello = await receive(page, "hello", bool)
                assert ("auto" in hello["input_sizes"]) == camera
                for size in ("256", "300,512", "300"):
                    await page.send_json({"input_size": size})
                    await receive(
                        page,
                        "state",
                        lambda state, size=size: state["live"] and state["live"]["input_size"] == size,
                    )
                await page.send_json({"input_size": "4096"})
                assert "The input size is one of 224; 256; 300;" in await receive(page, "error", bool)
                await page.close()

        run_apart(use)
        code, out, err = demo.end(signal.SIGTERM)
    assert (code, err) == (0, "")
    assert re.search(r"^Input size: 300 for .* frames?, 256 for .* frames?, 300,512 for ", out, re.MULTILINE)
    frames = [json.loads(line) for line in lines.read_text().splitlines()][:-1]
    assert list(dict.fromkeys(frame["input_size"] for frame in frames)) == ["300", "256", "300,512"]
    if not camera:
        assert [frame["frame"] for frame in frames] == list(range(len(frames)))


MISTAKES = {
    "size of nothing": (["--input-size", "0"], "32 to 4,096 pixels a side"),
    "size too small": (["--input-size", "31"], "32 to 4,096 pixels a side"),
    "size too large": (["--input-size", "5000"], "32 to 4,096 pixels a side"),
    "half a size": (["--input-size", "300x"], "Expected an input size"),
    "no size": (["--input-size", "big"], "Expected an input size"),
    "a size twice": (["--input-size", "300,300"], "300 twice"),
    "auto and more": (["--input-size", "300,auto"], "Expected an input size"),
    "accurate and a size": (["--accurate", "--input-size", "512"], "leave out --input-size"),
    "accurate and auto": (["--accurate", "--input-size", "auto"], "leave out --input-size"),
    "a rate for nothing": (["--fps", "15"], "--fps is the frame rate that --input-size auto keeps"),
    "a rate for a size": (["--fps", "15", "--input-size", "300"], "--input-size auto keeps; give both"),
    "no rate": (["--input-size", "auto", "--fps", "0"], "--fps"),
    "a rate in words": (["--input-size", "auto", "--fps", "fast"], "--fps"),
    "another size of a file": (["--input-size", "512"], "was written for the input size 300"),
    "accurate with a file": (["--accurate"], "was written for the input size 300"),
    "auto of a file": (["--input-size", "auto"], "has one input size, 300, so there is no auto"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, expected = MISTAKES[mistake]
    written = ["--save", "out.mp4", "--jsonl", "log.jsonl"]
    options = ["--source", SAMPLE_FOLDER / "astronaut.jpg", "--headless", "--model", model]
    assert expected in assert_mistake(run("demo", *options, *written, *arguments))
    assert list(tmp_path.iterdir()) == []
