"""What the files of one training tell of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detector.errors import DetectorError
from detector.report.run import Evaluated, Kept, RunFacts, Series, best_of, percent_of
from detector.system.invocation import command
from detector.system.reading import parsing, read_whole
from detector.system.terminal import counted
from detector.training.clock import describe_minutes
from detector.training.config import AUTO
from detector.training.final_report import next_commands
from detector.training.history import HistoryEntry, read_series, smooth, value_of
from detector.training.measure import ACCURACY, AP, Measure
from detector.training.plan import describe_depth
from detector.training.retention import RETENTION, Retention
from detector.training.run_folder import RunFolder
from detector.training.run_record import CLASSIFIER, RunRecord

_LOSSES = {
    "loss": "total",
    "classification_loss": "classification",
    "localization_loss": "localization",
}
_MOST_POINTS = 300  # of a curve; more cannot be seen
_PACE = 10  # points of the losses that tell how fast it is now
_MOST_BYTES = 16 << 20


def read_training(run: RunFolder, *, running: bool = False) -> RunFacts:
    """What the files of a training tell of it, as far as it is; nothing but its name where there is none yet.

    Args:
        run: its folder.
        running: whether somebody trains in it.

    Raises:
        DetectorError: a file is damaged.
    """
    record: RunRecord = run.load_record() if run.record.exists() else {}
    history = run.load_history() if record else []
    planned = _setting(record, "steps")
    steps = planned if isinstance(planned, int) else 0
    own = [entry for entry in history if "trial" not in entry]
    done = max((entry["step"] for entry in own), default=0)
    finished = record.get("finished") is True
    measure = ACCURACY if record.get("kind") == CLASSIFIER else AP
    evaluations = [_evaluated(entry, measure) for entry in history if measure.key in entry]
    return RunFacts(
        name=run.root.resolve().name,
        about=describe_data(record),
        state=_describe_state(run, history, steps, measure, finished=finished, running=running),
        news=_tell_test(run, measure) if finished else _tell_last(evaluations, measure),
        steps=max(steps, done),
        cards=_cards(own, measure, steps, _limit(record), running=running and not finished),
        losses=[_loss(own, key) for key in _LOSSES if len(read_series(own, key)[0])],
        evaluations=evaluations,
        plan=[*_texts(record.get("plan")), *_decided_by_trials(record, history)],
        trained=_counts(record.get("objects")),
        commands=next_commands(run) if finished else [],
        kept=_read_kept(run) if finished else None,
        measures=(measure.key, measure.second_name),
    )


def _read_kept(run: RunFolder) -> Kept | None:
    """What a run has kept of the one that it goes on from; None for others."""
    path = run.root / RETENTION
    if not path.exists():
        return None
    retention = Retention.load(path)
    return Kept(retention.title, retention.rows(), retention.conclusion)


def describe_data(record: RunRecord) -> str:
    """What a run is trained on, by its record."""
    if not record:
        return "no step has been taken yet"
    return f"trained on {record.get('dataset', '?')}, {record.get('split') or 'split as asked for'}"


def _describe_state(
    run: RunFolder,
    history: Sequence[HistoryEntry],
    steps: int,
    measure: Measure,
    *,
    finished: bool,
    running: bool,
) -> str:
    """How far it is, in a sentence."""
    own = [entry["step"] for entry in history if "trial" not in entry]
    done = max(own, default=0)
    if finished:
        early = f" of {steps:,}: the last evaluations brought no higher {measure.key}" if done < steps else ""
        return f"Finished after step {done:,}{early}. The best weights: {_best_from(run)}."
    if not running:
        return (
            f"Not finished: step {done:,} of {steps:,}. Go on with: {command('train', '--resume', run.root)}"
        )
    if done >= steps > 0:
        return "All steps are done; the numbers of the end are being measured."
    if own:
        return f"Step {done:,} of {steps:,}."
    tried = sum("trial" in entry for entry in history)
    if tried:
        return f"Found out so far how much of the network to train: {counted(tried, 'trial')}."
    return "Begun; the first steps are being taken." if steps else "Images and labels are being read."


def _best_from(run: RunFolder) -> str:
    """When the best weights came about, in words."""
    try:
        return str(read_numbers(run.best)["weights"])
    except (DetectorError, LookupError):
        return "not known"


def _cards(
    own: Sequence[HistoryEntry], measure: Measure, steps: int, limit: float | None, *, running: bool
) -> list[tuple[str, str, str]]:
    done = max((entry["step"] for entry in own), default=0)
    evaluated = [_evaluated(entry, measure) for entry in own if measure.key in entry]
    best = best_of(evaluated, measure.key)
    at = "no evaluation yet" if best is None else f"best so far, {best.when}"
    cards = [
        ("step", f"{done:,}", f"of {steps:,}" if steps else ""),
        (measure.key, "-" if best is None else percent_of(best.ap), at),
        (measure.second_name, "-" if best is None else percent_of(best.ap50), at),
    ]
    speed = [entry["images_per_second"] for entry in own if "images_per_second" in entry]
    if speed:
        cards.append(("images/s", f"{speed[-1]:.0f}", "while it trains"))
    if running and (left := _minutes_left(own, steps, limit)) is not None:
        about = "at this pace" if limit is None else f"of {limit:.3g} minutes"
        cards.insert(1, ("time left", describe_minutes(left).removeprefix("about "), about))
    return cards


def _limit(record: RunRecord) -> float | None:
    """The minutes that a run has; None for as many as it takes."""
    minutes = _setting(record, "minutes")
    return float(minutes) if isinstance(minutes, (int, float)) else None


def _minutes_left(own: Sequence[HistoryEntry], steps: int, limit: float | None) -> float | None:
    """To the limit, or at the pace of the last points, evaluations included; None before it is known."""
    timed = [entry for entry in own if "seconds" in entry]
    if len(timed) < 3:
        return None
    if limit is not None:  # the steps are fitted into it, and their number may still change
        return max(0.0, limit - timed[-1]["seconds"] / 60)
    first, last = timed[max(0, len(timed) - 1 - _PACE)], timed[-1]
    done, seconds = last["step"] - first["step"], last["seconds"] - first["seconds"]
    return max(0, steps - last["step"]) * seconds / done / 60 if done > 0 else None


def _loss(own: Sequence[HistoryEntry], key: str) -> Series:
    """A loss, smoothed, with as many points as can be seen."""
    steps, values = read_series(own, key)
    chosen = np.unique(np.linspace(0, len(steps) - 1, _MOST_POINTS).round().astype(int))
    return Series(_LOSSES[key], steps[chosen].tolist(), smooth(values)[chosen].tolist())


def _evaluated(entry: HistoryEntry, measure: Measure) -> Evaluated:
    trial = entry.get("trial")
    when = f"step {entry['step']:,}" if trial is None else f"trial, {describe_depth(trial)}"
    first, second = (value_of(entry, key) for key in (measure.key, measure.second_key))
    step = entry["step"] if trial is None else None
    return Evaluated(when, step, -1 if first is None else first, -1 if second is None else second)


def _tell_last(evaluations: Sequence[Evaluated], measure: Measure) -> str:
    if not evaluations:
        return ""
    last = evaluations[-1]
    words = f"{last.when[0].upper()}{last.when[1:]}"
    return f"{words}: {measure.key} {percent_of(last.ap)}, {measure.second_name} {percent_of(last.ap50)}."


def _tell_test(run: RunFolder, measure: Measure) -> str:
    told = read_test(run, measure)
    chosen = "All numbers below are of the validation images, by which the best weights were chosen."
    return f"{told} {chosen}" if told else ""


def read_test(run: RunFolder, measure: Measure = AP) -> str:
    """The numbers of the test split in a sentence; nothing where the run has none."""
    path = run.root / "test" / run.metrics.name
    if not path.is_file():
        return ""
    numbers = read_numbers(path)
    first, second, images = (numbers.get(key) for key in (measure.key, measure.second_key, "images"))
    if not (isinstance(first, float) and isinstance(second, float) and isinstance(images, int)):
        return ""
    return (
        f"On {counted(images, 'test image')}, which had no say in anything: {measure.key} "
        f"{percent_of(first)}, {measure.second_name} {percent_of(second)}."
    )


def read_numbers(path: Path) -> dict[str, object]:
    """What a file of JSON holds by name; DetectorError where it is missing or damaged."""
    content = read_whole(path, _MOST_BYTES)
    with parsing(f"{path} is damaged"):
        numbers = json.loads(content)
        if not isinstance(numbers, dict):
            raise TypeError("no JSON object")
    return numbers


def _setting(record: RunRecord, name: str) -> object:
    """A key of the training as it was settled; None where a record does not have it."""
    try:
        return record["config"]["training"][name]
    except (LookupError, TypeError):
        return None


def _texts(value: object) -> list[str]:
    """Lines of a record that may have been edited; none where they are none."""
    return [line for line in value if isinstance(line, str)] if isinstance(value, list) else []


def _decided_by_trials(record: RunRecord, history: Sequence[HistoryEntry]) -> list[str]:
    """What the trials before a run have decided, as a reason of its plan."""
    depth = _setting(record, "frozen_until")
    if not isinstance(depth, str) or depth == AUTO or not any("trial" in entry for entry in history):
        return []
    return [f"(trained: {describe_depth(depth)}, as the trials have shown)"]


def _counts(value: object) -> dict[str, int] | None:
    if not isinstance(value, dict):
        return None
    return {str(name): count for name, count in value.items() if type(count) is int}
