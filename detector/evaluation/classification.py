"""What a classifier says of pictures whose class is known, and how often that is right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.evaluation.bootstrap import Interval
from detector.evaluation.measure import nan_to_minus_1
from detector.evaluation.proportion import chance_of_fewer, mean_share, share
from detector.system.files import replacing

Labels = NDArray[np.int64]

METRICS, PREDICTIONS = "metrics.json", "predictions.json"
TOP = 5  # classes; that the right one is among them is asked where there are more
_BINS = 10  # of the calibration
_LUCK = 0.05


@dataclass(frozen=True)
class ClassFacts:
    """How one class fares.

    Attributes:
        name: of the class.
        images: how many are of it.
        predicted: how many are called so.
        right: how many are of it and called so.
        recall: ``right / images``.
        precision: ``right / predicted``.
    """

    name: str
    images: int
    predicted: int
    right: int
    recall: Interval
    precision: Interval


@dataclass(frozen=True)
class Confusion:
    """How many pictures of one class are called another.

    Attributes:
        truth, predicted: classes.
        count: pictures.
        images: all of the first class.
    """

    truth: str
    predicted: str
    count: int
    images: int


@dataclass(frozen=True)
class Miss:
    """A picture that is called what it is not.

    Attributes:
        index: of the picture in the result.
        name: of its file.
        truth, predicted: classes.
        score: of the class that it is called.
        truth_score: of its own.
    """

    index: int
    name: str
    truth: str
    predicted: str
    score: float
    truth_score: float


@dataclass(frozen=True, eq=False, repr=False)
class ClassificationResult:
    """What a classifier says of pictures whose class is known.

    Attributes:
        classes: names of the K classes.
        names: of the N pictures: paths below their folder.
        truth: (N,) what each is, as an index into the classes.
        scores: (N, K) float32, probabilities.

    Raises:
        ValueError: shapes that do not fit, no picture, or a class that is none of them.
    """

    classes: tuple[str, ...]
    names: tuple[str, ...]
    truth: Labels
    scores: FloatArray

    def __post_init__(self) -> None:
        expected = len(self.names), len(self.classes)
        if not all(expected) or self.truth.shape != expected[:1] or self.scores.shape != expected:
            raise ValueError(
                f"expected scores of {expected[0]} pictures and {expected[1]} classes, and the class of "
                f"each, got {self.scores.shape} and {self.truth.shape}"
            )
        if self.truth.min() < 0 or self.truth.max() >= expected[1] or not np.isfinite(self.scores).all():
            raise ValueError("expected classes that there are, and finite scores")

    def __repr__(self) -> str:
        found = self.accuracy_interval
        return (
            f"<ClassificationResult of {len(self.names):,} images, {len(self.classes):,} classes: "
            f"accuracy {100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})>"
        )

    @cached_property
    def predicted(self) -> Labels:
        """(N,) what each picture is called, the class with the greatest probability."""
        return np.asarray(self.scores.argmax(axis=1), np.int64)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether each is called what it is."""
        return np.asarray(self.predicted == self.truth)

    @property
    def accuracy(self) -> float:
        """The share of pictures that are called what they are."""
        return float(self.right.mean())

    @property
    def accuracy_interval(self) -> Interval:
        """The same with its 95 % interval by Wilson."""
        return share(int(self.right.sum()), len(self.names))

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that have pictures."""
        return self.balanced_interval.value

    @property
    def balanced_interval(self) -> Interval:
        """The same with its 95 % interval."""
        return mean_share([each.recall for each in self.per_class if each.images])

    @property
    def top5_interval(self) -> Interval | None:
        """The share of pictures whose class is among the five likeliest; None of five classes or fewer."""
        if len(self.classes) <= TOP:
            return None
        own = np.take_along_axis(self.scores, self.truth[:, None], axis=1)
        # As ``predicted`` takes the first of equal scores, so do these five.
        before = np.arange(len(self.classes)) < self.truth[:, None]
        rank = ((self.scores > own) | ((self.scores == own) & before)).sum(axis=1)
        return share(int((rank < TOP).sum()), len(self.names))

    @cached_property
    def confusion(self) -> Labels:
        """(K, K) how many pictures of each class, in rows, are called each class, in columns."""
        counts = len(self.classes)
        flat = np.bincount(self.truth * counts + self.predicted, minlength=counts**2)
        return np.asarray(flat.reshape(counts, counts), np.int64)

    @cached_property
    def per_class(self) -> list[ClassFacts]:
        """Each class in the order of the classes; NaN where there is no picture to tell by."""
        images, predicted = self.confusion.sum(axis=1).tolist(), self.confusion.sum(axis=0).tolist()
        right = self.confusion.diagonal().tolist()
        return [
            ClassFacts(name, of, called, both, share(both, of), share(both, called))
            for name, of, called, both in zip(self.classes, images, predicted, right, strict=True)
        ]

    def confusions(self, most: int | None = None) -> list[Confusion]:
        """The pairs of classes that are confused, the most frequent first."""
        counts = self.confusion.copy()
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts, axis=None, kind="stable")[: np.count_nonzero(counts)][:most]
        places = (divmod(int(place), len(self.classes)) for place in order)
        return [
            Confusion(
                self.classes[truth],
                self.classes[said],
                int(counts[truth, said]),
                int(self.confusion[truth].sum()),
            )
            for truth, said in places
        ]

    def misses(self, most: int | None = None) -> list[Miss]:
        """The pictures that are called what they are not, those first that the classifier is surest of."""
        wrong = np.flatnonzero(~self.right)
        score = self.scores[wrong, self.predicted[wrong]]
        order = wrong[np.argsort(-score, kind="stable")][:most]
        return [
            Miss(
                index,
                self.names[index],
                self.classes[self.truth[index]],
                self.classes[self.predicted[index]],
                float(self.scores[index, self.predicted[index]]),
                float(self.scores[index, self.truth[index]]),
            )
            for index in order.tolist()
        ]

    @property
    def calibration_error(self) -> float:
        """The mean distance between the score of what pictures are called and the share that is right.

        Source: Guo et al., On Calibration of Modern Neural Networks, 2017, section 2.
        """
        score = self.scores.max(axis=1).astype(np.float64)
        number = np.clip((score * _BINS).astype(np.int64), 0, _BINS - 1)
        scores = np.bincount(number, score, _BINS)
        rights = np.bincount(number, self.right.astype(np.float64), _BINS)
        return float(np.abs(scores - rights).sum() / len(score))

    def unlike_the_rest(self, number: int) -> int:
        """-1 where a class is named rightly less often than all others together, 1 where it is more often,
        both by more than chance; otherwise 0. That any class is not 0 by luck is one case of twenty.

        Source: Fisher's exact test, with Bonferroni's correction for as many classes as have images.
        """
        own, whole = self.per_class[number], int(self.right.sum())
        tested = sum(each.images > 0 for each in self.per_class)
        one, rest = (own.right, own.images), (whole - own.right, len(self.names) - own.images)
        if chance_of_fewer(one, rest) < _LUCK / 2 / tested:
            return -1
        return int(chance_of_fewer(rest, one) < _LUCK / 2 / tested)

    def summary(self) -> dict[str, object]:
        """The numbers as plain values, for JSON; shares in [0, 1], -1 where there is none."""
        known = {"accuracy": self.accuracy_interval, "balanced_accuracy": self.balanced_interval}
        if (top5 := self.top5_interval) is not None:
            known["top5_accuracy"] = top5
        numbers: dict[str, object] = {
            **{name: each.value for name, each in known.items()},
            "intervals": {name: [each.low, each.high] for name, each in known.items()},
            "calibration_error": self.calibration_error,
            "images": len(self.names),
            "classes": list(self.classes),
            "per_class": {
                each.name: {
                    "images": each.images,
                    "predicted": each.predicted,
                    "right": each.right,
                    "recall": asdict(each.recall),
                    "precision": asdict(each.precision),
                }
                for each in self.per_class
            },
            "confusion_matrix": {
                "rows_are": "what it is",
                "columns_are": "what it is called",
                "counts": self.confusion.tolist(),
            },
        }
        return cast(dict[str, object], nan_to_minus_1(numbers))

    def save(self, folder: Path, settings: Mapping[str, object] | None = None) -> None:
        """Write ``metrics.json``, with the settings, and ``predictions.json`` into a folder, made if missing.

        Raises:
            DetectorError: the folder cannot be written to, or the disk is full.
        """
        predictions = {
            "classes": list(self.classes),
            "images": [
                {
                    "file_name": name,
                    "truth": self.classes[truth],
                    "predicted": self.classes[said],
                    "scores": scores,
                }
                for name, truth, said, scores in zip(
                    self.names, self.truth, self.predicted, self.scores.tolist(), strict=True
                )
            ],
        }
        metrics = {**self.summary(), "settings": dict(settings or {})}
        for file, content in ((PREDICTIONS, predictions), (METRICS, metrics)):
            with replacing(folder / file) as path:
                path.write_text(json.dumps(content, indent=1 if content is metrics else None), "utf-8")
