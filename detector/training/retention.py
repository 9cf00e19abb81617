"""What a model that goes on from an earlier one has kept: both measured on what validated the earlier one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from detector.data.readers.coco import load_coco
from detector.errors import DetectorError
from detector.evaluation.bootstrap import LEAST_IMAGES, ROUNDS, Interval
from detector.evaluation.comparison import (
    ClassDifference,
    Difference,
    compare_detections,
    show_difference,
    show_interval,
)
from detector.evaluation.measure import nan_to_minus_1
from detector.labels import listing
from detector.system.files import replacing
from detector.system.reading import parsing, read_whole
from detector.system.terminal import counted
from detector.training.run_folder import RunFolder
from detector.training.validation import evaluate_weights
from detector.weights import load_weights

RETENTION = "retention.json"  # in the folder of a run that goes on from another
# Detections times rounds of the intervals; more takes longer than the end of a run should.
_WORK, _LEAST_ROUNDS = 4_000_000, 200
_MOST_CLASSES = 10  # that are told line by line
_MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class Retention:
    """How a model differs from the one that it began from, on what validated that one.

    Attributes:
        before: what it began from.
        dataset: where the images come from.
        images: how many there are.
        rounds: resamplings of the images, for the intervals.
        summary: AP, AP50 and the like by name, before, after, and the difference, in [0, 1].
        classes: AP of those of the earlier model that have objects, the greatest loss first.
    """

    before: str
    dataset: str
    images: int
    rounds: int
    summary: Mapping[str, Difference]
    classes: tuple[ClassDifference, ...]

    @property
    def worse_classes(self) -> list[ClassDifference]:
        """Those with a lower AP than before, the greatest loss first."""
        return [each for each in self.classes if each.ap.difference.value < 0]

    def warning(self) -> str | None:
        """A sentence where something is worse beyond chance; None where nothing is, or where there are too
        few images to tell.
        """
        if self.images < LEAST_IMAGES:
            return None
        lost = [("all classes together", self.summary["AP"])]
        lost += [(each.name, each.ap) for each in self.worse_classes]
        beyond = [(name, each) for name, each in lost if each.difference.value < 0 and each.beyond_chance]
        if not beyond:
            return None
        losses = [f"{name} by {-100 * each.difference.value:.1f}" for name, each in beyond]
        told = listing(losses, _MOST_CLASSES)
        return f"Warning: worse than before, beyond chance, in points of AP: {told}."

    @property
    def conclusion(self) -> str:
        """A warning, that there is none to be given, or that nothing can be told."""
        if self.images < LEAST_IMAGES:
            return "So few images say nothing about others, whatever the intervals."
        return self.warning() or "Nothing is worse than before beyond chance."

    @property
    def title(self) -> str:
        """What was measured."""
        return f"What is kept, on {counted(self.images, 'image')} that validated {self.before}"

    def lines(self) -> Iterator[str]:
        """What became of the earlier model's AP, over all and of what got worse, and a warning if need be."""
        yield f"{self.title}: AP in percent before, after, and the difference with its 95 % interval"
        yield _row("all", self.summary["AP"])
        for each in self.worse_classes[:_MOST_CLASSES]:
            yield _row(each.name, each.ap)
        better = len(self.classes) - len(self.worse_classes)
        hidden = max(0, len(self.worse_classes) - _MOST_CLASSES)
        rest = [f"{counted(hidden, 'more class', 'more classes')} lower than before"] if hidden else []
        rest += [f"{counted(better, 'class', 'classes')} no lower than before"] if better else []
        if rest:
            yield f"  {', '.join(rest)}"
        yield self.conclusion

    def rows(self) -> list[tuple[str, str, str, str]]:
        """All classes together, then each class: AP before and after, and the difference, with intervals."""
        named = [("all classes together", self.summary["AP"])]
        named += [(each.name, each.ap) for each in self.classes]
        return [(name, _show(each.first), _show(each.second), _say(each)) for name, each in named]

    def save(self, path: Path) -> None:
        """Write it as JSON; -1 is what is undefined."""
        record = {**asdict(self), "warning": self.warning()}
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(nan_to_minus_1(record), indent=1))

    @classmethod
    def load(cls, path: Path) -> Retention:
        """That of a file; DetectorError where it is damaged."""
        with parsing(f"{path} is damaged"):
            record = json.loads(read_whole(path, _MOST_BYTES))
            summary = {str(name): _difference(each) for name, each in record["summary"].items()}
            summary["AP"]
            classes = tuple(
                ClassDifference(
                    str(each["name"]), int(each["objects"]), int(each["images"]), _difference(each["ap"])
                )
                for each in record["classes"]
            )
            places = str(record["before"]), str(record["dataset"])
            return cls(*places, int(record["images"]), int(record["rounds"]), summary, classes)


def measure_retention(before: Path, run: RunFolder) -> Retention:
    """What the best weights of a run have kept of those of an earlier one, in a paired bootstrap over images.

    Args:
        before: weights of the earlier run.
        run: the new run; its network has all classes of the earlier one.

    Raises:
        DetectorError: images or weights are missing or cannot be read, or there is no object to look for.
    """
    dataset = load_coco(run.old_validation)
    sides = [evaluate_weights(*load_weights(path), dataset) for path in (before, run.weights)]
    detections = [side.detections for side in sides]
    rounds = min(ROUNDS, max(_LEAST_ROUNDS, _WORK // max(1, *map(len, detections))))
    compared = compare_detections(dataset, *detections, category_ids=sides[0].category_ids, rounds=rounds)
    if not compared.classes:
        raise DetectorError(f"{run.old_validation} has no object of a class of {before}.")
    images = len(dataset.images)
    return Retention(
        str(before.parent), str(run.old_validation), images, rounds, compared.summary, tuple(compared.classes)
    )


def leave_retention(run: RunFolder) -> None:
    """Measure what a run that went on from another has kept, and write it down; nothing for others.

    Raises:
        DetectorError: see ``measure_retention``; the run is gone on with once that is put right.
    """
    origin = run.load_record().get("origin")
    if origin is not None and run.old_validation.exists():
        measure_retention(RunFolder(Path(origin["run"])).weights, run).save(run.root / RETENTION)


def tell_retention(run: RunFolder) -> Iterator[str]:
    """What is to be said of what a run that is over has kept; nothing of one that went on from no other."""
    if (run.root / RETENTION).exists():
        yield from Retention.load(run.root / RETENTION).lines()
    elif (origin := run.load_record().get("origin")) is not None:
        yield (
            f"Warning: the images that validated {origin['run']} were not at hand, so it was not measured "
            "what this model does worse."
        )


def _show(interval: Interval) -> str:
    shown = show_interval(interval).strip()
    return shown if interval.low == interval.low else shown.split()[0]


def _row(name: str, each: Difference) -> str:
    values = " -> ".join(_show(side).split()[0] for side in (each.first, each.second))
    return f"  {name:20} {values:16} {_say(each)}"


def _say(each: Difference) -> str:
    """A difference in percent, and how far it may be chance."""
    if each.difference.low != each.difference.low:
        return f"{100 * each.difference.value:+.2f} in too few images to say more"
    return show_difference(each).strip()


def _difference(record: Mapping[str, Any]) -> Difference:
    return Difference(*(_interval(record[key]) for key in ("first", "second", "difference")))


def _interval(record: Mapping[str, Any]) -> Interval:
    """An interval as it was saved; -1 of a low and a high end together means that there is none."""
    value, low, high = (float(record[key]) for key in ("value", "low", "high"))
    nan = float("nan")
    return Interval(value, *((nan, nan) if low == high == -1 else (low, high)))
