"""The command line: what it prints and writes, and that no mistake of a user ends in a traceback."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detector import __version__
from detector.cli import cli, main
from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from detector.tflite_writer import build_tflite
from detector.weights import load_weights

METRICS = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
CATEGORIES = {1: "person", 17: "cat", 47: "cup", 50: "spoon", 67: "dining table"}
PHOTOS = ("astronaut.jpg", "camera.jpg", "chelsea.jpg", "coffee.jpg")


@dataclass
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process; captures what native libraries print, too."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Outcome(code, *capfd.readouterr())

    return call


def assert_mistake(outcome: Outcome) -> str:
    """The command ended as on a user's mistake; returns its sentence."""
    assert outcome.code == 2, outcome
    sentences = []
    for line in filter(None, outcome.err.splitlines()):
        if line.startswith("Error: "):
            sentences.append(line)
        else:
            assert line.startswith(("Usage: ", "Try '", "Left out: ")), outcome.err
    assert len(sentences) == 1, outcome.err
    return sentences[0]


@pytest.fixture(scope="module")
def model(released_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released model as a TFLite file, so that no test writes to the user's cache."""
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    path.write_bytes(build_tflite(*load_weights(released_weights)))
    return path


def sample_content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SAMPLE_FOLDER / "instances.json").read_text())
    return content


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., Path]:
    """Writes the bundled sample as a dataset after a function has changed it; returns its folder."""

    def build(
        change: Callable[[dict[str, Any]], object] = lambda content: None, name: str = "instances.json"
    ) -> Path:
        folder = tmp_path / "dataset"
        shutil.copytree(SAMPLE_FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "*.json", "__pycache__"))
        content = sample_content()
        change(content)
        (folder / name).write_text(json.dumps(content))
        return folder

    return build


