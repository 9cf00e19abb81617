"""No mistake of a user ends in a traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import (
    Outcome,
    Run,
    assert_mistake,
)


@dataclass
class Scene:
    """What the mistakes are made with."""

    tmp_path: Path
    model: Path
    weights: Path
    dataset: Callable[..., Path]

    def file(self, name: str, content: bytes) -> Path:
        path = self.tmp_path / name
        path.write_bytes(content)
        return path


@pytest.fixture
def scene(tmp_path: Path, model: Path, released_weights: Path, dataset: Callable[..., Path]) -> Scene:
    return Scene(tmp_path, model, released_weights, dataset)


def _missing_image(scene: Scene) -> Path:
    folder = scene.dataset()
    (folder / "coffee.jpg").unlink()
    return folder


def _cut_image(scene: Scene) -> Path:
    folder = scene.dataset()
    content = (folder / "coffee.jpg").read_bytes()
    (folder / "coffee.jpg").write_bytes(content[: len(content) // 2])
    return folder


def _half(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: len(content) // 2]


PHOTO = SAMPLE_FOLDER / "camera.jpg"
FOREIGN_TFLITE = b"\x1c\0\0\0TFL3" + bytes(500)

# What goes wrong: the arguments, and what the sentence has to say.
MISTAKES: dict[str, tuple[Callable[[Scene], list[object]], str]] = {
    "no such dataset": (lambda s: ["eval", s.tmp_path / "absent"], "absent"),
    "not JSON": (lambda s: ["eval", s.file("a.json", b"images: []")], "a.json is not JSON"),
    "not COCO JSON": (lambda s: ["eval", s.file("a.json", b'{"a": 1}')], "a.json is not COCO JSON"),
    "a picture as dataset": (lambda s: ["eval", PHOTO], "camera.jpg is not JSON"),
    "folder without annotations": (lambda s: ["eval", s.tmp_path], "no labels that can be read"),
    "missing images": (lambda s: ["eval", _missing_image(s), "--model", s.model], "1 of the 4 images"),
    "wrong folder of images": (
        lambda s: ["eval", s.dataset(), "--images", s.tmp_path],
        "4 of the 4 images",
    ),
    "zero images": (
        lambda s: ["eval", s.dataset(lambda c: c.update(images=[], annotations=[]))],
        "lists no image",
    ),
    "zero categories": (
        lambda s: [
            "eval",
            s.dataset(lambda c: c.update(categories=[], annotations=[])),
            "--model",
            s.model,
        ],
        "categor",
    ),
    "unreadable image of a dataset": (lambda s: ["eval", _cut_image(s), "--model", s.model], "coffee.jpg"),
    "unreadable image": (
        lambda s: ["detect", s.file("a.jpg", b"no image"), "--model", s.model, "--output", s.tmp_path / "o"],
        "None of the images",
    ),
    "no such image": (lambda s: ["detect", s.tmp_path / "absent.jpg"], "absent.jpg"),
    "folder without images": (lambda s: ["detect", s.tmp_path, "--model", s.model], "holds no image"),
    "unknown model": (lambda s: ["eval", "--model", "yolo"], "ssdlite_mobilenet_v2_coco"),
    "no such model file": (lambda s: ["detect", PHOTO, "--model", s.tmp_path / "a.npz"], "a.npz"),
    "truncated .npz": (lambda s: ["eval", "--model", s.file("cut.npz", _half(s.weights))], "cut.npz"),
    "empty .npz": (lambda s: ["eval", "--model", s.file("empty.npz", b"")], "empty.npz"),
    "text as .npz": (lambda s: ["eval", "--model", s.file("text.npz", b"text\n")], "text.npz"),
    "truncated .tflite": (lambda s: ["eval", "--model", s.file("cut.tflite", _half(s.model))], "cut.tflite"),
    ".tflite without its last bytes": (
        lambda s: ["eval", "--model", s.file("cut.tflite", s.model.read_bytes()[:-10])],
        "cut.tflite",
    ),
    "foreign .tflite": (lambda s: ["eval", "--model", s.file("a.tflite", FOREIGN_TFLITE)], "model_spec.json"),
    "text as .tflite": (lambda s: ["eval", "--model", s.file("a.tflite", b"some text")], "not a TFLite file"),
    "empty .tflite": (lambda s: ["eval", "--model", s.file("a.tflite", b"")], "not a TFLite file"),
    "folder as model": (lambda s: ["eval", "--model", s.tmp_path], "neither the weights of a training run"),
    "no name as model": (lambda s: ["detect", PHOTO, "--model", ""], "name or the path"),
    "unknown backend": (lambda s: ["eval", "--backend", "pytorch"], "'litert', 'tensorflow', 'openvino'"),
    "unknown class": (
        lambda s: ["detect", PHOTO, "--model", s.model, "--classes", "person,trafic light"],
        "did you mean 'traffic light'?",
    ),
    "unknown class, of weights": (
        lambda s: ["detect", PHOTO, "--model", s.weights, "--classes", "persn"],
        "did you mean 'person'?",
    ),
    "no class": (lambda s: ["detect", PHOTO, "--model", s.model, "--classes", " , "], "at least one class"),
    "file instead of output folder, eval": (
        lambda s: ["eval", "--model", s.model, "--output", s.file("taken", b"")],
        "taken",
    ),
    "file instead of output folder, detect": (
        lambda s: ["detect", PHOTO, "--model", s.model, "--output", s.file("taken", b"")],
        "taken",
    ),
    "words as image ids": (
        lambda s: ["eval", "--image-ids", s.file("ids", b"1\nx2\n")],
        "one image id a line",
    ),
    "binary image ids": (lambda s: ["eval", "--image-ids", PHOTO], "one image id a line"),
    "no such image ids": (lambda s: ["eval", "--image-ids", s.tmp_path / "ids"], "Cannot read "),
    "image ids of another dataset": (lambda s: ["eval", "--image-ids", s.file("ids", b"999")], "No image"),
    "no image ids": (lambda s: ["eval", "--image-ids", s.file("ids", b"")], "No image"),
    "limit of zero": (lambda s: ["eval", "--limit", 0], "--limit"),
    "threshold of one": (lambda s: ["eval", "--score-threshold", 1], "--score-threshold"),
    "no such release": (lambda s: ["weights", "fetch", "yolo"], "no released model 'yolo'"),
    "fetch from a wrong file": (lambda s: ["weights", "fetch", "--from", PHOTO], "not the published file"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(run: Run, scene: Scene, monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    monkeypatch.chdir(scene.tmp_path)
    build, expected = MISTAKES[mistake]
    arguments = build(scene)
    before = sorted(scene.tmp_path.rglob("*"))
    outcome = run(*arguments)
    assert expected in assert_mistake(outcome)
    assert sorted(scene.tmp_path.rglob("*")) == before


def test_output_that_cannot_be_written_is_found_before_the_work(run: Run, scene: Scene) -> None:
    outcome = run("eval", "--model", scene.model, "--output", scene.file("taken", b""))
    assert_mistake(outcome)
    assert "COCO metrics" not in outcome.out


@pytest.mark.slow
def test_tensorflow_with_a_tflite_file(model: Path) -> None:
    # In a process of its own, because TensorFlow must not be imported into this one.
    arguments = ["detect", PHOTO, "--model", model, "--backend", "tensorflow"]
    done = subprocess.run(
        [sys.executable, "-m", "detector.commands.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ".npz" in assert_mistake(Outcome(done.returncode, done.stdout, done.stderr))
