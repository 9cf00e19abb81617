"""``ssdlite classify``."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.classifier_spec import ClassifierSpec
from detector.commands.classify import IMAGENET
from detector.data.sample import SAMPLE_FOLDER
from detector.pretrained.imagenet import classifier as imagenet
from detector.runtime.classifier import Classifier
from detector.weights import save_weights
from tests.commands.running import PHOTOS, Run, assert_mistake
from tests.random_networks import random_weights
from tests.system.file_server import FileServer

CHELSEA = SAMPLE_FOLDER / "chelsea.jpg"
NAMES = ("robin", "wren", "tit", "=1+1")


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of these tests is kept in the user's cache."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSDLITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run."""
    folder = tmp_path_factory.mktemp("birds")
    spec = ClassifierSpec("birds", NAMES, (32, 32), "mobilenet_v2", 0.35)
    save_weights(folder / "model.npz", random_weights(spec), spec)
    return folder


def test_its_default_is_the_one_that_is_fetched() -> None:
    assert IMAGENET == imagenet.IMAGENET


def test_names_are_said_likeliest_first(run: Run, birds: Path) -> None:
    outcome = run("classify", CHELSEA, "--model", birds, "--top", 2)
    assert (outcome.code, outcome.err) == (0, "")
    (first, second) = Classifier.load(birds).classify(CHELSEA).top(2)
    said = f"{first.name} {first.score:.1%}, {second.name} {second.score:.1%}"
    assert outcome.out.splitlines() == [f"{CHELSEA}: {said}"]
    assert first.score >= second.score


def test_sizes_and_the_photographs_that_come_with_the_package(run: Run, birds: Path) -> None:
    outcome = run("classify", "--model", birds, "--input-size", 64)
    assert outcome.code == 0
    head, *lines = outcome.out.splitlines()
    assert "photographs that come with the package" in head
    assert [Path(line.split(": ")[0]).name for line in lines] == list(PHOTOS)
    expected = Classifier.load(birds, input_size=64).classify(CHELSEA).top()[0]
    assert f"chelsea.jpg: {expected.name} {expected.score:.1%}" in outcome.out


def test_files_of_either_kind_say_the_same(run: Run, birds: Path, tmp_path: Path) -> None:
    shutil.copy(CHELSEA, tmp_path / "a, b.jpg")
    for name in ("out.jsonl", "deep/out.csv"):
        outcome = run(
            "classify", tmp_path / "a, b.jpg", CHELSEA, "--model", birds, "--output", tmp_path / name
        )
        assert (outcome.code, len(outcome.out.splitlines())) == (0, 2)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["image"] for line in lines] == [str(tmp_path / "a, b.jpg"), str(CHELSEA)]
    assert sum(each["score"] for each in lines[0]["names"]) == pytest.approx(1, abs=1e-4)
    with (tmp_path / "deep/out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    for line in lines:
        own = [row for row in rows if row["image"] == line["image"]]
        assert [(row["name"], float(row["score"])) for row in own] == [
            (each["name"], each["score"]) for each in line["names"]
        ]
        assert [row["rank"] for row in own] == ["1", "2", "3", "4"]


def test_lines_of_json_alone_go_to_standard_output(run: Run, birds: Path) -> None:
    outcome = run("classify", "--model", birds, "--output", "-")
    assert outcome.code == 0
    assert [Path(json.loads(line)["image"]).name for line in outcome.out.splitlines()] == list(PHOTOS)


def test_what_cannot_be_read_is_named_and_the_others_are_written(
    run: Run, birds: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(40))
    sources = (CHELSEA, tmp_path / "text.jpg", tmp_path / "clip.mp4")
    outcome = run("classify", *sources, "--model", birds, "--output", tmp_path / "out.jsonl")
    assert "2 of 3 were left out" in assert_mistake(outcome)
    assert "clip.mp4 is a video, and not a picture" in outcome.err
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 1


def test_addresses_are_looked_at(run: Run, birds: Path) -> None:
    with FileServer() as server:
        server.files["/cat.jpg"] = CHELSEA.read_bytes()
        outcome = run("classify", f"{server.url}/cat.jpg", f"{server.url}/none.jpg", "--model", birds)
    assert "1 of 2 were left out" in assert_mistake(outcome)
    name, _ = Classifier.load(birds).classify(CHELSEA).top(1)[0]
    assert f"{server.url}/cat.jpg: {name} " in outcome.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--output", "x.txt"), r".jsonl or .csv"),
        (("--top", "0"), "0 is not in the range"),
        (("--input-size", "32,64"), "one input size"),
        (("--model", "absent.npz"), "absent.npz"),
        (("--backend", "abacus"), "abacus"),
    ],
)
def test_mistakes(run: Run, birds: Path, arguments: tuple[str, str], said: str) -> None:
    model = () if "--model" in arguments else ("--model", birds)
    assert said in assert_mistake(run("classify", CHELSEA, *model, *arguments))


def test_a_detector_is_refused(run: Run, model: Path) -> None:
    assert "is a detector" in assert_mistake(run("classify", CHELSEA, "--model", model))
