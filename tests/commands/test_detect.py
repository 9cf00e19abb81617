"""``ssdlite detect``."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from detector.system.processes import module_command
from tests.commands.running import (
    PHOTOS,
    Run,
    assert_mistake,
)


def _is_a_drawing_on(picture: Path, photo: Path) -> bool:
    original, drawn = load_image(photo), load_image(picture)
    difference = np.abs(drawn.astype(int) - original).max(axis=2)
    # Lines, not JPEG's noise, and not all over the picture.
    return original.shape == drawn.shape and 0.001 < (difference > 90).mean() < 0.5


def test_detect_on_a_file(run: Run, model: Path, tmp_path: Path) -> None:
    photo = SAMPLE_FOLDER / "astronaut.jpg"
    outcome = run("detect", photo, "--model", model, "--output", tmp_path / "new" / "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"{photo}: 1 person" in outcome.out
    records = json.loads((tmp_path / "new" / "out" / "images.json").read_text())
    assert [(record["image"], record["file_name"]) for record in records] == [(str(photo), photo.name)]
    assert (records[0]["width"], records[0]["height"]) == (512, 512)
    results = json.loads((tmp_path / "new" / "out" / "detections.json").read_text())
    person = next(found for found in results if found["category_name"] == "person")
    assert person["score"] >= 0.4
    assert (person["category_id"], person["file_name"]) == (1, photo.name)
    assert person["bbox"] == pytest.approx([22, 15, 341, 497], abs=40)  # the sample's own annotation
    picture = Path(records[0]["picture"])
    assert picture.parent == tmp_path / "new" / "out"
    assert _is_a_drawing_on(picture, photo)


def test_detect_on_folder_and_pattern(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for name in PHOTOS:
        shutil.copy(SAMPLE_FOLDER / name, tmp_path / "photos")
    # The same name twice, and names that differ in the suffix alone, must not overwrite each other.
    shutil.copy(SAMPLE_FOLDER / "camera.jpg", tmp_path / "photos" / "deep")
    shutil.copy(SAMPLE_FOLDER / "camera.jpg", tmp_path / "photos" / "camera.png")
    for sources, count in (([tmp_path / "photos"], 6), ([tmp_path / "photos" / "c*.jpg"], 3)):
        out = tmp_path / f"out{count}"
        outcome = run("detect", *sources, "--model", model, "--output", out)
        assert (outcome.code, outcome.err) == (0, "")
        records = json.loads((out / "images.json").read_text())
        pictures = {Path(record["picture"]) for record in records}
        assert len(records) == len(pictures) == count
        assert {path for path in out.rglob("*") if path.is_file()} == {
            *pictures, out / "detections.json", out / "images.json",
        }  # fmt: skip
        for record in records:
            assert load_image(record["picture"]).shape[:2] == (record["height"], record["width"])


def test_detect_respects_classes_and_threshold(run: Run, model: Path, tmp_path: Path) -> None:
    options = ["--model", model, "--output", tmp_path, "--classes", "cup", "--score-threshold", 0.1]
    assert run("detect", SAMPLE_FOLDER / "coffee.jpg", *options).code == 0
    results = json.loads((tmp_path / "detections.json").read_text())
    assert {(found["category_name"], found["category_id"]) for found in results} == {("cup", 47)}
    assert min(found["score"] for found in results) >= 0.1


def test_what_is_detected_is_evaluated(run: Run, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--model", model, "--score-threshold", 0.01]
    assert run("detect", SAMPLE_FOLDER, *options, "--output", out).code == 0
    outcome = run("eval", SAMPLE_FOLDER, "--detections", out / "detections.json")
    assert outcome.code == 0, outcome.err
    direct = run("eval", SAMPLE_FOLDER, "--model", model)
    (ap, same) = (float(re.search(r"AP +([\d.]+)", text)[1]) for text in (outcome.out, direct.out))
    assert ap == pytest.approx(same, abs=0.5)  # of 0.01 and less there are some more


def test_detect_names_what_it_cannot_read(run: Run, model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in PHOTOS[:2]:
        shutil.copy(SAMPLE_FOLDER / name, photos)
    (photos / "bad.jpg").write_text("no image")
    (photos / "cut.jpg").write_bytes((SAMPLE_FOLDER / "coffee.jpg").read_bytes()[:5000])
    outcome = run("detect", photos, "--model", model, "--output", tmp_path / "out")
    assert "2 of 4 images" in assert_mistake(outcome)
    left_out = [line for line in outcome.err.splitlines() if line.startswith("Left out: ")]
    assert len(left_out) == 2
    assert "bad.jpg" in left_out[0]
    assert "cut.jpg" in left_out[1]
    records = json.loads((tmp_path / "out" / "images.json").read_text())
    assert [Path(record["image"]).name for record in records] == list(PHOTOS[:2])
    assert all(Path(record["picture"]).exists() for record in records)


# JPEG ends at 65,500 pixels. Whether the picture is left out or written otherwise, it is not lost silently.
def test_detect_on_an_image_too_wide_for_jpeg(run: Run, model: Path, tmp_path: Path) -> None:
    PillowImage.new("RGB", (70_000, 2)).save(tmp_path / "wide.png")
    outcome = run("detect", tmp_path / "wide.png", "--model", model, "--output", tmp_path / "out")
    if outcome.code == 0:
        (record,) = json.loads((tmp_path / "out" / "images.json").read_text())
        assert load_image(record["picture"]).size
    else:
        assert outcome.code == 2
        assert "wide.png" in outcome.err


def test_detect_stays_in_its_output_and_does_not_eat_it(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    for folder in ("here", "there"):
        (tmp_path / folder / "a.jpg").write_bytes((SAMPLE_FOLDER / "chelsea.jpg").read_bytes())
    monkeypatch.chdir(tmp_path / "here")
    assert run("detect", "a.jpg", "../there/a.jpg", "--model", model, "--output", "out").code == 0
    pictures = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.jpg"))
    assert pictures == ["here/a.jpg", "here/out/here/a.jpg.jpg", "here/out/there/a.jpg.jpg", "there/a.jpg"]
    assert "1 picture " in run("detect", ".", "--model", model, "--output", "out").out


LIVE = ["0", "12", "rtsp://user:secret@camera/x", "/dev/video9", "browser"]


@pytest.mark.parametrize("source", LIVE)
def test_cameras_and_streams_are_sent_to_the_demo(run: Run, tmp_path: Path, source: str) -> None:
    outcome = run("detect", source, "--output", tmp_path / "out")
    assert "`ssdlite demo --source " in assert_mistake(outcome)
    assert "secret" not in outcome.err
    assert not (tmp_path / "out").exists()


def test_images_that_look_like_something_else_are_images(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes((SAMPLE_FOLDER / "coffee.jpg").read_bytes())
    (tmp_path / "photo.mp4").write_bytes((SAMPLE_FOLDER / "coffee.jpg").read_bytes())
    outcome = run(
        "detect", tmp_path / "0", tmp_path / "photo.mp4", "--model", model, "--output", tmp_path / "out"
    )
    assert (outcome.code, outcome.err) == (0, "")


NAMES = [
    b"\xff\xfe.jpg", b"x" * 251 + b".jpg", "猫".encode() * 83 + b".jpg", b"a\nb.jpg", b"\x1b[31m.jpg",
    "e\u0301.jpg".encode(), "\u00e9.jpg".encode(), b"A.jpg", b"a.jpg", b" .jpg", b"-x.jpg", b"%s{}.jpg",
]  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes are Linux's")
def test_no_name_ends_a_batch(run: Run, model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "in"
    photos.mkdir()
    content = (SAMPLE_FOLDER / "coffee.jpg").read_bytes()
    for name in NAMES:
        (photos / os.fsdecode(name)).write_bytes(content)
    (photos / "bad\x1b[2J.jpg").write_bytes(b"no image")
    outcome = run("detect", photos, "--model", model, "--output", tmp_path / "out")
    assert f"1 of {len(NAMES) + 1} images were left out" in assert_mistake(outcome)
    assert (outcome.out + outcome.err).replace("\n", "").isprintable()
    assert len(outcome.out.splitlines()) == len(NAMES) + 1
    records = json.loads((tmp_path / "out" / "images.json").read_text())
    assert {record["image"] for record in records} == {str(photos / os.fsdecode(name)) for name in NAMES}
    pictures = {record["picture"] for record in records}
    assert len({picture.casefold() for picture in pictures}) == len(NAMES)
    assert all(os.path.isfile(picture) for picture in pictures)


def test_one_picture_that_cannot_be_written_does_not_end_the_batch(
    run: Run, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for name in PHOTOS[:3]:
        shutil.copy(SAMPLE_FOLDER / name, tmp_path / "in")
    (tmp_path / "out" / f"{PHOTOS[1]}.jpg" / "folder").mkdir(parents=True)  # where its picture would go
    outcome = run("detect", tmp_path / "in", "--model", model, "--output", tmp_path / "out")
    assert "1 of 3 images" in assert_mistake(outcome)
    assert len(json.loads((tmp_path / "out" / "images.json").read_text())) == 2


def test_a_disk_that_is_full_ends_the_batch(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("detector.system.files.flush_to_disk", full)
    outcome = run("detect", SAMPLE_FOLDER, "--model", model, "--output", tmp_path / "out")
    assert "The disk is full" in assert_mistake(outcome)


@pytest.mark.parametrize("output", [".", "in", "in/.."])
def test_images_in_the_output_folder_are_refused(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(SAMPLE_FOLDER / "coffee.jpg", tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    outcome = run("detect", "in", "--model", model, "--output", output)
    assert "in lies in the output folder" in assert_mistake(outcome)
    assert [path.name for path in tmp_path.rglob("*.*")] == ["coffee.jpg"]


def test_results_are_not_eaten_through_links(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "results").mkdir(parents=True)
    shutil.copy(SAMPLE_FOLDER / "coffee.jpg", tmp_path / "in")
    (tmp_path / "link").symlink_to(tmp_path / "in" / "results", target_is_directory=True)
    (tmp_path / "photos").symlink_to(tmp_path / "in", target_is_directory=True)
    for source, output in (("in", "link"), ("photos", "in/results"), ("in", "link")):
        outcome = run("detect", tmp_path / source, "--model", model, "--output", tmp_path / output)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.splitlines()[-1].startswith("1 picture ")


def test_results_of_an_earlier_run_make_way(run: Run, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--model", model, "--output", out)
    for _ in range(2):
        assert "made way" not in run("detect", SAMPLE_FOLDER, *options).out
    (out / "mine.jpg").write_bytes(b"somebody's own")
    outcome = run("detect", SAMPLE_FOLDER / "coffee.jpg", *options)
    assert "3 files of an earlier run in that folder made way for them." in outcome.out
    assert sorted(path.name for path in out.glob("*.jpg")) == ["coffee.jpg.jpg", "mine.jpg"]


def test_a_list_that_somebody_else_has_written_takes_nothing_away(
    run: Run, model: Path, tmp_path: Path
) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside.jpg"
    out.mkdir()
    outside.touch()
    for picture in (str(outside), f"{out}/../outside.jpg"):
        (out / "images.json").write_text(json.dumps([{"file_name": "a.jpg", "picture": picture}]))
        assert run("detect", SAMPLE_FOLDER / "coffee.jpg", "--model", model, "--output", out).code == 0
        assert outside.exists()


@pytest.mark.parametrize("name", ["detections.json", "images.json", "videos.json"])
@pytest.mark.parametrize(
    "content",
    ['{"a": 1}', "[3]", '[{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 1, "file_name": "a.jpg"}]', "", "["],
)
def test_a_list_that_somebody_else_has_written_is_not_replaced(
    run: Run, tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    outcome = run("detect", SAMPLE_FOLDER / "coffee.jpg", "--output", tmp_path)
    assert f"{tmp_path / name} would be replaced, and it is none that" in assert_mistake(outcome)
    assert [path.read_text() for path in tmp_path.iterdir()] == [content]


def test_without_an_output_each_run_has_a_folder(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("output/detect", "output/detect-2", "output/detect-3"):
        assert f"are in {name}." in run("detect", SAMPLE_FOLDER / "coffee.jpg", "--model", model).out


def test_too_many_tiles_are_refused_for_that_image(run: Run, model: Path, tmp_path: Path) -> None:
    PillowImage.new("L", (30_000, 3_000)).save(tmp_path / "wide.png")
    outcome = run("detect", tmp_path, SAMPLE_FOLDER / "coffee.jpg", "--model", model, "--tile", 100,
                  "--output", tmp_path / "out")  # fmt: skip
    assert "1 of 2 images" in assert_mistake(outcome)
    assert "tiles of 100 pixels would cover 30000 x 3000" in outcome.err


@pytest.mark.slow
def test_a_reader_that_goes_does_not_end_the_batch(model: Path, tmp_path: Path) -> None:
    command = module_command("detector.commands.cli", "detect", str(SAMPLE_FOLDER), "--model", str(model))
    process = subprocess.Popen(
        [*command, "--output", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    errors = process.communicate()[1]
    assert (process.returncode, errors) == (0, b"")
    assert len(json.loads((tmp_path / "images.json").read_text())) == len(PHOTOS)


def test_without_sources_the_photographs_of_the_package(run: Run, model: Path, tmp_path: Path) -> None:
    outcome = run("detect", "--model", model, "--output", tmp_path / "out")
    assert outcome.code == 0
    assert outcome.out.startswith("Looking at the photographs that come with the package.")
    assert [entry["file_name"] for entry in json.loads((tmp_path / "out/images.json").read_text())] == [
        *PHOTOS
    ]


def test_results_of_earlier_runs_are_not_looked_at(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLE_FOLDER / "coffee.jpg", tmp_path)
    for _ in range(3):
        assert "1 picture with" in run("detect", ".", "--model", model).out
    (tmp_path / "output" / "detect" / "mine.jpg").write_bytes((SAMPLE_FOLDER / "camera.jpg").read_bytes())
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert "2 pictures with" in run("detect", "..", "--model", model, "--output", "out").out


def test_a_link_in_the_output_is_not_written_through(run: Run, model: Path, tmp_path: Path) -> None:
    photo, out = tmp_path / "cup.jpg", tmp_path / "out"
    shutil.copy(SAMPLE_FOLDER / "coffee.jpg", photo)
    out.mkdir()
    (out / "cup.jpg.jpg").symlink_to(photo)
    outcome = run("detect", photo, "--model", model, "--output", out)
    assert_mistake(outcome)
    assert "is a link, which is not written through" in outcome.err
    assert photo.read_bytes() == (SAMPLE_FOLDER / "coffee.jpg").read_bytes()
