"""How two classifiers differ on the same pictures: what one alone calls right, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.errors import DatasetError
from detector.evaluation.bootstrap import Interval
from detector.evaluation.classification import ClassificationResult
from detector.evaluation.proportion import paired_difference, share
from detector.labels import normalise_name

_Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class PairedDifference:
    """What a share of pictures is for two classifiers.

    Attributes:
        name: ``accuracy``, or a class, whose recall it is.
        images: how many pictures it comes from.
        first, second: the shares.
        difference: the second less the first, with the interval of pairs.
        lost: how many the first alone calls right.
        won: how many the second alone calls right.
    """

    name: str
    images: int
    first: Interval
    second: Interval
    difference: Interval
    lost: int
    won: int

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval of the difference leaves out that there is none."""
        return not self.difference.low <= 0 <= self.difference.high


@dataclass(frozen=True)
class ResultComparison:
    """How two results differ.

    Attributes:
        accuracy: over all pictures.
        classes: the recall of each class that has pictures, those that lost most first.
        lost: names of the pictures that the first alone calls right.
        won: names of those that the second alone calls right.
    """

    accuracy: PairedDifference
    classes: list[PairedDifference]
    lost: tuple[str, ...]
    won: tuple[str, ...]


def compare_results(first: ClassificationResult, second: ClassificationResult) -> ResultComparison:
    """How the second differs from the first.

    The classes may have another order, and each may have some that the other lacks.

    Raises:
        DatasetError: the results are of different pictures, or of pictures of different classes.
    """
    place = {name: number for number, name in enumerate(second.names)}
    differing = set(first.names) ^ set(second.names)
    if differing or not len(place) == len(second.names) == len(first.names):
        raise DatasetError(f"The two are not of the same images: {len(differing):,} are of one alone.")
    order = np.array([place[name] for name in first.names])
    truths = [first.classes[label] for label in first.truth.tolist()]
    others = [second.classes[label] for label in second.truth[order].tolist()]
    pairs = zip(first.names, truths, others, strict=True)
    other = next((each for each in pairs if normalise_name(each[1]) != normalise_name(each[2])), None)
    if other is not None:
        raise DatasetError(f"The two do not agree on what {other[0]} is: {other[1]} or {other[2]}.")
    right, right_too = first.right, second.right[order]
    everything = np.ones(len(right), np.bool_)
    of_class = [(first.classes[label], first.truth == label) for label in np.unique(first.truth).tolist()]
    classes = [_difference(name, right, right_too, own) for name, own in of_class]
    classes.sort(key=lambda each: each.difference.value)
    return ResultComparison(
        accuracy=_difference("accuracy", right, right_too, everything),
        classes=classes,
        lost=tuple(first.names[index] for index in np.flatnonzero(right & ~right_too).tolist()),
        won=tuple(first.names[index] for index in np.flatnonzero(right_too & ~right).tolist()),
    )


def _difference(name: str, right: _Flags, right_too: _Flags, own: _Flags) -> PairedDifference:
    one, other, count = right[own], right_too[own], int(own.sum())
    lost, won = int((one & ~other).sum()), int((other & ~one).sum())
    return PairedDifference(
        name=name,
        images=count,
        first=share(int(one.sum()), count),
        second=share(int(other.sum()), count),
        difference=paired_difference(lost, won, count),
        lost=lost,
        won=won,
    )
