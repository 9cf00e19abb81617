"""What is left of a run once it is over: numbers, pictures, and what to type next."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from detector.checks.diagnosis import diagnose
from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder
from detector.data.readers.coco import save_coco
from detector.errors import DetectorError
from detector.system.invocation import command, program
from detector.system.terminal import counted
from detector.training.classification.chance import tell_guesses
from detector.training.clock import describe_minutes
from detector.training.curves import draw_curves
from detector.training.fold_numbers import FoldNumbers
from detector.training.gallery import draw_gallery
from detector.training.job import Job
from detector.training.manifest import NotWholeError, read_manifest
from detector.training.measure import measure_of
from detector.training.run_folder import RunFolder
from detector.training.run_record import CLASSIFIER
from detector.weights import load_network

if TYPE_CHECKING:
    from detector.training.run import Outcome

_HOPELESS_AP = 0.01
_SHOWN_SCORE = 0.4


def report_run(job: Job, folder: LabelledFolder, outcome: Outcome) -> None:
    """Everything that is left of a run once it is over: numbers, pictures, and what to type next."""
    run, say = job.folder, job.say
    best = _read_best(run)
    job.validation.complete()
    metrics, measure = json.loads(run.metrics.read_bytes()), measure_of(job.spec)
    if outcome.stopped_early:
        patience = counted(job.plan.config.training.patience, "evaluation")
        say(f"The last {patience} brought no higher {measure.key}.")
    validation = job.validation
    share = validation.seconds / max(job.budget.seconds, 1e-9)
    speed = f" at {outcome.images_per_second:.0f} images/s" if outcome.images_per_second else ""
    say(
        f"Trained {counted(outcome.steps, 'step')}{speed}; with all else "
        f"{describe_minutes(job.budget.seconds / 60)}, {share:.0%} of it for "
        f"{counted(validation.count, 'evaluation')}. Best weights: {best}, "
        f"{measure.describe(metrics)} on {len(folder.val.images):,} validation images."
    )
    draw_curves(run.load_history(), run.curves)
    if folder.names_pictures:
        tell_guesses(folder.val, metrics["accuracy"], say)
    else:
        _show_detections(run, folder, metrics["AP"], say)
    if folder.test is not None:
        _evaluate_test(job, folder.test)
    save_coco(folder.val, run.validation)
    if run.load_record().get("fold") is not None:  # what folds tell is told once, of all of them
        return
    answers = "predictions.json" if folder.names_pictures else "pictures"
    say(f"{run.root} holds model.npz and model.tflite, config.yaml, metrics.json, history.jsonl, {answers}")
    shown = "" if folder.names_pictures else f"  {run.predictions}   predictions against truth\n"
    say(f"{shown}  {run.curves}   losses and {measure.key} over time")
    _say_next(run, say)


def _show_detections(run: RunFolder, folder: LabelledFolder, ap: float, say: Callable[[str], None]) -> None:
    """Leave a picture of a detector's answers, and say what its AP comes from where it is next to nothing."""
    detections = json.loads(run.detections.read_bytes())
    if ap < _HOPELESS_AP:
        say("An AP this low has a reason. What was found:")
        for finding in diagnose(folder.val, detections, training=folder.train):
            say(f"- {finding}")
    draw_gallery(folder.val, detections, run.predictions, score_threshold=_SHOWN_SCORE)


def next_commands(run: RunFolder) -> list[tuple[str, str]]:
    """What can be done with a run that is over: what it is, and what to type for it."""
    curves = ("see the curves in TensorBoard", program("tensorboard", "--logdir", run.tensorboard))
    if run.load_record().get("kind") == CLASSIFIER:
        return [
            ("name what a photograph shows", command("classify", "PHOTO", "--model", run.root)),
            ("export it", command("export", run.root)),
            curves,
        ]
    again = ("measure it again, in more ways", command("eval", run.validation, "--model", run.root))
    return [
        *([] if run.fold_numbers.exists() else [again]),  # a model of all images has none to be measured on
        ("find objects in a photograph", command("detect", "PHOTO", "--model", run.root)),
        ("see it live", command("demo", "--model", run.root)),
        curves,
    ]


def _say_next(run: RunFolder, say: Callable[[str], None]) -> None:
    say("\n".join(["Next:", *(f"  {typed}" for _, typed in next_commands(run))]))


def report_final(job: Job, folder: LabelledFolder, outcome: Outcome) -> None:
    """The same of the model of all images, whose numbers are those that the folds found."""
    run, say = job.folder, job.say
    numbers = FoldNumbers.load(run.fold_numbers)
    say(f"Trained {counted(outcome.steps, 'step')} on all {len(folder.train.images):,} images.")
    for line in numbers.lines():
        say(line)
    draw_curves(run.load_history(), run.curves)
    detections = json.loads(run.detections.read_bytes())
    draw_gallery(folder.val, detections, run.predictions, score_threshold=_SHOWN_SCORE)
    if folder.test is not None:
        _evaluate_test(job, folder.test)
    say(
        f"{run.root} holds model.npz and model.tflite, of all images; folds.json, the numbers; folds/1 "
        f"to {numbers.count}, the runs of the folds"
    )
    say(f"  {run.predictions}   predictions against truth, each by a model that had not seen the image")
    _say_next(run, say)


def _read_best(run: RunFolder) -> str:
    """When the best weights came about, in words; that they can be read is made sure of first."""
    try:
        return str(read_manifest(run.best)["weights"])
    except (NotWholeError, LookupError) as error:
        raise DetectorError(
            f"The best weights in {run.root} are not as they were written ({str(error).rstrip('.')}); "
            f"put that right with `{command('train', '--resume', run.root)}`."
        ) from error


def _evaluate_test(job: Job, test: Dataset) -> None:
    """The number on the split that had no part in choosing anything."""
    evaluation = job.validation.look(load_network(job.folder.weights)[0], test)
    source = {"dataset": str(test.source), "split": test.split}
    evaluation.save(job.folder.root / "test", {"model": job.spec.name, **source})
    numbers = measure_of(job.spec).describe(evaluation.summary)
    job.say(
        f"On {counted(evaluation.images, 'image')} of {test.split}, which had no say in anything: {numbers}."
    )
