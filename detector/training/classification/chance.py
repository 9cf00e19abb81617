"""How far a classifier's accuracy may be chance, before it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from detector.data.dataset import Dataset
from detector.system.terminal import counted

_ACCURACY = 0.9  # that is reckoned with; the interval of a lower one is wider, at .5 by two thirds
_QUANTILE = 1.96
_TOO_COARSE = 0.05


def expected_accuracy(dataset: Dataset) -> str:
    """A line on how much a validation set will tell of a classifier, before training."""
    pictures = len(dataset.images)
    half = _QUANTILE * (_ACCURACY * (1 - _ACCURACY) / max(1, pictures)) ** 0.5
    line = (
        f"{counted(pictures, 'validation image')}: expect accuracy to be known to about +-{100 * half:.0f} "
        "points (95 %)"
    )
    if half <= _TOO_COARSE:
        return f"{line}."
    return f"{line}. That is too few to tell one training from another: keep more of them for it."


def commonest_class(dataset: Dataset) -> tuple[str, float]:
    """The name of the class with the most pictures, and the share of them that are of it, in [0, 1]."""
    counts = Counter(each["category_id"] for each in dataset.annotations)
    commonest, count = counts.most_common(1)[0]
    return dataset.categories[commonest], count / len(dataset.images)


def tell_guesses(dataset: Dataset, accuracy: float, say: Callable[[str], None]) -> None:
    """Say so where a classifier is no better than to call every picture by the commonest name."""
    commonest, share = commonest_class(dataset)
    if accuracy <= share:
        say(
            f"Note: to call every picture {commonest} is right for {100 * share:.2f} %, "
            "and this classifier is no better: look at the pictures with `ssdlite data check`, and train for "
            "longer."
        )
