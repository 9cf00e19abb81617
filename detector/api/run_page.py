"""The page of a training run: as far as it has come, or the report that it left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from detector.api.run_facts import read_numbers, read_test, read_training
from detector.errors import DetectorError
from detector.report.page import HTML, build_live_page
from detector.report.run import Evaluated, RunFacts, percent_of
from detector.system.invocation import command
from detector.system.reading import parsing
from detector.system.terminal import counted
from detector.training.fold_numbers import FoldNumbers
from detector.training.run_folder import RunFolder


def render_page(run: RunFolder, script: str, *, running: bool) -> str:
    """The page of a run: its report once that is written, before that how far it is.

    Args:
        run: its folder, which need not be there yet.
        script: address of what keeps the page up to date.
        running: whether somebody trains in it.
    """
    report = run.root / HTML
    try:
        if run.record.exists() and run.load_record().get("finished") and _is_newer(report, run.record):
            return report.read_text("utf-8")
        facts = read_run(run, running=running)
    except DetectorError as error:  # a damaged file is the training's to deal with
        facts = RunFacts(name=run.root.resolve().name, state=str(error))
    return build_live_page(facts, script)


def read_run(run: RunFolder, *, running: bool = False) -> RunFacts:
    """What the files of a run tell of it, as far as it is; of one in folds, what their files tell, too.

    Args and errors are those of ``read_training``.
    """
    facts = read_training(run, running=running)
    record: Mapping[str, object] = run.load_record() if run.record.exists() else {}
    count = record.get("folds")
    if "folded" not in record or not isinstance(count, int):
        return facts
    begun = [number for number in range(1, count + 1) if run.fold(number).record.exists()]
    trained = [number for number in begun if run.fold(number).is_finished()]
    numbers = FoldNumbers.load(run.fold_numbers) if run.fold_numbers.exists() else None
    facts = replace(
        facts,
        folds=[_judged(run.fold(number), number) for number in trained],
        pooled=[f"AP: {numbers.ap}.", f"AP50: {numbers.ap50}."] if numbers else [],
    )
    if record["folded"] and numbers:
        return _with_numbers(run, facts, numbers, finished=record.get("finished") is True, running=running)
    return _in_fold(run, facts, begun[-1] if begun else 1, count, running=running)


def _judged(own: RunFolder, number: int) -> Evaluated:
    """The numbers of the model of a fold on its images."""
    metrics = read_numbers(own.metrics)
    with parsing(f"{own.metrics} is damaged"):
        images, ap, ap50 = int(str(metrics["images"])), float(str(metrics["AP"])), float(str(metrics["AP50"]))
    return Evaluated(f"fold {number}: {counted(images, 'image')}", None, ap, ap50)


def _in_fold(run: RunFolder, facts: RunFacts, number: int, count: int, *, running: bool) -> RunFacts:
    """The facts of a run whose folds are not all trained: those of the last one that was begun."""
    own = read_training(run.fold(number), running=running)
    state = f"Fold {number} of {count}. {own.state if run.fold(number).record.exists() else 'It comes next.'}"
    if not running:
        state = (
            f"Not finished: fold {number} of {count}. Go on with: {command('train', '--resume', run.root)}"
        )
    cards = [("fold", f"{number}", f"of {count}")]
    for name, value, about in own.cards:
        cards.append((name, value, f"for this fold, {about}" if name == "time left" else about))
    return replace(
        own,
        name=facts.name,
        about=facts.about,
        state=state,
        cards=cards,
        folds=facts.folds,
        pooled=facts.pooled,
        commands=[],
    )


def _with_numbers(
    run: RunFolder, facts: RunFacts, numbers: FoldNumbers, *, finished: bool, running: bool
) -> RunFacts:
    """The facts of a run that trains on all images, or has done so: its numbers are those of the folds."""
    values = {"AP": numbers.ap, "AP50": numbers.ap50}
    cards = [
        (name, percent_of(values[name].value), "pooled over the folds")
        if name in values
        else (name, value, about)
        for name, value, about in facts.cards
    ]
    facts = replace(facts, cards=cards)
    if finished:
        state = f"Finished: {numbers.count} folds, then {counted(facts.steps, 'step')} on all images."
        return replace(facts, state=state, news=read_test(run))
    return replace(facts, state=f"The folds are trained. All images: {facts.state}") if running else facts


def _is_newer(path: Path, than: Path) -> bool:
    return path.is_file() and path.stat().st_mtime_ns >= than.stat().st_mtime_ns
