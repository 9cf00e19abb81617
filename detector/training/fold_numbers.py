"""What the models of all folds are worth: the numbers in ``folds.json``."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from detector.evaluation.bootstrap import Interval
from detector.system.files import replacing
from detector.system.reading import parsing, read_whole

_MOST_BYTES = 1 << 28


@dataclass(frozen=True)
class FoldNumber:
    """A number of all folds, in [0, 1]; NaN where there is none.

    Attributes:
        mean: of the folds that have it.
        spread: their standard deviation.
        lowest, highest: of them.
        value: of all images together, each judged by the model that has not seen it.
        low, high: the 95 % interval of that, by a bootstrap over these images.
    """

    mean: float
    spread: float
    lowest: float
    highest: float
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, folds: Sequence[float], pooled: Interval) -> FoldNumber:
        """The number from those of the folds, of which negative ones are none."""
        known = [value for value in folds if value >= 0] or [math.nan]
        spread = statistics.stdev(known) if len(known) > 1 else math.nan
        mean = statistics.fmean(known)
        return cls(mean, spread, min(known), max(known), pooled.value, pooled.low, pooled.high)

    def __str__(self) -> str:
        """In percent: ``61.3 +- 2.4 over the folds (58.8 to 64.1); pooled 61.0, 95 % interval ...``."""
        words = f"{_percent(self.mean)} +- {_percent(self.spread)} over the folds "
        words += f"({_percent(self.lowest)} to {_percent(self.highest)}); pooled {_percent(self.value)}"
        if math.isnan(self.low):
            return f"{words}, too few images for an interval"
        return f"{words}, 95 % interval {_percent(self.low)} to {_percent(self.high)}"


@dataclass(frozen=True)
class Fold:
    """A fold and the model that was validated on it.

    Attributes:
        images: ids of its images.
        ap, ap50: of the model on them, in [0, 1]; -1 where they have no object.
        steps: how many are usual.
        best_step: after how many its best weights came about.
        trained: the first layer that was trained; ``none`` when all were.
    """

    images: tuple[int, ...]
    ap: float
    ap50: float
    steps: int
    best_step: int
    trained: str


@dataclass(frozen=True)
class FoldNumbers:
    """All numbers of the folds.

    Attributes:
        images: how many there are in all folds.
        ap, ap50: of all classes.
        classes: AP and AP50 of each class by name, of those that have objects.
        folds: one by one.
        rounds: of the bootstrap.
    """

    images: int
    ap: FoldNumber
    ap50: FoldNumber
    classes: Mapping[str, tuple[FoldNumber, FoldNumber]]
    folds: tuple[Fold, ...]
    rounds: int

    @property
    def count(self) -> int:
        """Number of folds."""
        return len(self.folds)

    @property
    def estimate(self) -> str:
        """What a model's card says of its AP."""
        return (
            f"{_percent(self.ap.value)}, AP50 {_percent(self.ap50.value)} estimated by {self.count} folds: "
            f"each of the {self.images:,} images judged by a model that had not seen it (95 % interval of AP "
            f"{_percent(self.ap.low)} to {_percent(self.ap.high)})"
        )

    def lines(self) -> Iterator[str]:
        """What there is to say of them, a line each."""
        yield f"{self.count} folds, each judged by the model that has not seen it:"
        yield f"  AP    {self.ap}"
        yield f"  AP50  {self.ap50}"
        if len(self.classes) > 1:
            width = max(map(len, self.classes))
            for name, (ap, ap50) in self.classes.items():
                yield f"  {name:{width}}  AP {ap}"
                yield f"  {'':{width}}  AP50 {ap50}"
        yield (
            "  The +- is the standard deviation over folds. The interval is of the pooled "
            f"{self.images:,} images, by a bootstrap over them; how much another training would differ is "
            "not in it."
        )

    def save(self, path: Path, names: Mapping[int, str]) -> None:
        """Write them, with the name of each image."""
        content = _without_nan(asdict(self))
        for fold in content["folds"]:
            fold["file_names"] = [names[image] for image in fold["images"]]
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1))

    @classmethod
    def load(cls, path: Path) -> FoldNumbers:
        """Those in a file.

        Raises:
            DetectorError: it is missing or damaged.
        """
        with parsing(f"{path} is damaged; the numbers of the folds cannot be read"):
            content = json.loads(read_whole(path, _MOST_BYTES))
            keys = ("ap", "ap50", "steps", "best_step", "trained")
            return cls(
                images=content["images"],
                ap=_number(content["ap"]),
                ap50=_number(content["ap50"]),
                classes={
                    str(name): (_number(ap), _number(ap50)) for name, (ap, ap50) in content["classes"].items()
                },
                folds=tuple(
                    Fold(tuple(map(int, fold["images"])), **{key: fold[key] for key in keys})
                    for fold in content["folds"]
                ),
                rounds=content["rounds"],
            )


def _number(content: Mapping[str, float | None]) -> FoldNumber:
    return FoldNumber(**{key: math.nan if value is None else float(value) for key, value in content.items()})


def _without_nan(value: Any) -> Any:
    """The same plain values with None, JSON's null, for NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"
