"""``ssdlite detect`` looks at videos and addresses, or says why it cannot."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector import Detector, open_source
from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import Run, assert_mistake
from tests.system.file_server import FileServer

VIDEO_HEADS = {
    "clip.mp4": b"\0\0\0\x20ftypisom" + bytes(40),
    "clip.mkv": b"\x1a\x45\xdf\xa3" + bytes(40),
    "clip.avi": b"RIFF\0\0\0\0AVI LIST" + bytes(40),
    "clip.ts": (b"G" + bytes(187)) * 4,
    "clip.jpg": b"\0\0\0\x20ftypmp42" + bytes(40),
}


@pytest.mark.parametrize("name", VIDEO_HEADS)
@pytest.mark.parametrize("in_folder", [False, True])
def test_videos_that_are_none_are_named(run: Run, tmp_path: Path, name: str, in_folder: bool) -> None:
    (tmp_path / "in").mkdir()
    video = tmp_path / "in" / name
    video.write_bytes(VIDEO_HEADS[name])
    outcome = run("detect", tmp_path / "in" if in_folder else video, "--output", tmp_path / "out")
    if in_folder and name != "clip.jpg":  # which a folder's search takes for an image
        assert f"but {video} is a video; `ssdlite detect {video}` looks at it." in assert_mistake(outcome)
    else:
        assert "None of the videos could be read" in assert_mistake(outcome)
        assert f"The video {video} cannot be opened" in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of a cup, 20 frames."""
    path = tmp_path_factory.mktemp("clip") / "a clip.mp4"
    picture = ["-loop", "1", "-i", str(SAMPLE_FOLDER / "coffee.jpg")]
    encode = ["-t", "2", "-r", "10", "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(["ffmpeg", "-v", "error", *picture, *encode], check=True)
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_video_is_annotated_frame_by_frame(run: Run, model: Path, tmp_path: Path, clip: Path) -> None:
    out = tmp_path / "out"
    outcome = run("detect", clip, "--model", model, "--output", out)
    assert outcome.code == 0
    assert "cup in 20 frames" in outcome.out
    assert sorted(path.name for path in out.iterdir()) == [
        "a clip.jsonl",
        "a clip.mp4",
        "detections.json",
        "images.json",
        "videos.json",
    ]
    lines = read_lines(out / "a clip.jsonl")
    assert [(line["frame"], line["timestamp"]) for line in lines] == [
        (n, round(n / 10, 4)) for n in range(20)
    ]
    with closing(open_source(out / "a clip.mp4")) as made, closing(open_source(clip)) as original:
        frame, before = made.read(), original.read()
        assert frame is not None
        assert before is not None
        assert frame.image.shape == before.image.shape
        changed = np.abs(frame.image.astype(int) - before.image).max(axis=2) > 60
        assert 0.002 < changed.mean() < 0.2  # boxes and names
    # Detections of a frame are those of its picture alone.
    detections = Detector.load(model).detect(before.image)
    assert lines[0]["detections"] == detections.to_dicts()
    (listed,) = json.loads((out / "videos.json").read_text())
    assert listed == {
        "video": str(clip),
        "annotated": str(out / "a clip.mp4"),
        "frames": str(out / "a clip.jsonl"),
    }
    again = run("detect", clip, "--model", model, "--output", out)
    assert "a clip-2.mp4" in again.out
    assert "2 files of an earlier run" in again.out
    assert read_lines(out / "a clip-2.jsonl") == lines


def test_a_video_that_is_called_like_a_picture_is_a_video(
    run: Run, model: Path, tmp_path: Path, clip: Path
) -> None:
    shutil.copy(clip, tmp_path / "clip.jpg")
    outcome = run("detect", tmp_path / "clip.jpg", "--model", model, "--output", tmp_path / "out")
    assert "cup in 20 frames" in outcome.out


def test_pictures_and_videos_together(run: Run, model: Path, tmp_path: Path, clip: Path) -> None:
    outcome = run(
        "detect", SAMPLE_FOLDER / "coffee.jpg", clip, "--model", model, "--output", tmp_path / "out"
    )
    assert outcome.code == 0
    names = ["a clip.jsonl", "a clip.mp4", "coffee.jpg.jpg", "detections.json", "images.json", "videos.json"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def test_a_video_in_a_folder_of_pictures_is_named(run: Run, model: Path, tmp_path: Path, clip: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(clip, tmp_path / "in" / "clip.mp4")
    shutil.copy(SAMPLE_FOLDER / "coffee.jpg", tmp_path / "in")
    outcome = run("detect", tmp_path / "in", "--model", model, "--output", tmp_path / "out")
    assert outcome.code == 0
    assert f"Left out: {tmp_path / 'in/clip.mp4'} is a video; `ssdlite detect" in outcome.err


def test_files_whose_names_and_contents_disagree_are_named(
    run: Run, model: Path, tmp_path: Path, clip: Path
) -> None:
    photo, folder = SAMPLE_FOLDER / "coffee.jpg", tmp_path / "in"
    folder.mkdir()
    shutil.copy(photo, folder / "picture.mp4")
    shutil.copy(photo, folder / "no suffix")
    (folder / "empty.mov").touch()
    for name in ("code.ts", "notes.txt", "labels.csv"):
        (folder / name).write_text("BMW P5 GIF RIFF")
    (folder / "song.ogg").write_bytes(b"OggS" + bytes(500))
    outcome = run("detect", folder, "--model", model, "--output", tmp_path / "out")
    assert "holds no image" in (mistake := assert_mistake(outcome))
    assert f"but {folder / 'empty.mov'} is called like a video and is none; it may be" in mistake
    shutil.copy(photo, folder)
    outcome = run("detect", folder, "--model", model, "--output", tmp_path / "out")
    assert outcome.code == 0
    assert len(outcome.err.splitlines()) == 3
    for name in ("picture.mp4", "no suffix"):
        assert f"Left out: {folder / name} is a picture, which its name does not say; `ssdl" in outcome.err
    outcome = run("detect", folder / "picture.mp4", "--model", model, "--output", tmp_path / "one")
    assert "1 picture with" in outcome.out


def test_addresses(run: Run, model: Path, tmp_path: Path, clip: Path) -> None:
    with FileServer() as server:
        server.files = {
            "/a%20cup.jpg": (SAMPLE_FOLDER / "coffee.jpg").read_bytes(),
            "/no": b"<html></html>",
            "/clip.mp4": clip.read_bytes(),
        }
        url, out = server.url, tmp_path / "out"
        outcome = run(
            *("detect", f"{url}/a%20cup.jpg", f"{url}/clip.mp4", f"{url}/no"),
            *("--model", model, "--output", out),
        )
        assert "1 of 3 images and videos were left out" in assert_mistake(outcome)
        assert f"{url}/no is not an image" in outcome.err
        (entry,) = json.loads((out / "images.json").read_text())
        assert (entry["file_name"], entry["image"]) == ("a cup.jpg", f"{url}/a%20cup.jpg")
        assert "cup" in {each["category_name"] for each in json.loads((out / "detections.json").read_text())}
        assert len(read_lines(out / "clip.jsonl")) == 20
        assert "answers 404" in assert_mistake(run("detect", f"{url}/absent.jpg", "--output", out))
        for path in ("/b/a%20cup.jpg", "/a%20cup.jpg?password=secret"):
            server.files[path] = server.files["/a%20cup.jpg"]
        run("detect", f"{url}/a%20cup.jpg?password=secret", f"{url}/b/a%20cup.jpg", "--output", out)
        entries = json.loads((out / "images.json").read_text())
        assert [entry["file_name"] for entry in entries] == ["a cup.jpg", "a cup~2.jpg"]
        assert entries[0]["image"] == f"{url}/a%20cup.jpg?..."
        assert "secret" not in "".join(path.read_text() for path in out.glob("*.json"))
        some = run("detect", SAMPLE_FOLDER / "coffee.jpg", f"{url}/absent.jpg", "--output", out)
        assert "1 of 2 images were left out" in assert_mistake(some)
        assert "answers 404" in some.err
    secret = run("detect", "https://user:secret@h/a.jpg", "--output", out)
    assert "password" in assert_mistake(secret)
    assert "secret" not in secret.err


def test_a_video_among_images_is_left_out_with_a_word(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(VIDEO_HEADS["clip.mp4"])
    outcome = run(
        "detect", tmp_path / "clip.mp4", SAMPLE_FOLDER / "coffee.jpg", "--model", model,
        "--output", tmp_path / "out",
    )  # fmt: skip
    assert "1 of 2 images and videos were left out" in assert_mistake(outcome)
    assert f"The video {tmp_path / 'clip.mp4'} cannot be opened" in outcome.err
