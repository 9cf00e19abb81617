"""``ssdlite label --choose``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage

from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import PHOTOS, Run, assert_mistake


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in PHOTOS:
        shutil.copy(SAMPLE_FOLDER / name, folder)
        PillowImage.open(SAMPLE_FOLDER / name).crop((0, 0, 300, 200)).save(folder / f"part-{name}")
    return folder


def labelled(tmp_path: Path, *names: str) -> Path:
    """A dataset of some of the sample's pictures."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    content = json.loads((SAMPLE_FOLDER / "instances.json").read_text())
    content["images"] = [each for each in content["images"] if each["file_name"] in names]
    ids = {each["id"] for each in content["images"]}
    content["annotations"] = [each for each in content["annotations"] if each["image_id"] in ids]
    (folder / "instances.json").write_text(json.dumps(content))
    for name in names:
        shutil.copy(SAMPLE_FOLDER / name, folder)
    return folder


def written(folder: Path) -> set[str]:
    return {path.name for path in (folder / "images").rglob("*.jpg")}


def run_choice(run: Run, model: Path | str, photos: Path, output: Path, *options: Any) -> Any:
    return run("label", photos, "--to", "coco", "--model", model, "--output", output, *options)


def test_so_many_are_written_and_it_is_said_why(
    run: Run, released_weights: Path, photos: Path, tmp_path: Path
) -> None:
    outcome = run_choice(run, released_weights, photos, tmp_path / "out", "--choose", 3)
    assert (outcome.code, outcome.err) == (0, "")
    chosen = written(tmp_path / "out")
    assert len(chosen) == 3
    assert "Choosing 3 of 8 pictures." in outcome.out
    assert "does not say what it was trained on; --labelled" in outcome.out
    rows = [line.strip().split("  ", 1)[1] for line in outcome.out.splitlines() if line.startswith("    ")][
        :3
    ]
    assert {row.split(": ")[0] for row in rows} == chosen
    assert all(row.split(": ")[1] for row in rows)
    again = run_choice(run, released_weights, photos, tmp_path / "again", "--choose", 3)
    assert written(tmp_path / "again") == chosen
    assert again.out.split("Wrote")[0] == outcome.out.split("Wrote")[0]


def test_what_is_labelled_is_not_chosen_also_not_as_a_copy(
    run: Run, model: Path, photos: Path, tmp_path: Path
) -> None:
    folder = labelled(tmp_path, "astronaut.jpg", "coffee.jpg")
    with PillowImage.open(photos / "coffee.jpg") as picture:
        picture.resize((450, 300)).save(photos / "smaller.jpg", quality=80)
    outcome = run_choice(run, model, photos, tmp_path / "out", "--choose", 9, "--labelled", folder)
    assert outcome.code == 0
    assert "All are taken, for there are 6 pictures to choose 9 from" in outcome.out
    assert f"labelled already: 2 pictures, in {folder}, among them 3 of those given here." in outcome.out
    kept = {"camera.jpg", "chelsea.jpg", *(f"part-{name}" for name in PHOTOS)}
    assert written(tmp_path / "out") == kept


def test_the_dataset_of_the_run_counts_as_labelled(
    run: Run, released_weights: Path, photos: Path, tmp_path: Path
) -> None:
    folder, training = labelled(tmp_path, "astronaut.jpg", "chelsea.jpg"), tmp_path / "run"
    training.mkdir()
    shutil.copy(released_weights, training / "model.npz")
    record = {"dataset": str(folder), "train": None, "val": None}
    (training / "run.json").write_text(json.dumps(record))
    outcome = run_choice(run, training, photos, tmp_path / "out", "--choose", 6)
    assert outcome.code == 0
    assert f"in {folder}, which {training} was trained on, among them 2 of" in outcome.out
    assert not written(tmp_path / "out") & {"astronaut.jpg", "chelsea.jpg"}
    shutil.rmtree(folder)
    outcome = run_choice(run, training, photos, tmp_path / "gone", "--choose", 1)
    assert outcome.code == 0
    assert "cannot be read, so that nothing of it counts as labelled already" in outcome.out
    (training / "run.json").write_text("{}")
    assert "is damaged" in assert_mistake(run_choice(run, training, photos, tmp_path / "bad", "--choose", 1))


def test_what_a_run_went_on_from_counts_as_labelled(
    run: Run, released_weights: Path, photos: Path, tmp_path: Path
) -> None:
    oldest, older, newest = (tmp_path / name for name in ("oldest", "older", "newest"))
    for folder, name in ((oldest, "astronaut.jpg"), (older, "chelsea.jpg"), (newest, "coffee.jpg")):
        labelled(tmp_path, name).rename(folder)
    division = {"train": None, "val": None, "group_by": None}
    earlier = {"dataset": str(oldest), "division": division, "earlier": None}
    origin = {"dataset": str(older), "division": division, "earlier": earlier}
    training = tmp_path / "run"
    training.mkdir()
    shutil.copy(released_weights, training / "model.npz")
    record = {"dataset": str(newest), "train": None, "val": None, "origin": origin}
    (training / "run.json").write_text(json.dumps(record))
    outcome = run_choice(run, training, photos, tmp_path / "out", "--choose", 9)
    assert outcome.code == 0
    assert (
        f"labelled already: 3 pictures, in {newest}, {older}, {oldest}, which {training} was" in outcome.out
    )
    assert not written(tmp_path / "out") & {"astronaut.jpg", "chelsea.jpg", "coffee.jpg"}
    shutil.rmtree(older)
    outcome = run_choice(run, training, photos, tmp_path / "less", "--choose", 9)
    assert f"{older}, which {training} was trained on, cannot be read" in outcome.out
    assert written(tmp_path / "less") & {"astronaut.jpg", "chelsea.jpg", "coffee.jpg"} == {"chelsea.jpg"}


def test_all_labelled_is_said_and_nothing_is_written(
    run: Run, model: Path, photos: Path, tmp_path: Path
) -> None:
    folder = labelled(tmp_path, *PHOTOS)
    for path in photos.glob("part-*"):
        path.unlink()
    outcome = run_choice(run, model, photos, tmp_path / "out", "--choose", 2, "--labelled", folder)
    assert "All pictures are labelled already" in assert_mistake(outcome)
    assert "All are taken" not in outcome.out
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_read_is_named_and_not_chosen(
    run: Run, model: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "bad.jpg").write_text("no image")
    outcome = run_choice(run, model, photos, tmp_path / "out", "--choose", 2)
    assert "1 of 9 images" in assert_mistake(outcome)
    assert outcome.err.count("bad.jpg") == 1
    assert len(written(tmp_path / "out")) == 2


def test_a_file_that_is_ready_to_run_has_one_size(
    run: Run, model: Path, photos: Path, tmp_path: Path
) -> None:
    outcome = run_choice(run, model, photos, tmp_path / "out", "--choose", 2, "--classes", "person")
    assert outcome.code == 0
    assert "has one input size" in outcome.out
    assert len(written(tmp_path / "out")) == 2


def test_two_sizes_that_are_asked_for_are_those_that_are_compared(
    run: Run, released_weights: Path, photos: Path, tmp_path: Path
) -> None:
    outcome = run_choice(
        run, released_weights, photos, tmp_path / "out", "--choose", 8, "--input-size", "300,448"
    )
    assert outcome.code == 0
    assert "at input size 448" in outcome.out
