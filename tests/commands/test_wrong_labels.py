"""``ssdlite data check --with-model``: what is said, the page, the findings, the task."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from detector.commands import wrong_labels
from detector.data.annotations import Result
from detector.data.folder import LabelledFolder
from detector.errors import DetectorError
from detector.system.invocation import quoted
from tests.commands.test_check import check
from tests.data.labelled import CLASSES, Labelled, Photo, write_image, write_voc
from tests.training.judged_run import perfect, write_judged_run

IMAGES = 24
SIZE = (320, 240)


def objects_of(number: int) -> list[Labelled]:
    """Two objects, each image's in other places, and what is labelled: the first images have faults."""
    left, top = 10 + 4 * number, 8 + 3 * number
    one: Labelled = (CLASSES[number % 2], left, top, left + 60, top + 50)
    two: Labelled = (CLASSES[(number + 1) % 2], left + 120, top + 70, left + 190, top + 150)
    return [one, two]


def faulty(number: int) -> list[Labelled]:
    (name, left, top, right, bottom), two = objects_of(number)
    labels: dict[int, list[Labelled]] = {
        0: [two],  # forgotten
        1: [(name, left + 20, top + 10, right + 20, bottom + 10), two],  # badly placed
        2: [(CLASSES[(number + 1) % 2], left, top, right, bottom), two],  # swapped
        3: [(name, left, top, right, bottom), two, (name, 250, 10, 300, 60)],  # made up
    }
    return labels.get(number, [(name, left, top, right, bottom), two])


def find_all(folder: LabelledFolder) -> Sequence[Result]:
    """Each object as it should be labelled, a little off; every image says by its name which it is."""
    ids = {name: id_ for id_, name in folder.train.categories.items()}
    return [
        {
            "image_id": image.id,
            "category_id": ids[name],
            "bbox": [left + n % 3, top - n % 2, right - left, bottom - top + n % 4],
            "score": 0.9 - 0.01 * (n % 5),
        }
        for image in folder.train.images
        for n in [int(image.path.stem)]
        for name, left, top, right, bottom in objects_of(n)
    ]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    photos = [
        Photo(f"{n:02}.png", faulty(n), ("train", "val")[n % 3 == 2], SIZE, look=n) for n in range(IMAGES)
    ]
    return write_voc(tmp_path / "set", photos)


@pytest.fixture
def run(dataset: Path, tmp_path: Path) -> Path:
    return write_judged_run(tmp_path / "run", dataset, find_all).root


