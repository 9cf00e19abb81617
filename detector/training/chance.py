"""How far the numbers of a validation set may be chance: what to expect before training, what it is after."""

from __future__ import annotations

from detector.data.dataset import Dataset
from detector.evaluation.bootstrap import Interval
from detector.system.terminal import counted

# Half of the 95 % interval of AP, times the root of the number of images of each class, summed over classes:
# raccoon .39, persons from above .40, bccd .41, chess .36 to .43.
_SPREAD = 0.4
_TOO_COARSE = 0.05  # more chance than that, and most changes cannot be told from none


def expected_chance(dataset: Dataset) -> float | None:
    """Half of the 95 % interval that AP will have on a dataset, in [0, 1]; None without objects.

    It is a rule of thumb from four small datasets, right to about a third.
    """
    pairs = {(each["image_id"], each["category_id"]) for each in dataset.annotations if not each["iscrowd"]}
    return min(0.5, _SPREAD / len(pairs) ** 0.5) if pairs else None


def describe_expected(dataset: Dataset) -> str | None:
    """A line on how much a validation set will tell, before training; None where it has no object."""
    half = expected_chance(dataset)
    if half is None:
        return None
    objects = sum(not each["iscrowd"] for each in dataset.annotations)
    shown = f"{counted(len(dataset.images), 'validation image')} with {counted(objects, 'object')}"
    line = f"{shown}: expect AP to be known to about +-{100 * half:.0f} points (95 %)"
    return f"{line}. {_WAY_OUT}" if half > _TOO_COARSE else f"{line}."


_WAY_OUT = (
    "That is too few to tell one training from another, or a good one from a middling one: --folds 5 judges "
    "on every image, each by a model that has not seen it."
)


def describe_interval(ap: Interval, ap50: Interval) -> str | None:
    """A line on how far a run's AP may be chance, by the intervals of AP and AP50; None without them."""
    if not ap.low <= ap.high:  # NaN
        return None
    line = f"By chance alone (95 %) it could be {_show(ap)}, AP50 {_show(ap50)}."
    return f"{line} {_WAY_OUT}" if ap.high - ap.low > 2 * _TOO_COARSE else line


def _show(interval: Interval) -> str:
    """The interval in percent: ``61.2 to 70.1``."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
