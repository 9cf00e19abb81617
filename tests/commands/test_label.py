"""``ssdlite label``."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from detector.commands.label import TOOL_NAMES
from detector.data.folder import load_labelled_folder
from detector.data.sample import SAMPLE_FOLDER
from detector.data.writers.tools import TOOLS
from detector.images import load_image
from tests.commands.running import PHOTOS, Run, assert_mistake


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deep er").mkdir(parents=True)
    for name in PHOTOS:
        shutil.copy(SAMPLE_FOLDER / name, folder)
    shutil.copy(SAMPLE_FOLDER / "camera.jpg", folder / "deep er" / "Käffchen.jpg")
    return folder


def test_the_tools_are_those_that_are_written() -> None:
    assert tuple(TOOLS) == TOOL_NAMES


@pytest.mark.parametrize("tool", TOOL_NAMES)
def test_labels_for_each_tool(tool: str, run: Run, model: Path, photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out put"
    outcome = run("label", photos, "--to", tool, "--model", model, "--output", output)
    assert (outcome.code, outcome.err) == (0, "")
    assert "5 pictures" in outcome.out
    assert "Next: " in outcome.out
    assert f"{output}/labels" not in outcome.out  # what is to be copied into a shell is quoted
    trained_on = "FOLDER" if tool in ("cvat", "coco") else f"'{output}'"
    assert outcome.out.endswith(f" train {trained_on}\n")
    if tool == "cvat":
        with zipfile.ZipFile(output / "cvat.zip") as archive:
            archive.extractall(output)
    pictures = [path for path in output.rglob("*.jpg") if path.is_file()]
    assert len(pictures) == 5
    original = load_image(SAMPLE_FOLDER / "camera.jpg")
    (copy,) = [path for path in pictures if path.name.endswith("Käffchen.jpg")]
    assert (load_image(copy) == original).all()
    labelled = load_labelled_folder(output)
    found = {labelled.train.categories[each["category_id"]] for each in labelled.train.annotations}
    found |= {labelled.val.categories[each["category_id"]] for each in labelled.val.annotations}
    assert {"person", "cat", "cup"} <= found
    assert len(labelled.train.images) + len(labelled.val.images) == 5


def test_a_turned_picture_is_labelled_as_it_is_shown(run: Run, model: Path, tmp_path: Path) -> None:
    upright = PillowImage.open(SAMPLE_FOLDER / "astronaut.jpg").crop((0, 0, 512, 400))
    exif = PillowImage.Exif()
    exif[0x112] = 6
    (tmp_path / "photos").mkdir()
    upright.transpose(PillowImage.Transpose.ROTATE_90).save(tmp_path / "photos/a.jpg", exif=exif, quality=95)
    options = ["--to", "coco", "--model", model, "--output", tmp_path / "o"]
    assert run("label", tmp_path / "photos", *options).code == 0
    content = json.loads((tmp_path / "o/annotations/instances_default.json").read_text())
    (image,) = content["images"]
    assert (image["width"], image["height"]) == (512, 400)
    with PillowImage.open(tmp_path / "o/images/a.jpg") as stored:  # which turns nothing by itself
        assert stored.size == (512, 400)
        assert stored.getexif().get(0x112, 1) == 1


def test_what_detect_does_not_show_is_unsure(run: Run, model: Path, photos: Path, tmp_path: Path) -> None:
    options = ["--to", "coco", "--model", model]
    assert run("label", photos, *options, "--output", tmp_path / "half").code == 0
    assert run("label", photos, *options, "--output", tmp_path / "all", "--score", 0.05).code == 0
    for name, least in (("half", 0.2), ("all", 0.05)):
        content = json.loads((tmp_path / name / "annotations/instances_default.json").read_text())
        scores = [each["score"] for each in content["annotations"]]
        assert least <= min(scores) < 0.4 < max(scores)
        assert all(each["attributes"]["unsure"] == (each["score"] < 0.4) for each in content["annotations"])


def test_classes_are_those_that_are_asked_for(run: Run, model: Path, photos: Path, tmp_path: Path) -> None:
    options = ["--model", model, "--classes", "cup,cat", "--output", tmp_path / "out"]
    assert run("label", photos, "--to", "yolo", *options).code == 0
    assert load_labelled_folder(tmp_path / "out").classes == ("cat", "cup")


def test_pictures_of_one_stem_have_labels_of_their_own(run: Run, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(SAMPLE_FOLDER / "coffee.jpg", folder / "a.jpg")
    PillowImage.open(SAMPLE_FOLDER / "chelsea.jpg").save(folder / "A.png")
    for tool in ("yolo", "labelme", "voc"):
        outcome = run("label", folder, "--to", tool, "--model", model, "--output", tmp_path / tool)
        assert outcome.code == 0
        assert "1 picture under another name" in outcome.out
    assert len(list((tmp_path / "yolo/labels").rglob("*.txt"))) == 2
    assert len(list((tmp_path / "labelme").glob("*.json"))) == 2


def test_what_cannot_be_read_is_named(run: Run, model: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "bad.jpg").write_text("no image")
    output = tmp_path / "out"
    outcome = run("label", photos, "--to", "yolo", "--model", model, "--output", output)
    assert "1 of 6 images" in assert_mistake(outcome)
    assert "bad.jpg" in outcome.err
    assert len(load_labelled_folder(output).classes) > 0
    assert not list(output.rglob("bad*"))


def test_nothing_is_left_where_no_picture_can_be_read(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/bad.jpg").write_text("no image")
    options = ["--to", "voc", "--model", model, "--output", tmp_path / "a/out"]
    outcome = run("label", tmp_path / "photos", *options)
    assert "None of the images" in assert_mistake(outcome)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


def test_what_was_there_before_stays(run: Run, model: Path, photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    outcome = run("label", photos, "--to", "voc", "--model", model, "--output", output)
    assert "exists already" in assert_mistake(outcome)
    assert [path.name for path in output.iterdir()] == ["mine.txt"]


# Otherwise the copies would be among the pictures of the next time.
def test_the_output_does_not_lie_among_the_pictures(run: Run, photos: Path) -> None:
    outcome = run("label", photos, "--to", "voc", "--output", photos / "labels")
    assert "lies inside the folder of pictures" in assert_mistake(outcome)
    assert not (photos / "labels").exists()


def test_videos_are_named_and_left_out(run: Run, model: Path, photos: Path, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    clip = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 48))
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    output = tmp_path / "out"
    outcome = run("label", photos, clip, "--to", "coco", "--model", model, "--output", output)
    assert "1 of 6 images" in assert_mistake(outcome)
    assert "is a video" in outcome.err
