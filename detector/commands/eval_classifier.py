"""The half of ``ssdlite eval`` that measures classifiers, on pictures in folders of their classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import echo
from detector.commands.options import ModelOptions, Selection, is_given
from detector.errors import DatasetError
from detector.labels import short_names
from detector.system.files import check_writable
from detector.system.terminal import counted, printable

if TYPE_CHECKING:
    from detector.api.classifier_evaluation import ClassifierEvaluation
    from detector.data.dataset import Dataset
    from detector.evaluation.bootstrap import Interval
    from detector.evaluation.classification import ClassificationResult

# Options that say something of pictures in folders and of whoever names them; all others are of detectors.
_TAKEN = {
    *("dataset", "model", "trust", "backend", "threads", "split", "image_ids", "limit", "input_size"),
    *("per_class", "output", "report"),
}
_MOST_CLASSES = 30  # in the table, unless all are asked for
_MOST_PAIRS, _MOST_MISSES = 5, 5
_LONGEST_NAME = 28


def evaluate_pictures(
    context: click.Context, dataset: Dataset, chosen: ModelOptions, selection: Selection
) -> None:
    """Evaluate a classifier, print and write what is asked for.

    Args:
        context: of the command, for its other options.
        dataset: of named pictures.
        chosen: the model.
        selection: which pictures.

    Raises:
        UsageError: an option that is of detectors.
        DetectorError: no classifier is named, or it cannot be evaluated on these pictures.
    """
    from detector.api.classifier_evaluation import TRAINED_ON, evaluate_classifier

    others = [each for each in context.command.params if each.name not in _TAKEN]
    given = [each.opts[0] for each in others if is_given(context, each.name or "")]
    if given:
        raise click.UsageError(
            f"{dataset.source} is a folder of pictures for each class, which a classifier is measured on: "
            f"leave out {', '.join(given)}."
        )
    if not is_given(context, "model"):
        raise DatasetError(
            f"{dataset.source} is a folder of pictures for each class; name the classifier to measure on it "
            "with --model."
        )
    output, report = context.params["output"], context.params["report"]
    for folder in filter(None, (output, report)):
        check_writable(folder)
    evaluation = evaluate_classifier(
        dataset,
        model=chosen.model,
        say=echo,
        progress=True,
        image_ids=selection.image_ids,
        limit=selection.limit,
        backend=chosen.backend,
        threads=chosen.threads,
        trust=chosen.trust,
        input_size=context.params["input_size"],
    )
    _print(evaluation, all_classes=context.params["per_class"])
    if evaluation.contaminated:
        echo(f"Warning: {TRAINED_ON}")
    _write(evaluation, output, report)


def _write(evaluation: ClassifierEvaluation, output: Path | None, report: Path | None) -> None:
    from detector.evaluation.classification import METRICS, PREDICTIONS
    from detector.report.page import HTML, JSON

    if output is not None:
        evaluation.save(output)
        echo(f"Wrote {output / METRICS} and {output / PREDICTIONS}.")
    if report is not None:
        evaluation.report(report, progress=True)
        echo(f"Wrote {report / HTML} and {report / JSON}.")


def _print(evaluation: ClassifierEvaluation, *, all_classes: bool) -> None:
    result = evaluation.result
    if evaluation.unmatched:
        echo(f"Left out, because the model has no such class: {', '.join(evaluation.unmatched)}")
    _print_classes(result, all_classes)
    if pairs := result.confusions(_MOST_PAIRS):
        echo("\nMost often confused")
        for pair in pairs:
            both = f"{printable(pair.truth)} called {printable(pair.predicted)}"
            echo(f"  {both}: {pair.count:,} of {pair.images:,}")
    if misses := result.misses(_MOST_MISSES):
        echo("\nWrong with the highest scores")
        for miss in misses:
            echo(f"  {printable(miss.name)}: called {printable(miss.predicted)} {miss.score:.2f}")
    echo("\nIn percent, with 95 % intervals")
    numbers = [("accuracy", result.accuracy_interval), ("balanced accuracy", result.balanced_interval)]
    if (top5 := result.top5_interval) is not None:
        numbers.append(("top-5 accuracy", top5))
    for name, found in numbers:
        echo(f"  {name:19}{_shown(found)}")
    echo(f"  {'calibration error':19}{100 * result.calibration_error:5.1f}")
    classifier = evaluation.classifier
    echo(
        f"\n{counted(len(result.names), 'image')}, split {evaluation.dataset.split}, backend "
        f"{classifier.backend_name}, {counted(classifier.threads, 'thread')}, input size "
        f"{evaluation.settings['input_size']}"
    )
    echo(f"{evaluation.images_per_second:.1f} images/s, from files to answers")


def _print_classes(result: ClassificationResult, all_classes: bool) -> None:
    """The classes that have images, from the worst to the best."""
    ordered = sorted((each for each in result.per_class if each.images), key=lambda each: each.recall.value)
    shown = ordered if all_classes else ordered[:_MOST_CLASSES]
    names = short_names([printable(each.name) for each in shown], _LONGEST_NAME)
    width = max(5, *map(len, names))
    echo(f"\n  {'class':{width}}{'images':>8}  {'recall':24}precision")
    for name, each in zip(names, shown, strict=True):
        precision = _shown(each.precision) if each.predicted else "none called so"
        echo(f"  {name:{width}}{each.images:>8,}  {_shown(each.recall):24}{precision}")
    if len(shown) < len(ordered):
        echo(f"  and {len(ordered) - len(shown):,} better ones; --per-class shows all")


def _shown(found: Interval) -> str:
    return f"{100 * found.value:5.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"