@pytest.fixture(scope="module")
def sample_output(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that an evaluation of the bundled sample has written."""
    folder = tmp_path_factory.mktemp("sample") / "new" / "output"
    main(["eval", "--model", str(model), "--output", str(folder)])
    return folder


def read_metrics(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return metrics


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(_commands(cli)), ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(run: Run, path: tuple[str, ...], option: str) -> None:
    outcome = run(*path, option)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"Usage: {' '.join(('ssdlite', *path))} ")


def test_version(run: Run) -> None:
    outcome = run("--version")
    assert outcome.code == 0
    assert __version__ in outcome.out


def test_help_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "detector.cli", "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "eval" in done.stdout


def test_help_needs_no_heavy_import() -> None:
    program = (
        "import sys; from detector.cli import main; main(['eval', '--help'])\n"
        "print(sorted({'numpy', 'cv2', 'ai_edge_litert', 'pycocotools'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("eval", "--nonsense"), ("weights", "nonsense")])
def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments)
    assert outcome.code == 2
    assert "Usage: ssdlite" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.usefixtures("released_weights")
def test_eval_without_a_dataset_shows_the_sample(run: Run) -> None:
    outcome = run("eval")
    assert (outcome.code, outcome.err) == (0, "")
    printed = {
        line.split()[0]: float(line.split()[1]) for line in outcome.out.splitlines() if line[:3] == "  A"
    }
    assert list(printed) == METRICS
    assert printed["AP50"] > 50
    assert printed["APs"] == -1
    assert "say nothing about accuracy" in outcome.out
    assert "  ssdlite data coco coco" in outcome.out
    assert "  ssdlite eval coco\n" in outcome.out
    assert "trained on most of" not in outcome.out


def test_eval_writes_metrics(sample_output: Path) -> None:
    metrics = read_metrics(sample_output)
    assert list(metrics)[:12] == METRICS
    assert all(metrics[name] == -1 or 0 <= metrics[name] <= 1 for name in METRICS)
    assert metrics["images"] == 4
    assert metrics["images_per_second"] > 0
    assert metrics["unmatched_categories"] == []
    assert set(metrics["per_class_AP"]) == set(CATEGORIES.values())
    settings = metrics["settings"]
    assert settings.pop("threads") >= 1
    assert settings.pop("model_file").endswith(".tflite")
    assert settings == {
        "model": "ssdlite_mobilenet_v2_coco",
        "classes": None,
        "image_ids": None,
        "limit": None,
        "trained_on_this_split": False,
        "dataset": "bundled sample",
        "split": "instances",
        "backend": "litert",
        "resize": "half-pixel",
        "score_threshold": 1e-8,
        "iou_threshold": 0.6,
        "max_detections": 100,
    }
    assert metrics["versions"]["ssdlite"] == __version__
    assert metrics["versions"]["numpy"] == np.__version__
    assert set(metrics["versions"]) >= {"python", "ai-edge-litert", "opencv", "pycocotools"}
    assert sorted(path.name for path in sample_output.iterdir()) == ["detections.json", "metrics.json"]


def test_detections_are_in_cocos_results_format(sample_output: Path) -> None:
    detections = json.loads((sample_output / "detections.json").read_text())
    assert {tuple(sorted(entry)) for entry in detections} == {("bbox", "category_id", "image_id", "score")}
    assert {entry["category_id"] for entry in detections} <= set(CATEGORIES)
    assert {entry["image_id"] for entry in detections} <= {1, 2, 3, 4}
    # pycocotools' own reader takes them, and finds the same numbers with nothing else set.
    truth = COCO(str(SAMPLE_FOLDER / "instances.json"))
    coco_eval = COCOeval(truth, truth.loadRes(str(sample_output / "detections.json")), "bbox")
    coco_eval.evaluate()
    coco_eval.accumulate()
    coco_eval.summarize()
    metrics = read_metrics(sample_output)
    assert [metrics[name] for name in METRICS] == pytest.approx(coco_eval.stats.tolist())


def test_eval_settings_take_effect(run: Run, model: Path, tmp_path: Path) -> None:
    outcome = run(
        *("eval", "--model", model, "--output", tmp_path, "--resize", "tf1", "--threads", 1),
        *("--score-threshold", 0.5, "--max-detections", 1),
    )
    assert outcome.code == 0
    assert "1 threads, resize tf1, score threshold 0.5" in outcome.out
    detections = json.loads((tmp_path / "detections.json").read_text())
    assert 0 < len(detections) <= 4
    assert min(entry["score"] for entry in detections) >= 0.5
    settings = read_metrics(tmp_path)["settings"]
    assert settings["resize"] == "tf1"
    assert (settings["threads"], settings["score_threshold"], settings["max_detections"]) == (1, 0.5, 1)


def test_limit_and_image_ids(run: Run, model: Path, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("4\n2\n\n4711\n")
    for options, images in (
        (["--limit", 2], {1, 2}),
        (["--image-ids", ids], {2, 4}),
        (["--image-ids", ids, "--limit", 1], {2}),
    ):
        outcome = run("eval", "--model", model, "--output", tmp_path / "out", *options)
        assert outcome.code == 0
        assert f"{len(images)} images" in outcome.out
        assert read_metrics(tmp_path / "out")["images"] == len(images)
        detections = json.loads((tmp_path / "out" / "detections.json").read_text())
        assert {entry["image_id"] for entry in detections} == images


def test_per_class(run: Run, model: Path, sample_output: Path) -> None:
    without = run("eval", "--model", model)
    outcome = run("eval", "--model", model, "--per-class")
    for name, ap in read_metrics(sample_output)["per_class_AP"].items():
        line = f"  {name:20}{100 * ap:7.2f}\n"
        assert line in outcome.out
        assert line not in without.out


def test_classes_leave_the_other_categories_out(run: Run, model: Path, tmp_path: Path) -> None:
    outcome = run("eval", "--model", model, "--classes", "cat,Person", "--output", tmp_path)
    assert outcome.code == 0
    assert "Left out, because the model does not look for them: cup, spoon, dining table" in outcome.out
    assert set(read_metrics(tmp_path)["per_class_AP"]) == {"person", "cat"}


def _renumber(content: dict[str, Any]) -> None:
    ids = {1: 9001, 17: 3, 47: 90, 50: 1, 67: 17}
    for category in content["categories"]:
        category["id"] = ids[category["id"]]
    content["categories"].reverse()
    for annotation in content["annotations"]:
        annotation["category_id"] = ids[annotation["category_id"]]


def _keep_two_classes(content: dict[str, Any]) -> None:
    content["categories"] = [c for c in content["categories"] if c["name"] in ("cup", "person")]
    content["annotations"] = [a for a in content["annotations"] if a["category_id"] in (1, 47)]


def _spell_otherwise(content: dict[str, Any]) -> None:
    for category in content["categories"]:
        category["name"] = category["name"].title().replace(" ", "_")


@pytest.mark.parametrize("change", [_renumber, _keep_two_classes, _spell_otherwise])
def test_classes_are_matched_by_name(
    run: Run,
    model: Path,
    dataset: Callable[..., Path],
    sample_output: Path,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], None],
) -> None:
    outcome = run("eval", dataset(change), "--model", model, "--output", tmp_path / "out")
    assert outcome.code == 0
    assert "Left out" not in outcome.out
    expected = {name.lower(): ap for name, ap in read_metrics(sample_output)["per_class_AP"].items()}
    found = read_metrics(tmp_path / "out")["per_class_AP"]
    assert len(found) >= 2
    for name, ap in found.items():
        assert ap == expected[name.lower().replace("_", " ")]


def test_unknown_category_is_left_out_by_name(
    run: Run, model: Path, dataset: Callable[..., Path], sample_output: Path, tmp_path: Path
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["categories"][3]["name"] = "flux capacitor"

    outcome = run("eval", dataset(change), "--model", model, "--output", tmp_path / "out")
    assert outcome.code == 0
    assert "Left out, because the model does not look for them: flux capacitor\n" in outcome.out
    metrics = read_metrics(tmp_path / "out")
    assert metrics["unmatched_categories"] == ["flux capacitor"]
    expected = read_metrics(sample_output)["per_class_AP"]
    del expected["spoon"]
    assert metrics["per_class_AP"] == expected
    assert metrics["AP"] == pytest.approx(np.mean(list(expected.values())))


def test_no_category_matches(run: Run, model: Path, dataset: Callable[..., Path], tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        for number, category in enumerate(content["categories"]):
            category["name"] = f"thing{number}"

    outcome = run("eval", dataset(change), "--model", model, "--output", tmp_path / "out")
    assert "thing0" in assert_mistake(outcome)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("instances_val2017.json", "val2017"),
        ("instances_val2014.json", "val2014"),
        ("instances.json", None),
    ],
)
def test_note_on_splits_that_were_trained_on(
    run: Run, model: Path, dataset: Callable[..., Path], name: str, split: str | None
) -> None:
    outcome = run("eval", dataset(name=name) / name, "--model", model)
    assert outcome.code == 0
    assert ("trained on images of" in outcome.out) == (split is not None)
    assert f"trained on images of {split}" in outcome.out or split is None
    assert ("mscoco_minival_ids.txt" in outcome.out) == (split is not None)
    assert "say nothing about accuracy" not in outcome.out


def test_note_on_val2017_under_another_name(run: Run, model: Path, dataset: Callable[..., Path]) -> None:
    def change(content: dict[str, Any]) -> None:
        content["images"][0]["coco_url"] = "http://images.cocodataset.org/val2017/000000000139.jpg"

    assert "trained on images of val2017" in run("eval", dataset(change), "--model", model).out


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
    records = json.loads((tmp_path / "new" / "out" / "detections.json").read_text())
    assert [record["image"] for record in records] == [str(photo)]
    assert (records[0]["width"], records[0]["height"]) == (512, 512)
    person = next(found for found in records[0]["detections"] if found["name"] == "person")
    assert person["score"] >= 0.4
    assert person["box"] == pytest.approx([22, 15, 363, 512], abs=40)  # the sample's own annotation
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
        records = json.loads((out / "detections.json").read_text())
        pictures = {Path(record["picture"]) for record in records}
        assert len(records) == len(pictures) == count
        assert {path for path in out.rglob("*") if path.is_file()} == {*pictures, out / "detections.json"}
        for record in records:
            assert load_image(record["picture"]).shape[:2] == (record["height"], record["width"])


def test_detect_respects_classes_and_threshold(run: Run, model: Path, tmp_path: Path) -> None:
    options = ["--model", model, "--output", tmp_path, "--classes", "cup", "--score-threshold", 0.1]
    assert run("detect", SAMPLE_FOLDER / "coffee.jpg", *options).code == 0
    (record,) = json.loads((tmp_path / "detections.json").read_text())
    assert {found["name"] for found in record["detections"]} == {"cup"}
    assert min(found["score"] for found in record["detections"]) >= 0.1


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
    records = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert [Path(record["image"]).name for record in records] == list(PHOTOS[:2])
    assert all(Path(record["picture"]).exists() for record in records)


# JPEG ends at 65,500 pixels. Whether the picture is left out or written otherwise, it is not lost silently.
def test_detect_on_an_image_too_wide_for_jpeg(run: Run, model: Path, tmp_path: Path) -> None:
    PillowImage.new("RGB", (70_000, 2)).save(tmp_path / "wide.png")
    outcome = run("detect", tmp_path / "wide.png", "--model", model, "--output", tmp_path / "out")
    if outcome.code == 0:
        (record,) = json.loads((tmp_path / "out" / "detections.json").read_text())
        assert load_image(record["picture"]).size
    else:
        assert outcome.code == 2
        assert "wide.png" in outcome.err


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
    "folder without annotations": (lambda s: ["eval", s.tmp_path], "no COCO annotation file"),
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
    "no image given": (lambda s: ["detect"], "Missing argument"),
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
    "folder as model": (lambda s: ["eval", "--model", s.tmp_path], "Expected a .tflite file"),
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
    "no such image ids": (lambda s: ["eval", "--image-ids", s.tmp_path / "ids"], "Cannot read the image ids"),
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
        [sys.executable, "-m", "detector.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ".npz" in assert_mistake(Outcome(done.returncode, done.stdout, done.stderr))


def _start(*arguments: object) -> subprocess.Popen[str]:
    # A process that was started in the background of a script ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-m", "detector.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _interrupt(process: subprocess.Popen[str]) -> Outcome:
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    return Outcome(process.returncode, out, err)


posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")


@posix
@pytest.mark.slow
def test_ctrl_c_in_eval(dataset: Callable[..., Path], model: Path, tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        photos = content["images"]
        content["images"] = [{**photos[k % 4], "id": k + 1} for k in range(4000)]

    output = tmp_path / "out"
    output.mkdir()
    process = _start("eval", dataset(change), "--model", model, "--output", output)
    assert process.stdout is not None
    assert "4,000 images" in process.stdout.readline()
    time.sleep(0.5)  # the line comes just before the first image
    outcome = _interrupt(process)
    assert outcome.code == 130, outcome
    assert "Traceback" not in outcome.err
    assert outcome.err.strip().endswith("Stopped.")
    assert "COCO metrics" not in outcome.out
    assert list(output.iterdir()) == []


@posix
@pytest.mark.slow
def test_ctrl_c_in_detect(model: Path, tmp_path: Path) -> None:
    photos, output = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(2000):
        (photos / f"{number:04}.jpg").symlink_to(SAMPLE_FOLDER / "chelsea.jpg")
    process = _start("detect", photos, "--model", model, "--output", output)
    assert process.stdout is not None
    assert "0000.jpg" in process.stdout.readline()
    outcome = _interrupt(process)
    assert outcome.code == 130, outcome
    assert "Traceback" not in outcome.err
    written = list(output.iterdir())
    assert 0 < len(written) < 2000
    assert all(cv2.imread(str(path)) is not None for path in written)
    assert {path.suffix for path in written} == {".jpg"}
    assert not [path for path in written if path.name.startswith(".")]


WITHOUT_TENSORFLOW = """
import importlib, pkgutil, sys
BLOCKED = {"tensorflow", "tf_keras", "keras", "official", "orbit"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import detector
names = [module.name for module in pkgutil.walk_packages(detector.__path__, "detector.")]
for name in names:
    if not name.startswith("detector.model.") and name != "detector.runtime.openvino":
        importlib.import_module(name)
found = detector.Detector.load(sys.argv[1]).detect(detector.load_image(sys.argv[2]))
assert not BLOCKED & {name.partition(".")[0] for name in sys.modules}
print(len(names), *found.names)
"""


@pytest.mark.slow
def test_core_needs_no_tensorflow(model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TENSORFLOW, str(model), str(PHOTO)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count, *names = done.stdout.split()
    assert int(count) > 30
    assert "person" in names


@pytest.mark.parametrize("command", ["eval", "detect"])
def test_nan_is_no_threshold(run: Run, model: Path, command: str) -> None:
    sources = [SAMPLE_FOLDER] if command == "detect" else []
    outcome = run(command, *sources, "--model", model, "--score-threshold", "nan")
    assert outcome.code == 2
    assert "not nan" in outcome.err
    assert "Traceback" not in outcome.err


def test_images_of_another_size_than_annotated_are_said(
    run: Run, model: Path, dataset: Callable[..., Path]
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["images"][0]["width"] *= 2

    outcome = run("eval", dataset(change), "--model", model)
    assert outcome.code == 0
    assert "1 images have another size" in outcome.out


def test_two_categories_of_one_name(run: Run, model: Path, dataset: Callable[..., Path]) -> None:
    def change(content: dict[str, Any]) -> None:
        content["categories"].append({"id": 999, "name": "Person"})

    assert "two categories of the name 'Person'" in assert_mistake(
        run("eval", dataset(change), "--model", model)
    )


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


def test_compare_on_the_images_that_were_evaluated(run: Run, model: Path, tmp_path: Path) -> None:
    assert run("eval", SAMPLE_FOLDER, "--model", model, "--limit", "2", "--output", tmp_path).code == 0
    detections = tmp_path / "detections.json"
    rounds = ("--rounds", "10")
    outcome = run("compare", detections, detections, SAMPLE_FOLDER, "--limit", "2", *rounds)
    ap = 100 * read_metrics(tmp_path)["AP"]
    assert outcome.code == 0
    assert f"{ap:.2f} [" in outcome.out
    assert "within chance" in outcome.out
    for content in (
        "{}",
        "3",
        '[{"image_id": 1}]',
        '[{"image_id": 1, "category_id": 1, "bbox": null, "score": 1}]',
    ):
        detections.write_text(content)
        assert "results format" in assert_mistake(run("compare", detections, detections, SAMPLE_FOLDER))


def test_a_headless_opencv_is_said_in_one_sentence(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv2.getBuildInformation", lambda: "  GUI:                           NONE\n")
    outcome = run("eval", "--model", model)
    assert outcome.code == 0
    assert outcome.err.startswith("Note: OpenCV is the headless build here")
    assert "pip install --no-deps opencv-python" in outcome.err


@pytest.mark.parametrize(
    ("command", "uv", "expected"),
    [
        ("eval_coco.py", True, ("uvx --from . ssdlite data coco coco", "uv run eval_coco.py coco")),
        ("eval_coco.py", False, ("ssdlite data coco coco", "python eval_coco.py coco")),
        ("ssdlite eval", False, ("ssdlite data coco coco", "ssdlite eval coco")),
    ],
)
def test_the_next_commands_are_those_that_work_here(
    command: str, uv: bool, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.evaluation.command import _next_commands

    monkeypatch.setenv("UV", "/usr/bin/uv")
    if not uv:
        monkeypatch.delenv("UV")
    assert tuple(f"{line} coco" for line in _next_commands(command)) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ("detect", "/dev/zero"),
        ("eval", "--threads", "99999"),
        ("eval", "--max-detections", "999999999"),
        ("data", "coco", "folder", "--server", "foo"),
    ],
)
def test_what_would_never_end_or_crash_is_refused(
    run: Run, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run(*arguments)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


def test_compare_needs_detections_of_these_images(run: Run, tmp_path: Path) -> None:
    detections = tmp_path / "detections.json"
    detections.write_text('[{"image_id": 777, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]')
    mistake = assert_mistake(run("compare", detections, detections, SAMPLE_FOLDER))
    assert "No detection in" in mistake
