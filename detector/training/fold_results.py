"""What the runs of the folds have left, put together."""

from __future__ import annotations

import json
import re

from detector.data.annotations import Result
from detector.data.folder import LabelledFolder
from detector.data.raw_labels import relative_name
from detector.errors import DetectorError
from detector.evaluation.coco_metrics import compute_metrics
from detector.evaluation.evaluate import Evaluation, match_categories
from detector.evaluation.intervals import measure_classes, measure_intervals
from detector.system.invocation import command
from detector.system.reading import parsing, read_whole
from detector.training.config_file import load_config
from detector.training.fold_numbers import Fold, FoldNumber, FoldNumbers
from detector.training.manifest import NotWholeError, read_manifest
from detector.training.run_folder import RunFolder
from detector.weights import load_weights

_MOST_BYTES = 1 << 31


def judge_folds(run: RunFolder, whole: LabelledFolder) -> FoldNumbers:
    """The numbers of the folds, written into the run's folder with the pooled detections behind them.

    Raises:
        DetectorError: the files of a fold are not as they were written.
    """
    detections: list[Result] = []
    folds: list[Fold] = []
    by_class: list[dict[str, tuple[float, float]]] = []
    _, spec = load_weights(run.fold(1).weights)
    categories = sorted(set(match_categories(spec.classes, whole.val.categories).values()))
    for number, images in enumerate(whole.folds, start=1):
        found, fold = _read_fold(run, number, images)
        by_class.append(measure_classes(whole.val.select(images), found, categories))
        detections += found
        folds.append(fold)
    intervals = measure_intervals(whole.val, detections, categories)
    numbers = FoldNumbers(
        images=len(whole.train.images),
        ap=FoldNumber.of([fold.ap for fold in folds], intervals.ap),
        ap50=FoldNumber.of([fold.ap50 for fold in folds], intervals.ap50),
        classes={
            name: (
                FoldNumber.of([each[name][0] for each in by_class if name in each], ap),
                FoldNumber.of([each[name][1] for each in by_class if name in each], ap50),
            )
            for name, (ap, ap50) in intervals.classes.items()
        },
        folds=tuple(folds),
        rounds=intervals.rounds,
    )
    numbers.save(
        run.fold_numbers, {image.id: relative_name(image.path, whole.root) for image in whole.train.images}
    )
    _save_pooled(run, whole, detections, categories)
    return numbers


def _read_fold(run: RunFolder, number: int, images: frozenset[int]) -> tuple[list[Result], Fold]:
    """The detections of a fold's best weights on its images, and its numbers."""
    own = run.fold(number)
    try:
        facts = read_manifest(own.best)
    except NotWholeError as error:
        raise DetectorError(
            f"The results of {own.root} are not as they were written ({str(error).rstrip('.')}); remove that "
            f"folder to have it trained again, then `{command('train', '--resume', run.root)}`."
        ) from error
    with parsing(f"The results in {own.root} are damaged"):
        metrics = json.loads(read_whole(own.metrics, _MOST_BYTES))
        detections = json.loads(read_whole(own.detections, _MOST_BYTES))
        training = load_config(own.config).training
        record = own.load_record()
        most = record.get("most_steps", int(training.steps))
        steps = record.get("usual_steps") or most
        best = min(most, best_step(str(facts["weights"]), most))
        ap, ap50 = float(metrics["AP"]), float(metrics["AP50"])
    return detections, Fold(tuple(sorted(images)), ap, ap50, steps, best, training.frozen_until)


def _save_pooled(
    run: RunFolder, whole: LabelledFolder, detections: list[Result], categories: list[int]
) -> None:
    """Write ``metrics.json`` and ``detections.json`` of all images."""
    dataset = whole.val
    evaluation = Evaluation(
        metrics=compute_metrics(dataset, detections, categories),
        detections=detections,
        images=len(dataset.images),
        seconds=None,
        category_ids=tuple(categories),
        unmatched=tuple(name for id_, name in dataset.categories.items() if id_ not in categories),
        other_size=(),
        file_names={image.id: image.name for image in dataset.images},
        elsewhere={},
    )
    weights = f"those of {len(whole.folds)} folds, each on images that it was not trained on"
    settings = {"model": run.root.resolve().name, "weights": weights, "dataset": str(whole.root)}
    evaluation.save(run.root, settings)


def best_step(words: str, steps: int) -> int:
    """After how many steps the best weights came about, by the words that say so; all where they do not."""
    found = re.search(r"steps? ([\d,]+)|([\d,]+) steps?", words)
    return int((found[1] or found[2]).replace(",", "")) if found else steps
