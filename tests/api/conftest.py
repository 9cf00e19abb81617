"""A run that is over, without a training."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.readers.coco import save_coco
from detector.evaluation.evaluate import evaluate_detections
from detector.evaluation.intervals import measure_intervals
from detector.training.fold_numbers import Fold, FoldNumber, FoldNumbers
from detector.training.run_folder import RunFolder
from tests.evaluation.noisy_detections import NAMES, build_dataset, with_noise
from tests.training.small_run import begin_run, validation_of, write_run, write_shapes

PLAN = ["   dataset  shapes", "            (input size: 96, as was asked for)"]


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "shapes")


@pytest.fixture
def ended(shapes: Path, tmp_path: Path) -> RunFolder:
    """A run that has come to its end."""
    run = write_run(tmp_path / "run", shapes)
    save_coco(validation_of(run).dataset, run.validation)
    run.update_record(plan=PLAN, objects={"cat": 2, "dog": 2, "traffic light": 2}, finished=True)
    return run


@pytest.fixture
def folded(shapes: Path, tmp_path: Path) -> RunFolder:
    """A run in two folds that has come to its end; its images and detections are made up."""
    run, dataset = begin_run(tmp_path / "run", shapes), build_dataset(24)
    run.update_record(folds=2, folded=True, plan=PLAN, split="2 folds", finished=True)
    run.append_history({"step": 9, "loss": 1.0})
    pooled, folds = [], []
    for number in (1, 2):
        held = frozenset(image.id for image in dataset.images if image.id % 2 == number % 2)
        own, part = begin_run(run.fold(number).root, shapes), dataset.select(held)
        evaluation = evaluate_detections(part, with_noise(part))
        evaluation.save(own.root, {})
        save_coco(part, own.validation)
        own.append_history({"step": 3 * number, **evaluation.metrics.summary})
        own.update_record(folds=2, fold=number, plan=PLAN, finished=True)
        pooled += evaluation.detections
        ap, ap50 = (evaluation.metrics.summary[name] for name in ("AP", "AP50"))
        folds.append(Fold(tuple(sorted(held)), ap, ap50, 9, 9, "heads"))
    found = measure_intervals(dataset, pooled, NAMES, rounds=200)
    ap, ap50 = (
        FoldNumber.of([getattr(fold, name) for fold in folds], getattr(found, name))
        for name in ("ap", "ap50")
    )
    numbers = FoldNumbers(len(dataset.images), ap, ap50, {}, tuple(folds), found.rounds)
    numbers.save(run.fold_numbers, {image.id: image.name for image in dataset.images})
    evaluate_detections(dataset, pooled).save(run.root, {"weights": "those of 2 folds"})
    return run
