"""A run in folds, from end to end, in processes that may be stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import detector
from detector import Progress
from detector.api.training import TrainedRun
from detector.data.folder import load_labelled_folder
from detector.evaluation.evaluate import evaluate_detections
from detector.weights import load_weights
from tests.data.labelled import CLASSES, Photo, write_voc
from tests.training.forked import Forked, run_forked, ssdlite

pytestmark = pytest.mark.slow
pytest.importorskip("official.core.base_trainer")

FOLDS = 2
SETTINGS = (
    "training.steps=4",
    "training.evaluate_every=2",
    "training.frozen_until=heads",
    "training.batch_size=2",
    "training.initial_weights=none",
    "training.batch_norm=frozen",
    "model.input_size=96",
    "model.width_multiplier=0.1",
    "augmentation.crop=0",
    "augmentation.colours=0",
)
OPTIONS = [
    *("--folds", str(FOLDS), "--group-by", r"cam(\d+)_"),
    *(word for setting in SETTINGS for word in ("--set", setting)),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos = [
        Photo(
            f"cam{n % 4}_{n}.jpg",
            ((CLASSES[n % 2], 5 + n, 4, 40 + n, 40),),
            "test" if n >= 12 else ("val" if n >= 9 else "train"),
        )
        for n in range(14)
    ]
    return write_voc(tmp_path_factory.mktemp("data") / "shapes", photos)


def train(*words: object) -> subprocess.CompletedProcess[str]:
    return run_forked(ssdlite, "train", *words)


class Log:
    """A callback that writes down which steps of which folds it is told of."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_step(self, progress: Progress) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps([progress.fold, progress.step, bool(progress.metrics)]) + "\n")

    on_evaluation = on_step


def train_and_log(words: list[str]) -> None:
    """Train from Python: the dataset, the folder of the run, and where to log what callbacks are told."""
    dataset, run, log = words
    detector.train(
        dataset,
        output=run,
        folds=FOLDS,
        group_by=r"cam(\d+)_",
        settings=SETTINGS,
        say=print,
        callbacks=[Log(Path(log))],
    )


