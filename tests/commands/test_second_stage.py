"""``--classify`` of ``ssdlite detect`` and ``ssdlite demo``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.classifier_spec import ClassifierSpec
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import BackendError
from detector.weights import save_weights
from tests.commands.running import Run, assert_mistake
from tests.random_networks import random_weights
from tests.video.conftest import write_video

PHOTO = SAMPLE_FOLDER / "astronaut.jpg"
KINDS = ("astronaut", "postman")  # of two the likelier one is likely enough


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of these tests is kept in the user's cache."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSDLITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run."""
    folder = tmp_path_factory.mktemp("people")
    spec = ClassifierSpec("people", KINDS, (32, 32), "mobilenet_v2", 0.35)
    save_weights(folder / "model.npz", random_weights(spec), spec)
    return folder


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "person.mp4", 24)


def test_pictures_and_their_lists_have_the_kinds(run: Run, model: Path, people: Path, tmp_path: Path) -> None:
    outcome = run(
        "detect", PHOTO, "--model", model, "--classify", f"person={people}", "--output", tmp_path / "x"
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert "Each person is named by people: astronaut, postman." in outcome.out
    (found, *_) = json.loads((tmp_path / "x" / "detections.json").read_text())
    assert found["category_name"] == "person"
    assert found["kind"] in KINDS
    assert 0.5 <= found["kind_score"] <= 1
    assert f"1 person (1 {found['kind']})" in outcome.out


def test_each_frame_of_a_video_has_them(
    run: Run, model: Path, people: Path, video: Path, tmp_path: Path
) -> None:
    arguments = ("--model", model, "--classify", f"person={people}", "--output", tmp_path)
    outcome = run("detect", video, *arguments)
    assert outcome.code == 0
    lines = [json.loads(line) for line in (tmp_path / "person.jsonl").read_text().splitlines()]
    found = [each for line in lines for each in line["detections"] if each["name"] == "person"]
    assert len(found) > 20
    assert {each["kind"] for each in found} <= set(KINDS)
    assert " in 24)" in outcome.out.replace(" in 23)", " in 24)")


def test_the_demo_names_what_it_follows(
    run: Run, model: Path, people: Path, video: Path, tmp_path: Path
) -> None:
    lines = tmp_path / "log.jsonl"
    options = ("--headless", "--model", model, "--jsonl", lines, "--classify", f"person={people}")
    outcome = run("demo", "--source", video, *options)
    assert (outcome.code, outcome.err) == (0, "")
    *frames, summary = [json.loads(line) for line in lines.read_text().splitlines()]
    found = [each for frame in frames for each in frame["detections"] if each["name"] == "person"]
    followed = [each for each in found if each["track"] is not None]
    assert len(followed) > 15
    names = {each["kind"] for each in followed}
    assert names <= {*KINDS, None}
    assert names != {None}
    kinds = summary["summary"]["classes"]["person"]["kinds"]
    assert set(kinds) == names - {None}
    assert f"Tracked: person 1 ({followed[-1]['kind']} 1)" in outcome.out
    assert "classify " in outcome.out  # among the stages


def test_without_the_package_that_tracks_each_frame_is_named_anew(
    run: Run, model: Path, people: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise BackendError("Tracking needs the package trackers.")

    monkeypatch.setattr("detector.video.tracking.Tracker", absent)
    options = ("--headless", "--model", model, "--classify", f"person={people}", "--max-frames", 5)
    outcome = run("demo", "--source", video, *options)
    assert outcome.code == 0
    assert "needs the package trackers. Without it the largest objects" in outcome.out
    assert "Found: person in 5 frames" in outcome.out
    assert any(f"({kind} in " in outcome.out for kind in KINDS)
    assert "trackers" in assert_mistake(run("demo", "--source", video, *options, "--track"))


@pytest.mark.parametrize("command", ["detect", "demo"])
@pytest.mark.parametrize(
    ("classify", "said"),
    [
        (["person"], "such as bird=runs/birds, got 'person'"),
        (["=runs"], "such as bird=runs/birds"),
        (["person="], "such as bird=runs/birds"),
        (["persom=RUN"], "did you mean 'person'"),
        (["person=RUN", "person=RUN"], "two models for person"),
        (["person=absent.npz"], "--classify person=absent.npz: There is no model file"),
        (["person=MODEL"], "is a detector"),
    ],
)
def test_mistakes(
    run: Run,
    model: Path,
    people: Path,
    video: Path,
    tmp_path: Path,
    command: str,
    classify: list[str],
    said: str,
) -> None:
    given = [text.replace("RUN", str(people)).replace("MODEL", str(model)) for text in classify]
    options = [part for text in given for part in ("--classify", text)]
    looked_at = (
        (PHOTO, "--output", tmp_path / "x") if command == "detect" else ("--source", video, "--headless")
    )
    assert said in assert_mistake(run(command, *looked_at, "--model", model, *options))
    assert not (tmp_path / "x").exists()
