"""The half of ``ssdlite data check`` that asks a model: labels that look wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import echo
from detector.commands.correction_task import write_task
from detector.system.terminal import write_line

if TYPE_CHECKING:
    from detector.data.folder import LabelledFolder

TRAINED_HERE = "/\0"  # the value of --with-model without a run, which nobody can type
_FOLDS = 3
MOST = 60  # of a kind, on the page and in a task
PAGE, FINDINGS, RUN = "wrong_labels.html", "findings.json", "folds"


@dataclass(frozen=True)
class Asking:
    """Whether a model is asked, and what is made of its answers.

    Attributes:
        with_model: folder of a run; ``TRAINED_HERE`` for folds that are trained now; None for no model.
        tool: that the pictures are written for; None for none.
    """

    with_model: str | None
    tool: str | None

    def check(self, fix: Path | None) -> None:
        """Raise UsageError for what makes no sense together."""
        if self.with_model == "":
            raise click.UsageError(
                "--with-model is given an empty name; name a run, or leave it without one."
            )
        if self.with_model is None and self.tool is not None:
            raise click.UsageError("--to writes the pictures that --with-model finds; give it, too.")
        if self.with_model is not None and fix is not None:
            raise click.UsageError(
                "--with-model looks at labels as they are: write the repaired copy first, then look at that."
            )


def ask_model(
    asking: Asking, labelled: LabelledFolder, splits: tuple[str | None, str | None], output: Path
) -> None:
    """Print which labels look wrong, write the page and the findings, and a task where a tool is named.

    Args:
        asking: with a model.
        labelled: the dataset.
        splits: of training and validation, as they were asked for.
        output: folder of the files.

    Raises:
        DetectorError: folds cannot be trained, or the run cannot be used.
    """
    from detector.checks.correction_task import propose_corrections
    from detector.checks.suspect_facts import add_suspects, summarise
    from detector.checks.wrong_labels import find_suspects, shortlist
    from detector.evaluation.matching import build_scenes
    from detector.report.wrong_labels import write_page
    from detector.training.unseen_results import describe_unseen, read_unseen

    run = output / RUN if asking.with_model in (None, TRAINED_HERE) else Path(str(asking.with_model))
    if asking.with_model == TRAINED_HERE:
        train_folds(labelled, splits, run)
    unseen = read_unseen(run, labelled)
    judged = f"{describe_unseen(unseen, run)}."
    echo(f"\nAsked: {judged}")
    scenes, names = build_scenes(unseen.dataset, unseen.detections), unseen.dataset.categories
    suspects = find_suspects(scenes)
    told, shown = shortlist(suspects, len(suspects)), shortlist(suspects, MOST)
    echo(f"Labels that look wrong: {summarise(told)}." if told else "No label looks wrong.")
    page = output / PAGE
    write_page(page, labelled.root.resolve().name, (judged, told), scenes, shown, names)
    add_suspects(output / FINDINGS, labelled.root, scenes, told, names)
    if told:
        echo(f"Open {page} in a browser, the surest first. Not all are wrong: look before you change any.")
    if asking.tool is not None and shown:
        proposals = propose_corrections(scenes, shown, names)
        images = [scenes[number].image for number in proposals]
        write_task(asking.tool, images, list(proposals.values()), tuple(names.values()), output)
    elif asking.tool is not None:
        echo(f"There is nothing to correct, so nothing is written for {asking.tool}.")


def train_folds(labelled: LabelledFolder, splits: tuple[str | None, str | None], root: Path) -> None:
    """Train the folds in a folder, unless they are there already; time is told before, and a bar shown."""
    from tqdm import tqdm

    from detector.system.progress import bars_hidden, bars_wanted
    from detector.training.clock import describe_minutes
    from detector.training.division import Division
    from detector.training.job import Progress
    from detector.training.run_folder import RunFolder
    from detector.training.unseen import is_trained, plan_unseen, train_unseen

    plan, run = plan_unseen(labelled.root, Division(*splits, folds=_FOLDS)), RunFolder(root)
    if is_trained(run, plan):
        echo(f"\nThe models in {root} are of these labels, so none is trained again.")
        return
    echo(
        f"\n{_FOLDS} models are trained in {root}, each without the pictures that it will judge, look-alikes "
        f"among them. That takes {describe_minutes(plan.minutes)}."
    )
    steps = int(plan.experiment.training.steps)
    with tqdm(total=_FOLDS * steps, desc="training", unit="step", disable=bars_hidden(), leave=False) as bar:

        def show(progress: Progress) -> None:
            bar.update((int(progress.fold or 1) - 1) * steps + progress.step - bar.n)

        try:
            with bars_wanted(False):
                train_unseen(plan, run, write_line, show)
        except KeyboardInterrupt:
            write_line("Interrupted. The same command goes on where it was.")
            raise