@pytest.fixture(scope="module")
def whole(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An uninterrupted run, with ``told.jsonl`` beside it, and what it printed."""
    root = tmp_path_factory.mktemp("runs")
    outcome = run_forked(train_and_log, dataset, root / "whole", root / "told.jsonl")
    assert outcome.returncode == 0, outcome.stderr
    return root / "whole", outcome.stdout


def test_callbacks_are_told_which_fold_it_is(whole: tuple[Path, str]) -> None:
    told = [json.loads(line) for line in (whole[0].parent / "told.jsonl").read_text().splitlines()]
    steps = {fold: {step for each, step, _ in told if each == fold} for fold in (1, 2, None)}
    assert steps[1] == steps[2] == {2, 4}
    assert max(steps[None]) == json.loads((whole[0] / "run.json").read_text())["most_steps"]
    order = [fold for fold, _, _ in told]
    assert order == sorted(order, key=[1, 2, None].index)
    assert {fold for fold, _, evaluated in told if evaluated} == {1, 2}


def test_each_image_is_judged_once_by_a_model_that_has_not_seen_it(
    whole: tuple[Path, str], dataset: Path
) -> None:
    run, _ = whole
    content = json.loads((run / "folds.json").read_text())
    names = [name for fold in content["folds"] for name in fold["file_names"]]
    assert sorted(names) == sorted(f"JPEGImages/cam{n % 4}_{n}.jpg" for n in range(12))
    detections = json.loads((run / "detections.json").read_text())
    judged = set()
    for number, fold in enumerate(content["folds"], start=1):
        own = TrainedRun(run / "folds" / str(number))
        assert own.finished
        assert own.folds is None
        assert own.metrics["AP"] == pytest.approx(fold["ap"])
        validation = json.loads((run / "folds" / str(number) / "validation.json").read_text())
        assert sorted(entry["id"] for entry in validation["images"]) == fold["images"]
        judged.update(fold["images"])
        mine = json.loads((run / "folds" / str(number) / "detections.json").read_text())
        assert [each for each in detections if each["image_id"] in fold["images"]] == mine
    assert len(judged) == 12
    cameras = [{name.split("_")[0] for name in fold["file_names"]} for fold in content["folds"]]
    assert cameras[0].isdisjoint(cameras[1])


def test_the_pooled_numbers_are_those_of_all_images(whole: tuple[Path, str], dataset: Path) -> None:
    run, _ = whole
    trained = TrainedRun(run)
    assert trained.folds is not None
    folder = load_labelled_folder(dataset, folds=FOLDS, group_by=r"cam(\d+)_")
    detections = json.loads((run / "detections.json").read_text())
    summary = evaluate_detections(folder.val, detections).metrics.summary
    assert trained.folds.ap.value == pytest.approx(summary["AP"], abs=1e-9)
    assert trained.metrics["AP50"] == pytest.approx(summary["AP50"], abs=1e-9)
    assert trained.folds.ap.mean == pytest.approx(np.mean([fold.ap for fold in trained.folds.folds]))
    assert set(trained.folds.classes) == set(CLASSES[:2])


def test_the_model_is_trained_on_all_images_and_judged_on_test_alone(whole: tuple[Path, str]) -> None:
    run, printed = whole
    weights, spec = load_weights(run / "model.npz")
    assert spec.classes == CLASSES[:2]
    assert "each of the 12 images judged by a model that had not seen it" in " ".join(spec.card["AP"].split())
    assert "12 images" in spec.card["trained_on"]
    assert len(json.loads((run / "test/detections.json").read_text())) > 0
    assert not (run / "validation.json").exists()
    assert not list(run.glob("folds/*/test"))
    assert all(
        (run / name).exists() for name in ("model.tflite", "curves.png", "predictions.jpg", "best.json")
    )
    page = (run / "report.html").read_text()
    assert "12 images, each judged by a model that had not seen it" in page
    assert json.loads((run / "report.json").read_text())["images"] == 12
    assert "report.html in a browser" in printed
    assert "train 12, test 2" in printed
    assert "On 2 images of test" in printed
    assert "the pooled 12 images" in printed
    for number in (1, 2):
        fold, _ = load_weights(run / "folds" / str(number) / "model.npz")
        assert fold.keys() == weights.keys()
        assert any((fold[key] != weights[key]).any() for key in weights)


@pytest.mark.parametrize(
    "place", ["folds/1/checkpoints/*.json", "folds/2/run.json", "folds.json", "checkpoints/*"]
)
def test_a_run_that_was_killed_goes_on_to_the_same_numbers(
    whole: tuple[Path, str], dataset: Path, tmp_path: Path, place: str
) -> None:
    run = tmp_path / "killed"
    process = Forked(ssdlite, "train", dataset, *OPTIONS, "--output", run)
    deadline = time.monotonic() + 250
    while not list(run.glob(place)) and process.returncode is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert list(run.glob(place))
    outcome = train("--resume", run)
    assert outcome.returncode == 0, outcome.stderr
    first, again = (json.loads((root / "folds.json").read_text()) for root in (whole[0], run))
    assert again == first
    expected, found = (load_weights(root / "model.npz")[0] for root in (whole[0], run))
    assert all(np.array_equal(found[key], values) for key, values in expected.items())
    done = train("--resume", run)
    assert done.returncode == 2
    assert "is finished" in done.stderr


def test_a_run_whose_config_was_changed_between_folds_is_refused(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "changed"
    process = Forked(ssdlite, "train", dataset, *OPTIONS, "--output", run)
    while not (run / "folds/1/run.json").exists() and process.returncode is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("seed: 0", "seed: 1"))
    outcome = train("--resume", run)
    assert outcome.returncode == 2
    assert "all folds have to be trained alike" in outcome.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--folds", "1"), "expected 2 to 20"),
        (("--folds", "21"), "expected 2 to 20"),
        (("--folds", "5", "--group-by", r"cam(\d+)_"), "makes 4 of the 12 images; take --folds 4 or fewer"),
        (("--folds", "2", "--group-by", "("), "no regular expression"),
        (("--group-by", "cam"), "here val validates"),
        (
            ("--folds", "2", "--minutes", ".2", "--set", "training.initial_weights=none"),
            "at least 6 seconds for each of 3 trainings, one a fold and one on all images; 0.2 minutes",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    dataset: Path, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    outcome = train(dataset, *options, "--output", tmp_path / "run")
    assert outcome.returncode == 2
    assert sentence in " ".join(outcome.stderr.split())
    assert not (tmp_path / "run").exists()
