"""What a classifier's numbers advise: which classes to photograph, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from detector.evaluation.classification import ClassFacts, ClassificationResult
from detector.labels import listing
from detector.system.terminal import counted

LEAST_IMAGES = 5  # of a class, to say anything of it
_MOST_SHOWN = 5
_FEW_IMAGES = 200  # below, an interval is so wide that it has to be said first


@dataclass(frozen=True)
class Lowest:
    """One of the classes with the lowest recall.

    Attributes:
        facts: of the class.
        sure: whether it is below all others together by more than chance, all classes considered.
        remark: the same in words.
    """

    facts: ClassFacts
    sure: bool
    remark: str


def find_lowest(result: ClassificationResult) -> list[Lowest]:
    """Up to five classes: those that are below the others for sure, then those that may be by chance."""
    candidates = [
        Lowest(facts, sure, "below the others by more than chance" if sure else "may be chance")
        for number, facts in enumerate(result.per_class)
        if facts.images >= LEAST_IMAGES and facts.recall.value < result.accuracy
        for sure in [result.unlike_the_rest(number) < 0]
    ]
    candidates.sort(key=lambda each: (not each.sure, each.facts.recall.value))
    return candidates[:_MOST_SHOWN]


def advise(result: ClassificationResult) -> str:
    """What to photograph next, in a sentence or two."""
    lowest = find_lowest(result)
    images = counted(len(result.names), "image")
    if not lowest:
        if result.right.all():
            return (
                f"All of {images} are called what they are, so they cannot tell what is missing: validate "
                "on others, taken where the classifier will be used."
            )
        return f"{images} cannot tell the classes apart: validate on more, at least {LEAST_IMAGES} of each."
    sure = [each for each in lowest if each.sure]
    if not sure:
        return (
            f"Which class needs more cannot be told: on {images} no class is named rightly less often than "
            "the others by more than chance. Any pictures of the kind that the classifier will see help "
            "alike; more validation images would tell more. The lowest:"
        )
    names = listing([each.facts.name for each in sure])
    confused = {each.truth: each for each in reversed(result.confusions())}
    first = confused[sure[0].facts.name]
    return (
        f"Photograph more of {names}: named rightly less often than the others, by more than chance. "
        f"{first.truth} is most often called {first.predicted} ({first.count:,} of {first.images:,}), so "
        "take pictures that show what tells the two apart."
    )


def warn(result: ClassificationResult) -> list[str]:
    """Sentences that belong above all numbers."""
    found, count = result.accuracy_interval, len(result.names)
    sentences = []
    if count < _FEW_IMAGES:
        sentences.append(
            f"{counted(count, 'image says', 'images say')} little: with others of the kind accuracy could as "
            f"well be {100 * found.low:.1f} or {100 * found.high:.1f} as {100 * found.value:.1f}."
        )
    largest = max(result.per_class, key=lambda each: each.images)
    guess = largest.images / count
    if found.low <= guess < 1:
        sentences.append(
            f"Calling every image {largest.name} would be right in {100 * guess:.1f} % of them, and the "
            "classifier is not better than that beyond chance."
        )
    return sentences