def test_each_fault_is_told_with_its_place(
    dataset: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    code, out, err = check(capsys, dataset, "--with-model", run, "--output", output)
    assert code == 0, err
    assert f"Asked: 24 pictures, each judged by the one of 2 models in {run} that had not seen it." in out
    assert (
        "Labels that look wrong: 1 object that looks forgotten, 1 box that looks badly placed, 1 class that "
        "looks swapped, 1 label that no detection supports." in out
    )
    findings = {each["kind"]: each for each in json.loads((output / "findings.json").read_text())}
    (forgotten,) = findings["objects that look forgotten"]["found"]
    assert forgotten["image"] == "JPEGImages/00.png"
    assert "label" not in forgotten
    assert forgotten["model"] == {"class": "cat", "bbox": [10.0, 8.0, 60.0, 50.0], "score": 0.9}
    (misplaced,) = findings["boxes that look badly placed"]["found"]
    assert misplaced["image"] == "JPEGImages/01.png"
    assert misplaced["label"]["bbox"][:2] == [34.0, 21.0]
    (swapped,) = findings["classes that look swapped"]["found"]
    assert (swapped["label"]["class"], swapped["model"]["class"]) == ("dog", "cat")
    (made_up,) = findings["labels that no detection supports"]["places"]
    assert made_up == "JPEGImages/03.png: dog: nothing found there"
    page = (output / "wrong_labels.html").read_text()
    assert len(re.findall("<figure>", page)) == 4
    assert "cat 0.90: no label" in page
    assert out.splitlines()[-1] == f"Next: ssdlite train {dataset}"


def test_the_task_has_these_pictures_with_their_labels(
    dataset: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    code, out, err = check(capsys, dataset, "--with-model", run, "--output", output, "--to", "cvat")
    assert code == 0, err
    assert f"Wrote {output / 'to_correct'}: 4 pictures with their labels" in out
    with zipfile.ZipFile(output / "to_correct/cvat.zip") as archive:
        root = ElementTree.fromstring(archive.read("annotations.xml"))
        assert archive.read("images/00.png") == (dataset / "JPEGImages/00.png").read_bytes()
    unsure = {
        image.get("name"): [box.findtext("attribute[@name='unsure']") for box in image.iter("box")]
        for image in root.iter("image")
    }
    assert unsure == {
        "00.png": ["false", "true"],  # the object that was forgotten is added
        "01.png": ["true", "false"],
        "02.png": ["true", "false"],
        "03.png": ["false", "false", "true"],
    }
    # Once more: the folder is left to whoever corrects in it.
    _, out, _ = check(capsys, dataset, "--with-model", run, "--output", output, "--to", "label-studio")
    assert f"Wrote {output / 'to_correct-2'}" in out
    tasks = json.loads((output / "to_correct-2/tasks.json").read_text())
    assert len(tasks) == 4


def test_paths_are_printed_as_a_shell_takes_them(
    dataset: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "my labels"
    code, out, err = check(capsys, dataset, "--with-model", run, "--output", output, "--to", "labelme")
    assert code == 0, err
    assert f"labelme {quoted(output / 'to_correct')} --labels" in out
    assert quoted(output) != str(output)


def test_sound_labels_make_no_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [Photo(f"{n:02}.png", objects_of(n), "train", SIZE, look=n) for n in range(IMAGES)]
    dataset = write_voc(tmp_path / "set", photos)
    run = write_judged_run(tmp_path / "run", dataset, perfect)
    output = tmp_path / "out"
    code, out, _ = check(capsys, dataset, "--with-model", run.root, "--output", output, "--to", "cvat")
    assert code == 0
    assert "No label looks wrong." in out
    assert "nothing to correct" in out
    assert not (output / "to_correct").exists()
    assert json.loads((output / "findings.json").read_text()) == []


def test_folds_that_are_trained_get_the_splits_and_a_folder_in_the_output(
    dataset: Path,
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def train(labelled: LabelledFolder, splits: object, root: Path) -> None:
        asked.append((labelled.root, splits, root))
        run.rename(root)

    monkeypatch.setattr(wrong_labels, "train_folds", train)
    output = tmp_path / "out"
    code, out, _ = check(capsys, dataset, "--train", "train,val", "--output", output, "--with-model")
    assert code == 0
    assert asked == [(dataset, ("train,val", None), output / "folds")]
    assert "24 pictures, each judged" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--to", "cvat"), "--with-model"),
        (("--with-model", "absent"), "absent holds no training run"),
        (("--with-model", "absent", "--fix", "fixed"), "repaired copy first"),
        (("--with-model", "absent", "--to", "paper"), "paper"),
    ],
)
def test_what_cannot_be_is_refused(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    code, _, err = check(capsys, dataset, "--output", tmp_path / "out", *options)
    assert code == 2
    assert words in err
    assert not (tmp_path / "out/wrong_labels.html").exists()


def test_what_a_training_would_refuse_is_not_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: object) -> None:
        raise DetectorError("it was")

    monkeypatch.setattr(wrong_labels, "train_folds", train)
    root = tmp_path / "set"
    for name, row in (("a", "0 .5 .5 .2 .2"), ("b", "7 .5 .5 .2 .2")):
        (root / "labels").mkdir(parents=True, exist_ok=True)
        (root / f"labels/{name}.txt").write_text(row)
        (root / "images").mkdir(exist_ok=True)
        write_image(root / f"images/{name}.png", look=name)
    (root / "data.yaml").write_text("names: [cat]\ntrain: images\nval: images\n")
    code, _, err = check(capsys, root, "--output", tmp_path / "out", "--with-model")
    assert code == 2
    assert "A training would refuse this" in err
