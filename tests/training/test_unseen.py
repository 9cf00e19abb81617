"""Folds that are trained to judge labels: what is planned, and that they can be interrupted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder
from detector.system.terminal import ignore
from detector.training.config_file import load_config
from detector.training.division import Division
from detector.training.job import Progress
from detector.training.run_folder import RunFolder
from detector.training.unseen import is_trained, plan_unseen, train_unseen
from detector.training.unseen_results import read_unseen
from tests.data.labelled import CLASSES, Photo, write_voc
from tests.training.forked import run_forked

SETTINGS = (
    "training.initial_weights=none",
    "training.batch_size=2",
    "training.batch_norm=frozen",
    "model.input_size=96",
    "model.width_multiplier=0.1",
)
QUICK = (*SETTINGS, "training.steps=3", "training.frozen_until=heads", "augmentation.crop=0")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    photos = [
        Photo(f"{n}.png", ((CLASSES[n % 2], 5 + n, 4, 40 + n, 40),), ("train", "train", "val")[n % 3], look=n)
        for n in range(9)
    ]
    return write_voc(tmp_path / "set", photos)


@pytest.mark.parametrize("size", [0.2, 0.7])
def test_the_plan_chooses_nothing_by_the_labels_that_are_judged(tmp_path: Path, size: float) -> None:
    side = int(100 * size)
    photos = [Photo(f"{n}.png", (("cat", 1, 1, side, side),), size_wh=(100, 100), look=n) for n in range(9)]
    plan = plan_unseen(write_voc(tmp_path / "set", photos), Division(folds=3), load_config(None, SETTINGS))
    training = plan.experiment.training
    assert training.steps == training.evaluate_every == 300  # one evaluation, at the end
    assert training.frozen_until == "none"  # new weights; no trial
    released = load_config(None, [*SETTINGS[1:], "model.width_multiplier=1", "model.input_size=300"])
    depth = plan_unseen(tmp_path / "set", Division(folds=3), released).experiment.training.frozen_until
    assert depth in ("block_3_expand", "block_13_expand")
    assert len(plan.whole.folds) == 3
    assert plan.minutes > 0


def judge(words: list[str]) -> None:
    """Train folds; with a third word, stop after so many points of the run."""
    dataset, root, *stop = words
    count = 0

    def watch(progress: Progress) -> None:
        nonlocal count
        count += bool(progress.metrics)
        if stop and count == int(stop[0]):
            raise KeyboardInterrupt

    plan = plan_unseen(Path(dataset), Division(folds=2), load_config(None, QUICK))
    try:
        train_unseen(plan, RunFolder(Path(root)), ignore, watch)
    except KeyboardInterrupt:
        sys.exit(130)


def is_ready(dataset: Path, run: Path) -> bool:
    return is_trained(RunFolder(run), plan_unseen(dataset, Division(folds=2), load_config(None, QUICK)))


@pytest.mark.slow
def test_folds_are_trained_once_go_on_after_an_interruption_and_anew_for_other_labels(
    dataset: Path, tmp_path: Path
) -> None:
    pytest.importorskip("official.core.base_trainer")
    run = tmp_path / "out/folds"
    stopped = run_forked(judge, dataset, run, 2)  # in the second fold
    assert stopped.returncode == 130, stopped.stderr
    assert not is_ready(dataset, run)
    first = (run / "folds/1/model.npz").stat().st_mtime_ns
    done = run_forked(judge, dataset, run)
    assert done.returncode == 0, done.stderr
    assert is_ready(dataset, run)
    assert (run / "folds/1/model.npz").stat().st_mtime_ns == first
    unseen = read_unseen(run, load_labelled_folder(dataset))
    assert (len(unseen.dataset.images), unseen.left_out, unseen.folds) == (9, 0, 2)
    for number in (1, 2):  # each is judged by the model that has not seen it
        judged = json.loads((run / f"folds/{number}/validation.json").read_text())["images"]
        assert len(judged) in (4, 5)
    label = dataset / "Annotations/0.xml"
    label.write_text(label.read_text().replace("<xmin>5", "<xmin>9"))
    assert not is_ready(dataset, run)
    again = run_forked(judge, dataset, run, 1)
    assert again.returncode == 130, again.stderr
    assert (run / "folds/1/model.npz").stat().st_mtime_ns != first
    assert not (run / "folds/2").exists()
    assert not is_ready(dataset, run)
