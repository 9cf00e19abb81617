"""``ssdlite demo --collect``: a folder to train on, whatever ends the program."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import urllib.request
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import pytest

from detector.data.folder import load_labelled_folder
from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from tests.commands.running import Run, assert_mistake
from tests.video.conftest import DemoProcess, HttpCamera
from tests.waiting import wait_until

SCORE = ("--score", ".5")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs that come nearer and fade, so that scores fall through the threshold: 8 seconds."""
    path = tmp_path_factory.mktemp("video") / "fading.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (320, 240))
    for name in ("astronaut.jpg", "chelsea.jpg", "coffee.jpg", "camera.jpg"):
        photo = cv2.resize(load_image(SAMPLE_FOLDER / name), (320, 240))
        for step in range(10):
            grey = np.full_like(photo, 60 + 10 * step)
            writer.write(cv2.addWeighted(photo, 1 - step / 10, grey, step / 10, 0))
    writer.release()
    return path


def test_a_video_becomes_a_folder_to_train_on(run: Run, model: Path, video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    options = ("--source", video, "--headless", "--model", model, *SCORE, "--collect", folder)
    outcome = run("demo", *options)
    assert (outcome.code, outcome.err) == (0, "")
    assert "whoever is in view" in outcome.out
    pictures = list(folder.glob("*.jpg"))
    collected = re.search(r"^Collected: (\d+) pictures? \((.*)\); ", outcome.out, re.MULTILINE)
    assert collected is not None
    assert int(collected[1]) == len(pictures) >= 3
    for reason in ("unsure", "flickering"):
        there = len(list(folder.glob(f"{reason}-*.jpg")))
        assert (f"{there} {reason}" in collected[2]) == (there > 0)
    assert pictures_in(folder) == set(pictures)
    again = run("demo", *options)
    assert f"{len(pictures)} pictures are there already" in again.out
    assert "Collected: 0 pictures" in again.out
    assert len(list(folder.glob("*.jpg"))) == len(pictures)


def test_a_camera_is_collected_from_and_its_page_calls_frames_wrong(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    options = ("--model", model, "--collect", folder, "--web", "--port", 0)
    with HttpCamera() as camera, DemoProcess("--source", camera.url, *options) as demo:
        line = demo.line_with("Ctrl-C ends it")
        url = re.search(r"http://\S+/", line)[0]  # type: ignore[index]

        def state() -> dict[str, object]:
            with urllib.request.urlopen(f"{url}state.json", timeout=20) as answer:
                content: dict[str, object] = json.load(answer)
                return content

        wait_until(lambda: state()["live"] and state()["collecting"])
        press_wrong(url)
        wait_until(lambda: "kept as wrong" in str(state()["marked"]))
        press_wrong(url)
        wait_until(lambda: "kept already" in str(state()["marked"]))
        code, out, _ = demo.end(signal.SIGINT)
    assert code == 0
    assert "1 called wrong" in out
    assert len(list(folder.glob("wrong-*.jpg"))) == len(list(folder.glob("*.jpg"))) == 1  # a photograph


def pictures_in(folder: Path) -> set[Path]:
    """Those that a training reads; a single one is trained on and validated with."""
    read = load_labelled_folder(folder)
    return {image.path for part in (read.train, read.val) for image in part.images}


def page_of(url: str) -> dict[str, str]:
    """What a browser says of the page that opens a socket."""
    return {"Origin": url.rstrip("/")}


def press_wrong(url: str) -> None:
    async def press() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}socket", headers=page_of(url)) as page,
        ):
            await page.send_json({"wrong": True})
            await page.receive()

    asyncio.run(press())


@pytest.mark.parametrize("pictures", [1, 2])
def test_a_folder_can_be_read_after_kill_9(model: Path, video: Path, tmp_path: Path, pictures: int) -> None:
    folder = tmp_path / "kept"
    options = ("--source", video, "--headless", "--model", model, *SCORE, "--collect", folder)
    with DemoProcess(*options) as demo:
        wait_until(lambda: len(list(folder.glob("[!.]*.jpg"))) >= pictures)
        demo.end(signal.SIGKILL)
    there = sorted(folder.glob("[!.]*.jpg"))
    assert pictures_in(folder) == set(there)


def test_what_cannot_be_collected(run: Run, tmp_path: Path) -> None:
    photo = SAMPLE_FOLDER / "coffee.jpg"
    full = tmp_path / "photos"
    full.mkdir()
    (full / "mine.jpg").write_bytes(photo.read_bytes())
    options = ("demo", "--source", photo, "--headless")
    assert "name a new folder" in assert_mistake(run(*options, "--collect", full))
    assert "--collect" in assert_mistake(run(*options, "--collect-most", "5"))
    assert "--source and --collect" in assert_mistake(
        run("demo", "--source", full, "--headless", "--collect", full)
    )
    assert [each.name for each in full.iterdir()] == ["mine.jpg"]
