"""``ssdlite detect``."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from tests.cli.running import (
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
