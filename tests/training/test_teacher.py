"""The network that classes are kept of, and what a training that keeps some does to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.architecture import build_architecture
from detector.boxes import FloatArray
from detector.data.folder import load_labelled_folder
from detector.errors import DetectorError
from detector.images import load_image
from detector.labels import COCO_CLASSES
from detector.numpy_network import NumpyNetwork
from detector.training.config import ConfigError
from detector.training.config_file import load_config
from detector.training.initial_weights import load_initial_weights
from detector.training.plan import Plan
from detector.training.preparation import build_job, keep_classes, prepare
from detector.training.resumption import reload_teacher, weights_digest
from detector.training.run_folder import RunFolder
from detector.training.teacher import load_teacher
from detector.weights import save_weights
from tests.data.labelled import Photo, write_voc
from tests.training.small_run import SETTINGS, SPEC, random_weights

OWN = [each for each in SETTINGS if not each.startswith("training.initial_weights")]
FAST = ("optimizer.learning_rate=0.01", "optimizer.warmup_steps=0", "optimizer.ema_decay=0")


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """Weights of a network with cat, dog and traffic light."""
    save_weights(tmp_path / "start.npz", random_weights(SPEC), SPEC)
    return tmp_path / "start.npz"


def settings(start: Path, *more: str) -> list[str]:
    return [*OWN, f"training.initial_weights={start}", *more]


def test_no_class_is_kept_unless_asked_for(start: Path) -> None:
    assert load_teacher(load_config(None, settings(start)), print) is None


def test_the_teacher_has_the_kept_classes_alone(start: Path) -> None:
    teacher = load_teacher(load_config(None, settings(start, "training.keep_classes=[Dog, cat]")), print)
    assert teacher is not None
    assert teacher.spec.classes == ("cat", "dog")
    network = SPEC.__class__("new", ("bird", "dog", "cat"))
    assert teacher.columns_in(network) == [3, 2]
    everything = load_teacher(load_config(None, settings(start, "training.keep_classes=coco")), print)
    assert everything is not None
    assert set(everything.spec.classes) <= set(COCO_CLASSES)
    assert len(everything.spec.classes) == 3


def test_what_is_kept_is_drawn_back_and_new_columns_stay(start: Path) -> None:
    teacher = load_teacher(load_config(None, settings(start, "training.keep_classes=[dog, cat]")), print)
    assert teacher is not None
    spec = load_config(None, OWN).model.build_spec("new", ("bird", "dog", "cat"))
    trained = random_weights(spec, 7)
    drawn = teacher.draw_back(trained, spec)
    old = random_weights(SPEC)
    assert drawn.keys() == trained.keys()
    expected = 0.9 * trained["Conv1/kernel"] + 0.1 * old["Conv1/kernel"]
    np.testing.assert_allclose(drawn["Conv1/kernel"], expected, rtol=1e-5)
    for key in ("class_head_0/kernel", "class_head_3/bias"):
        one, new = (values[key].reshape(*values[key].shape[:-1], -1, 4) for values in (drawn, trained))
        before = old[key].reshape(*old[key].shape[:-1], -1, 4)  # background, cat, dog, traffic light
        np.testing.assert_array_equal(one[..., [0, 1]], new[..., [0, 1]])
        for column, place in ((2, 2), (3, 1)):
            mean = 0.9 * new[..., column] + 0.1 * before[..., place]
            np.testing.assert_allclose(one[..., column], mean, rtol=1e-5)
    same = teacher.draw_back({"Conv1/kernel": old["Conv1/kernel"]}, spec)
    np.testing.assert_array_equal(same["Conv1/kernel"], old["Conv1/kernel"])  # what is frozen stays


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.keep_classes=[bird]", "no class 'bird'"),
        ("model.classes=[cat]", "leave out model.classes"),
        ("training.initial_weights=none", "has none"),
        ("training.initial_weights=imagenet", "has none"),
    ],
)
def test_what_cannot_be_kept_is_refused(start: Path, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_teacher(load_config(None, settings(start, "training.keep_classes=coco", setting)), print)


def test_a_model_without_a_class_of_coco_has_none_to_keep(tmp_path: Path) -> None:
    spec = load_config(None, OWN).model.build_spec("birds", ("raccoon",))
    save_weights(tmp_path / "birds.npz", random_weights(spec), spec)
    with pytest.raises(ConfigError, match="has no class of COCO; it has raccoon"):
        load_teacher(load_config(None, settings(tmp_path / "birds.npz", "training.keep_classes=coco")), print)


def test_another_teacher_cannot_be_gone_on_with(start: Path) -> None:
    config = load_config(None, settings(start, "training.keep_classes=coco"))
    teacher = load_teacher(config, print)
    assert teacher is not None
    again = reload_teacher(config, {"teacher": weights_digest(teacher.weights)}, print)
    assert again is not None
    assert again.spec == teacher.spec
    save_weights(start, random_weights(SPEC, 1), SPEC)
    with pytest.raises(DetectorError, match="are not those whose classes this run keeps"):
        reload_teacher(config, {"teacher": weights_digest(teacher.weights)}, print)


def sensible_weights(seed: int = 0) -> dict[str, FloatArray]:
    """Weights with which signals keep their size from layer to layer."""
    rng = np.random.default_rng(seed)
    weights = {}
    for key, shape in build_architecture(SPEC).weight_shapes.items():
        if key.endswith("/kernel"):
            fan_in = np.prod(shape[:2]) * (1 if "depthwise" in key or shape[3] == 1 else shape[2])
            weights[key] = rng.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)
        else:
            one = key.endswith(("/gamma", "/moving_variance"))
            weights[key] = np.full(shape, float(one), np.float32)
    return weights


@pytest.mark.slow
def test_distillation_holds_what_the_labels_do_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("official.core.base_trainer")
    trial = pytest.importorskip("detector.training.trial")
    monkeypatch.setattr(trial, "_STEPS", 12)
    photos = [Photo(f"{n}.jpg", (("bird", 5 + n, 4, 40 + n, 40),), ("train", "val")[n % 2]) for n in range(8)]
    folder = load_labelled_folder(write_voc(tmp_path / "new", photos))
    start = tmp_path / "start.npz"
    save_weights(start, sensible_weights(), SPEC)
    pixels = cv2.resize(load_image(folder.train.images[0].path), (96, 96))[..., ::-1]
    image = (pixels[None] / 127.5 - 1).astype(np.float32)
    _, before = NumpyNetwork(sensible_weights(), SPEC).run(image)
    drift = []
    for weight in (0, 30):
        more = (f"loss.distillation_weight={weight}", "training.keep_classes=[cat, dog]", *FAST)
        config = load_config(None, settings(start, *more))
        said: list[str] = []
        teacher = load_teacher(config, print)
        record = keep_classes({"dataset": ""}, teacher, folder, said.append)
        assert record["columns"] == ["cat", "dog", "bird"]
        assert "Kept as small sees them" in said[0]
        spec, strategy = prepare(RunFolder(tmp_path), Plan(config), folder, None, print, record)
        weights = load_initial_weights(str(start), spec, seed=0).weights
        job = build_job(Plan(config), spec, weights, folder, strategy, RunFolder(tmp_path), record)
        job = replace(job, teacher=teacher)
        after = trial._train_briefly(job.plan, job, job.build_sources())
        _, found = NumpyNetwork(after, spec).run(image)
        drift.append(np.abs(found[:, 1:3] - before[:, 1:3]).mean())
    assert 0 < drift[1] < 0.7 * drift[0]


def test_a_class_that_has_labels_is_kept_where_they_say_nothing(start: Path, tmp_path: Path) -> None:
    photos = [Photo(f"{n}.jpg", (("Cat", 5, 4, 40, 40),), ("train", "val")[n % 2]) for n in range(8)]
    folder = load_labelled_folder(write_voc(tmp_path / "new", photos))
    teacher = load_teacher(load_config(None, settings(start, "training.keep_classes=coco")), print)
    said: list[str] = []
    record = keep_classes(
        {"dataset": "", "columns": ["dog", "cat", "traffic light"]}, teacher, folder, said.append
    )
    assert record["columns"] == ["dog", "cat", "traffic light"]
    assert "2 classes" in said[0]
    assert said[1].startswith("Kept and labelled: cat. Where an image has a label it counts")
