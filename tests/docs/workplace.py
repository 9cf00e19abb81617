"""The folder that the documentation's commands run in: what their placeholders name."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np

from detector import evaluate, export
from detector.classifier_spec import ClassifierSpec
from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from detector.weights import load_weights, save_weights, select_classes
from tests.pretrained.graph_files import graph, resize_nodes, slim_tensors
from tests.random_networks import random_weights
from tests.training.small_run import begin_run

BIRDS = ("robin", "wren", "tit")
CLASSES = ("person", "cat", "cup", "spoon", "dining table")
_SMALL = 1 << 20


def build_workplace(root: Path, weights: Path) -> Path:
    """Photographs, labelled folders, a video, runs of training, models and detections, by their names."""
    photographs = sorted(SAMPLE_FOLDER.glob("*.jpg"))
    for name in ("PHOTO.jpg", "photo.jpg"):
        shutil.copy(SAMPLE_FOLDER / "coffee.jpg", root / name)
    for name in ("FOLDER", "photos", "raccoons"):
        shutil.copytree(SAMPLE_FOLDER, root / name, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for part in ("val2017", "test"):
        _write_coco(root / ("coco" if part == "val2017" else "garden"), part, photographs)
    for name, codec in (("clip.avi", "MJPG"), ("clip.mp4", "mp4v")):
        film = cv2.VideoWriter(str(root / name), cv2.VideoWriter.fourcc(*codec), 10, (320, 240))
        for path in photographs:
            film.write(cv2.resize(load_image(path), (320, 240)))
        film.release()
    shutil.copytree(Path(__file__).parents[2] / "configs", root / "configs")
    _write_runs(root, weights)
    _write_classifiers(root)
    _write_old_model(root, weights)
    for folder in ("A", "B"):
        evaluate(root / "coco").save(root / folder)
    for name in ("results.json", "detections.json"):
        shutil.copy(root / "A/detections.json", root / name)
    return root


def _write_classifiers(root: Path) -> None:
    """Runs of classifiers, which nobody trained, and a folder with pictures of each class."""
    for name, classes in {"birds": BIRDS, "birds-2": BIRDS, "cats": ("tabby", "lynx")}.items():
        spec = ClassifierSpec(name, classes, (96, 96), width_multiplier=0.35)
        save_weights(root / "runs" / name / "model.npz", random_weights(spec), spec)
    noise = np.random.default_rng(0)
    for part, name, number in itertools.product(("train", "val"), BIRDS, range(4)):
        path = root / "birds" / part / name / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), noise.integers(0, 256, (64, 64, 3), np.uint8))


def _write_old_model(root: Path, weights: Path) -> None:
    """A model of the TensorFlow Object Detection API, and what is imported from it."""
    kept, spec = select_classes(*load_weights(weights), CLASSES)
    content = graph(slim_tensors(kept, spec), resize_nodes(*spec.input_hw))
    (root / "frozen_inference_graph.pb").write_bytes(content)
    items = (f'item {{ id: {id_} name: "{name}" }}' for id_, name in enumerate(spec.classes, start=1))
    (root / "label_map.pbtxt").write_text("\n".join(items))
    save_weights(root / "old.npz", kept, spec)


def add_models(root: Path) -> None:
    """The files that exports of the commands before would have left."""
    export(output=root / "MODEL.tflite")
    export(format="openvino", output=root / "MODEL.xml")
    for name in ("small.tflite", "my_run.tflite"):
        shutil.copy(root / "MODEL.tflite", root / name)


def copy_workplace(source: Path, target: Path) -> None:
    """The same to write in: large files, which nothing writes to, are shared."""

    def copy(old: str, new: str) -> None:
        (shutil.copy if os.stat(old).st_size < _SMALL else os.link)(old, new)

    shutil.copytree(source, target, copy_function=copy, dirs_exist_ok=True)


def _write_coco(folder: Path, part: str, photographs: list[Path]) -> None:
    (folder / part).mkdir(parents=True)
    (folder / "annotations").mkdir()
    for path in photographs:
        shutil.copy(path, folder / part)
    content = json.loads((SAMPLE_FOLDER / "instances.json").read_text("utf-8"))
    (folder / f"annotations/instances_{part}.json").write_text(json.dumps(content), "utf-8")


def _write_runs(root: Path, weights: Path) -> None:
    """Runs as training leaves them; they know the sample's classes as well as the released weights do."""
    kept, spec = select_classes(*load_weights(weights), CLASSES)
    for name in ("runs/NAME", "runs/before", "runs/after", "my_run"):
        run = begin_run(root / name, root / "photos")
        save_weights(run.weights, kept, spec)
        shutil.copy(SAMPLE_FOLDER / "instances.json", run.validation)
        for path in SAMPLE_FOLDER.glob("*.jpg"):
            shutil.copy(path, run.validation.parent)
