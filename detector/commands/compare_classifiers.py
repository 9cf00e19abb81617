"""The half of ``ssdlite compare`` that compares classifiers, on pictures in folders of their classes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import echo
from detector.commands.options import RuntimeOptions, Selection, is_given
from detector.system.files import replacing
from detector.system.terminal import counted, printable

if TYPE_CHECKING:
    from detector.data.dataset import Dataset
    from detector.evaluation.classification import ClassificationResult
    from detector.evaluation.classification_comparison import PairedDifference, ResultComparison

_MOST_CLASSES, _MOST_IMAGES = 5, 5


def compare_classifiers(
    context: click.Context,
    dataset: Dataset,
    names: tuple[str, str],
    selection: Selection,
    runtime: RuntimeOptions,
) -> None:
    """Compare two classifiers, print and write what differs; ends with code 1 where B is worse.

    Args:
        context: of the command, for its other options.
        dataset: of named pictures.
        names: A and B, each a model, or a ``predictions.json`` on the same pictures.
        selection: which pictures.
        runtime: how the models are run.

    Raises:
        UsageError: an option that is of detectors.
        DetectorError: one of them cannot be evaluated on these pictures.
    """
    from detector.evaluation.classification_comparison import compare_results

    others = [each for each in context.command.params if each.name in ("images", "rounds", "input_sizes")]
    if given := [each.opts[0] for each in others if is_given(context, each.name or "")]:
        raise click.UsageError(
            f"{dataset.source} is a folder of pictures for each class, on which classifiers are compared: "
            f"leave out {', '.join(given)}."
        )
    for name in names:  # before the first looks at everything
        _open(name, runtime)
    first, second = (_result(name, dataset, selection, runtime) for name in names)
    comparison = compare_results(first, second)
    _print(comparison, names)
    tolerance, output = context.params["tolerance"], context.params["output"]
    loss = -100 * comparison.accuracy.difference.value
    if output is not None:
        _save(comparison, names, tolerance, output)
        echo(f"Wrote {output}.")
    if loss > tolerance:
        echo(f"B is worse by {loss:.2f} points of accuracy; the tolerance is {tolerance:g}.")
        sys.exit(1)
    echo(f"B is not worse by more than the tolerance of {tolerance:g} points of accuracy.")


def _open(name: str, runtime: RuntimeOptions) -> None:
    """Raise DetectorError where A or B cannot be opened."""
    from detector.evaluation.classification_file import load_result
    from detector.runtime.classifier import Classifier

    if Path(name).suffix.lower() == ".json":
        load_result(Path(name))
    else:
        Classifier.load(name, **runtime.for_loading())


def _result(
    name: str, dataset: Dataset, selection: Selection, runtime: RuntimeOptions
) -> ClassificationResult:
    """What a model says of the pictures, or what it said by its file."""
    from detector.api.classifier_evaluation import TRAINED_ON, evaluate_classifier
    from detector.evaluation.classification_file import load_result

    if Path(name).suffix.lower() == ".json":
        return load_result(Path(name))
    evaluation = evaluate_classifier(
        dataset,
        model=name,
        say=echo,
        progress=True,
        image_ids=selection.image_ids,
        limit=selection.limit,
        **runtime.for_loading(),
    )
    if evaluation.unmatched:
        echo(f"Left out, because {name} has no such class: {', '.join(evaluation.unmatched)}")
    if evaluation.contaminated:
        echo(f"Warning: of {name}: {TRAINED_ON}")
    return evaluation.result


def _print(comparison: ResultComparison, names: tuple[str, str]) -> None:
    from detector.evaluation.comparison import show_interval

    whole = comparison.accuracy
    echo(f"Accuracy in percent over {counted(whole.images, 'image')}, the same for both, 95 % intervals")
    for letter, name in zip("AB", names, strict=True):
        echo(f"  {letter}  {name}")
    echo(f"\n  {'':10}{'A':24}{'B':24}B minus A")
    both = f"{show_interval(whole.first):24}{show_interval(whole.second):24}"
    echo(f"  {'accuracy':10}{both}{_difference(whole)}")
    echo(f"  right in A alone: {whole.lost:,}, in B alone: {whole.won:,}")
    lost = [each for each in comparison.classes if each.difference.value < 0]
    _print_classes("Classes that lost most, recall", lost)
    won = [each for each in reversed(comparison.classes) if each.difference.value > 0]
    _print_classes("Classes that won most, recall", won)
    for title, images in (("Right in A alone", comparison.lost), ("Right in B alone", comparison.won)):
        if images:
            echo(f"\n{title}")
        for name in images[:_MOST_IMAGES]:
            echo(f"  {printable(name)}")
        if len(images) > _MOST_IMAGES:
            echo(f"  and {len(images) - _MOST_IMAGES:,} more")
    echo()


def _print_classes(title: str, classes: Sequence[PairedDifference]) -> None:
    if classes:
        echo(f"\n{title}")
    for each in classes[:_MOST_CLASSES]:
        echo(f"  {printable(each.name):20} {_difference(each)}  ({counted(each.images, 'image')})")


def _difference(each: PairedDifference) -> str:
    from detector.evaluation.comparison import show_interval

    chance = "beyond" if each.beyond_chance else "within"
    return f"{show_interval(each.difference, '+'):24}{chance} chance"


def _save(comparison: ResultComparison, names: tuple[str, str], tolerance: float, output: Path) -> None:
    record = {
        "A": names[0],
        "B": names[1],
        "tolerance": tolerance,
        "worse_by_more_than_tolerance": -100 * comparison.accuracy.difference.value > tolerance,
        **asdict(comparison),
    }
    with replacing(output) as temporary:
        temporary.write_text(json.dumps(record, indent=1), "utf-8")
