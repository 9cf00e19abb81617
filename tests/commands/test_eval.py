"""``ssdlite eval``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detector import evaluate
from detector.commands.contamination import print_contamination
from detector.data.minival import minival_ids
from detector.data.sample import SAMPLE_FOLDER
from detector.system.terminal import counted
from detector.version import __version__
from tests.commands.running import (
    CATEGORIES,
    METRICS,
    Run,
    assert_mistake,
    read_metrics,
)


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
        "input_size": "300",
        "voting": False,
        "tile": None,
    }
    assert metrics["versions"]["ssdlite"] == __version__
    assert metrics["versions"]["numpy"] == np.__version__
    assert set(metrics["versions"]) >= {"python", "ai-edge-litert", "opencv", "pycocotools"}
    assert sorted(path.name for path in sample_output.iterdir()) == ["detections.json", "metrics.json"]


def test_detections_are_in_cocos_results_format(sample_output: Path) -> None:
    detections = json.loads((sample_output / "detections.json").read_text())
    assert {tuple(sorted(entry)) for entry in detections} == {
        ("bbox", "category_id", "file_name", "image_id", "score")
    }
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
    assert "1 thread, resize tf1, score threshold 0.5" in outcome.out
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
        assert counted(len(images), "image") in outcome.out
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
    assert ("data coco coco --clean` fetches" in outcome.out) == (split is not None)
    assert "say nothing about accuracy" not in outcome.out


def test_note_on_val2017_under_another_name(run: Run, model: Path, dataset: Callable[..., Path]) -> None:
    def change(content: dict[str, Any]) -> None:
        content["images"][0]["coco_url"] = "http://images.cocodataset.org/val2017/000000000139.jpg"

    assert "trained on images of val2017" in run("eval", dataset(change), "--model", model).out


def _as_coco(dataset: Callable[..., Path], ids: list[int], split: str = "val2017") -> Path:
    """The sample with COCO's ids and names of files."""
    names: dict[str, str] = {}

    def change(content: dict[str, Any]) -> None:
        new = {image["id"]: id_ for image, id_ in zip(content["images"], ids, strict=True)}
        for image in content["images"]:
            image["id"] = new[image["id"]]
            names[image["file_name"]] = f"{image['id']:012}.jpg"
            image["file_name"] = names[image["file_name"]]
        for annotation in content["annotations"]:
            annotation["image_id"] = new[annotation["image_id"]]

    folder = dataset(change, name=f"instances_{split}.json")
    for old, name in names.items():
        (folder / old).rename(folder / name)
    return folder


CLEAN = sorted(minival_ids())[:4]
UNCLEAN = [number for number in range(1, 99) if number not in minival_ids()][:2]


@pytest.mark.parametrize("split", ["val2017", "val2017_clean", "train2017"])
def test_a_clean_number_is_said_to_be_clean(
    run: Run, model: Path, dataset: Callable[..., Path], tmp_path: Path, split: str
) -> None:
    folder = _as_coco(dataset, CLEAN, split)
    outcome = run("eval", folder, "--model", model, "--split", split, "--output", tmp_path / "out")
    assert outcome.code == 0
    assert "The number is clean: none of these 4 images was trained on (COCO train2014" in outcome.out
    assert "22 on that minival" in outcome.out
    assert "no clean accuracy" not in outcome.out
    assert read_metrics(tmp_path / "out")["settings"]["trained_on_this_split"] is False


def test_clean_takes_the_clean_images_alone(
    run: Run, model: Path, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    folder = _as_coco(dataset, [CLEAN[0], UNCLEAN[0], CLEAN[1], UNCLEAN[1]])
    outcome = run("eval", folder, "--model", model)
    assert "no clean accuracy; --clean evaluates on the 2 of these images that are clean" in outcome.out
    outcome = run("eval", folder, "--model", model, "--clean", "--output", tmp_path / "out")
    assert outcome.code == 0
    assert "none of these 2 images" in outcome.out
    detections = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert {entry["image_id"] for entry in detections} == {CLEAN[0], CLEAN[1]}
    assert read_metrics(tmp_path / "out")["settings"]["image_ids"] == "--clean"
    # Detections that are there already are cut to the same images, and nothing is said of their training.
    outcome = run("eval", folder, "--clean", "--detections", tmp_path / "out" / "detections.json")
    assert outcome.code == 0
    assert "2 images" in outcome.out
    assert "The number is clean" not in outcome.out


def test_clean_where_nothing_is_clean(run: Run, model: Path, dataset: Callable[..., Path]) -> None:
    assert "no image that is known to be clean" in assert_mistake(
        run("eval", dataset(), "--model", model, "--clean")
    )
    assert "The bundled sample has no image" in assert_mistake(run("eval", "--model", model, "--clean"))


def test_clean_and_ids_are_two_choices(run: Run, model: Path, tmp_path: Path) -> None:
    outcome = run("eval", "--model", model, "--clean", "--image-ids", tmp_path / "ids")
    assert "leave one of them out" in assert_mistake(outcome)


def test_a_later_training_may_have_had_the_images(
    model: Path,
    dataset: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = _as_coco(dataset, CLEAN)
    evaluation = evaluate(folder, model=model)
    spec = evaluation.detector.spec if evaluation.detector else None
    assert spec is not None
    monkeypatch.setitem(spec.card, "trained_on", "pets, 100 images")
    later = evaluate(folder, model=evaluation.detector)
    assert (later.clean, later.contaminated) == (False, "val2017")
    assert (evaluation.clean, evaluation.contaminated) == (True, None)
    print_contamination(later)
    said = capsys.readouterr().out
    assert "come from a later training (pets, 100 images): the number is clean only if that had none" in said


def test_images_of_another_size_than_annotated_are_said(
    run: Run, model: Path, dataset: Callable[..., Path]
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["images"][0]["width"] *= 2

    outcome = run("eval", dataset(change), "--model", model)
    assert outcome.code == 0
    assert "1 image has another size" in outcome.out


def test_two_categories_of_one_name_are_one_and_it_is_said(
    run: Run, model: Path, dataset: Callable[..., Path]
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["categories"].append({"id": 999, "name": "Person"})

    outcome = run("eval", dataset(change), "--model", model)
    assert outcome.code == 0
    assert "'Person' is taken for 'person'" in outcome.out


def test_a_headless_opencv_is_said_in_one_sentence(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv2.getBuildInformation", lambda: "  GUI:                           NONE\n")
    outcome = run("eval", "--model", model)
    assert outcome.code == 0
    assert outcome.err.startswith("Note: OpenCV is the headless build here")
    assert "pip install --no-deps opencv-python" in outcome.err
