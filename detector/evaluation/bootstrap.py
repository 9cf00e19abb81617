"""How far an AP, or the difference between two, may be chance: the bootstrap over images."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from detector.evaluation.measure import Measure, Measured
from detector.evaluation.tables import Doubles, Tables
from detector.system.parallel import map_threads

Resamples = NDArray[np.uint8]  # (R, I): how often each image is counted in each round

ROUNDS = 1000
LEAST_IMAGES = 5  # that something has to be in; of fewer, resampling shows far too little chance


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; NaN where it is undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bootstrapped:
    """Numbers of the images as they are, and of each round."""

    whole: Measured
    rounds: Measured

    def interval(self, column: int, *, images: int) -> Interval:
        """Of one of ``METRICS``, by its place in them; ``images`` are how many it comes from."""
        whole, rounds = self.whole.summary, self.rounds.summary
        return interval_of(float(whole[0, column]), rounds[:, column], images=images)

    def class_interval(self, name: str, label: int, *, images: int) -> Interval:
        """Of ``ap``, ``ap50`` or ``ar`` of a class, which so many images have."""
        whole, rounds = getattr(self.whole, name), getattr(self.rounds, name)
        return interval_of(float(whole[0, label]), rounds[:, label], images=images)


def draw_resamples(images: int, rounds: int, seed: int = 0) -> Resamples:
    """How often each image is drawn, in rounds that each draw as many images as there are."""
    generator = np.random.default_rng(seed)
    drawn = np.empty((rounds, images), np.uint8)
    for row in drawn:
        row[:] = np.bincount(generator.integers(0, images, images), minlength=images)
    return drawn


def blocks(resamples: Resamples, at_once: int) -> list[Resamples]:
    """The resamples, so many rounds together."""
    return [resamples[start : start + at_once] for start in range(0, len(resamples), at_once)]


def bootstrap(tables: Tables, resamples: Resamples) -> Bootstrapped:
    """The COCO numbers of detections on the images and on each resampling of them.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile interval).
    """
    # Images are drawn, not objects: what is in one picture is found or missed together. A round is no copy of
    # detections but a row of weights (I,), how often each image counts, and blocks of rows (R, I) go through
    # the sums together. Whoever gives two sets of detections the same resamples compares them in pairs: what
    # makes a round easy for one makes it easy for the other, and the difference moves less than either.
    measure = Measure(tables)
    whole = measure(np.ones((1, len(tables.images))))
    parts = list(
        map_threads(
            lambda block: measure(block.astype(np.float64)),
            blocks(resamples, measure.rounds_at_once),
            desc="bootstrap",
            unit="block",
        )
    )
    names = [field.name for field in fields(Measured)]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Bootstrapped(whole, Measured(**joined))


def interval_of(value: float, samples: Doubles, *, images: int = LEAST_IMAGES) -> Interval:
    """The percentile interval of a value, over the rounds in which it is defined, with their bias taken off.

    Precision is interpolated by taking the best one beyond each recall. In a round, images that are drawn
    several times make those bests better, so that rounds lie higher than the value, in large datasets all
    of them. Moved until their mean is the value, they show how far it may be chance.

    Args:
        value: of the images as they are.
        samples: (R,) of the rounds; NaN where it is undefined.
        images: how many it comes from; fewer than 5 give no interval.
    """
    known = samples[~np.isnan(samples)]
    if np.isnan(value) or not len(known) or images < LEAST_IMAGES:
        return Interval(float(value), float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5]) - (known.mean() - value)
    if known.min() >= -1e-9:  # a share, which the move must not take out of [0, 1]
        low = max(low, min(0.0, value))
    if known.max() <= 1 + 1e-9:
        high = min(high, max(1.0, value))
    return Interval(float(value), float(low), float(high))
