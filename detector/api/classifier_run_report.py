"""The report that the training of a classifier leaves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from detector.api.inputs import Say, load_dataset
from detector.api.run_facts import describe_data, read_numbers
from detector.api.run_page import read_run
from detector.evaluation.classification_file import load_result
from detector.evaluation.evaluate import versions_used
from detector.report.classifier import write_classifier_report
from detector.report.markup import percent
from detector.report.page import HTML, About
from detector.system.terminal import counted
from detector.training.run_folder import RunFolder

_MOST_TOLD = 3  # confusions


def leave_classifier_report(run: RunFolder, say: Say) -> Path:
    """The page of a run that is over: the report of its best weights on the validation images, with the
    training in front. How far accuracy may be chance, and what is confused most, is said.

    Raises:
        DetectorError: the run's files are damaged, or the folder cannot be written.
    """
    result = load_result(run.scores)
    whole, balanced = result.accuracy_interval, result.balanced_interval
    say(
        f"By chance alone (95 %) accuracy could be {percent(whole.low)} to {percent(whole.high)}, balanced "
        f"accuracy {percent(balanced.low)} to {percent(balanced.high)}."
    )
    if told := result.confusions(_MOST_TOLD):
        pairs = (f"{each.truth} called {each.predicted} {each.count} of {each.images}" for each in told)
        say(f"Confused most: {'; '.join(pairs)}.")
    settings = read_numbers(run.metrics).get("settings")
    about = About(
        title=run.root.resolve().name,
        subtitle=f"{describe_data(run.load_record())}; the best weights on "
        f"{counted(len(result.names), 'validation image')}, {date.today().isoformat()}",
        settings=settings if isinstance(settings, Mapping) else {},
        versions=versions_used(),
        run=read_run(run),
    )
    images = load_dataset(run.validation, images_needed=False).images
    write_classifier_report(run.root, result, images, about)
    return run.root / HTML
