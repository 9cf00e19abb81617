"""The report that a training run leaves: its page, and how far its numbers may be chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from detector.api.classifier_run_report import leave_classifier_report
from detector.api.inputs import Say, load_dataset, read_detections
from detector.api.run_facts import describe_data, read_numbers
from detector.api.run_page import read_run
from detector.checks.diagnosis import NEXT_TO_NOTHING, diagnose
from detector.data.dataset import Dataset
from detector.evaluation.analysis import Analysis, analyse
from detector.evaluation.bootstrap import ROUNDS
from detector.evaluation.coco_metrics import compute_metrics
from detector.evaluation.evaluate import versions_used
from detector.report.page import HTML, About, write_report
from detector.system.invocation import command
from detector.system.terminal import counted, ignore
from detector.training.chance import describe_interval
from detector.training.fold_numbers import FoldNumbers
from detector.training.retention import tell_retention
from detector.training.run_folder import RunFolder
from detector.training.run_record import CLASSIFIER

# Detections times rounds of the intervals; more takes longer than the end of a run should.
_WORK, _LEAST_ROUNDS = 4_000_000, 200


def leave_report(run: RunFolder, say: Say) -> None:
    """Say how far AP or accuracy may be chance, write the page of a run that is over and say where it is, and
    what is worse than in the run that it goes on from; the run is whole without the page.
    """
    try:
        of_classifier = run.load_record().get("kind") == CLASSIFIER
        path = leave_classifier_report(run, say) if of_classifier else _leave_detector_report(run, say)
    except KeyboardInterrupt:
        say(f"Interrupted. The run is whole but for its report: {command('train', '--resume', run.root)}")
        raise
    except Exception as error:  # whatever it is, the training was not in vain
        reason = str(error).rstrip(".") or type(error).__name__
        say(
            f"Note: the run is whole, but its report could not be written ({reason}). Once that is put "
            f"right: {command('train', '--resume', run.root)}"
        )
    else:
        say(f"Open {path} in a browser: curves, the plan, the worst errors, what to photograph next.")
    for line in tell_retention(run):
        say(line)


def _leave_detector_report(run: RunFolder, say: Say) -> Path:
    analysis = analyse_run(run)
    chance = describe_interval(analysis.summary["AP"], analysis.summary["AP50"])
    if chance and not run.fold_numbers.exists():  # those of folds have been said, with their intervals
        say(chance)
    return write_run_report(run, analysis)


def analyse_run(run: RunFolder) -> Analysis:
    """Everything that can be said of the best weights of a run on the validation images; of one in folds, of
    those of all folds, each on the images that they have not seen.

    Raises:
        DetectorError: the run has not been evaluated, or its files are damaged.
    """
    measured = read_numbers(run.metrics)
    numbers = FoldNumbers.load(run.fold_numbers) if run.fold_numbers.exists() else None
    dataset = _load_validation(run, 0 if numbers is None else numbers.count)
    detections = read_detections(run.detections, dataset, ignore)
    unknown = measured.get("unmatched_categories")
    left_out = unknown if isinstance(unknown, list) else []
    ids = [id_ for id_, name in dataset.categories.items() if name not in left_out]
    metrics = compute_metrics(dataset, detections, ids)
    rounds = min(ROUNDS, max(_LEAST_ROUNDS, _WORK // max(1, len(detections))))
    if numbers is not None:  # with as many, the intervals are those that folds.json has
        rounds = numbers.rounds
    hopeless = metrics.summary["AP"] < NEXT_TO_NOTHING
    causes = diagnose(dataset, detections) if hopeless else []
    return analyse(dataset, detections, ids, metrics, rounds=rounds, causes=causes)


def _load_validation(run: RunFolder, folds: int) -> Dataset:
    """What a run was validated on; the images of all folds, where it has some."""
    if not folds:
        return load_dataset(run.validation, images_needed=False)
    parts = [load_dataset(run.fold(number).validation, images_needed=False) for number in range(1, folds + 1)]
    images = sorted((image for part in parts for image in part.images), key=lambda image: image.id)
    annotations = tuple(annotation for part in parts for annotation in part.annotations)
    return replace(parts[0], source=run.root, images=tuple(images), annotations=annotations)


def write_run_report(run: RunFolder, analysis: Analysis) -> Path:
    """The page of a run that is over, written into its folder: the report of its best weights on the
    validation images, with the training in front.

    Raises:
        DetectorError: the run's files are damaged, or the folder cannot be written.
    """
    settings = read_numbers(run.metrics).get("settings")
    images = len(analysis.dataset.images)
    measured_on = f"the best weights on {counted(images, 'validation image')}"
    if run.fold_numbers.exists():
        measured_on = f"{counted(images, 'image')}, each judged by a model that had not seen it"
    about = About(
        title=run.root.resolve().name,
        subtitle=f"{describe_data(run.load_record())}; {measured_on}, {date.today().isoformat()}",
        settings=settings if isinstance(settings, Mapping) else {},
        versions=versions_used(),
        run=read_run(run),
    )
    write_report(run.root, analysis, about)
    return run.root / HTML
