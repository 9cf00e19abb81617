"""What a report advises: the few things that would change most, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from detector.evaluation.analysis import Analysis
from detector.evaluation.bootstrap import LEAST_IMAGES
from detector.evaluation.slices import Slice
from detector.evaluation.tide import ERRORS
from detector.system.terminal import counted

_MOST_ERRORS, _MOST_SLICES = 3, 4
_WORTH = 0.01  # AP50 that an error has to cost to be worth a sentence
_SHORT = 0.8  # of the whole's AP; a slice above is no place to start
_MANY = 0.3  # of the missed objects that are small, for their size to be named
_MISCALIBRATED = 0.1
_FEW_IMAGES = 200  # below, an interval is so wide that it has to be said first

_REMEDIES = {
    "classification": "right place, wrong class: more examples of the classes that are confused, and labels "
    "that tell them apart",
    "localisation": "right class, box too far off: labels drawn tightly and alike, training for longer, or a "
    "larger input if the objects are small",
    "both": "wrong class and box off: usually the objects that the model knows least; more examples of them",
    "duplicate": "one object detected twice: a lower IoU threshold of the suppression",
    "background": "detections of nothing: images without objects in training, and objects that were left "
    "unlabelled, which count against the model",
    "missed": "no detection at all, or none of its class near it: more examples that look like the "
    "missed ones below, or a larger input if they are small",
}


def give_advice(analysis: Analysis) -> list[str]:
    """Sentences in order of weight; never empty."""
    if analysis.causes:
        return analysis.causes
    if not analysis.classes:
        return ["The dataset has no object to find, so nothing can be measured; give it annotated images."]
    return [
        *_on_certainty(analysis),
        *_on_errors(analysis),
        *_on_slices(analysis, analysis.sizes, "by size"),
        *_on_slices(analysis, analysis.slices, "elsewhere"),
        *_on_calibration(analysis),
        *_on_threshold(analysis),
    ]


def _on_certainty(analysis: Analysis) -> Iterator[str]:
    ap = analysis.summary["AP"]
    count = len(analysis.tables.images)
    if count < LEAST_IMAGES:
        yield (
            f"{counted(count, 'image says', 'images say')} nothing about others, and there are "
            "no intervals; evaluate on some hundreds."
        )
    elif count < _FEW_IMAGES:
        yield (
            f"{count} images say little: with others of the kind AP could as well be {100 * ap.low:.1f} or "
            f"{100 * ap.high:.1f} as {100 * ap.value:.1f}. Do not choose between models by smaller "
            "differences; `ssdlite compare` tells whether one is beyond chance."
        )


def _on_errors(analysis: Analysis) -> Iterator[str]:
    errors = analysis.errors
    ordered = sorted(ERRORS, key=lambda name: -errors.costs[name])
    for place, name in enumerate(ordered[:_MOST_ERRORS]):
        if errors.costs[name] < _WORTH:
            return
        first = " most" if place == 0 else ""
        subject = "Missed objects" if name == "missed" else f"{name.capitalize()} errors"
        yield (
            f"{subject} cost{first}: {100 * errors.costs[name]:.1f} points of AP50 "
            f"({_REMEDIES[name]}){_example(analysis, name)}."
        )


def _example(analysis: Analysis, name: str) -> str:
    """Where most of an error is, if that can be said in a few words."""
    if name == "classification":
        pairs = most_confused(analysis, 3)
        listing = ", ".join(f"{true} as {said} ({count})" for true, said, count in pairs)
        return f"; most often {listing}" if pairs else ""
    if name == "missed" and analysis.sizes:
        area = analysis.tables.objects.area[analysis.outcomes.missed]
        small = float((area < 32**2).mean()) if len(area) else 0.0
        return f"; {small:.0%} of the missed objects are under 32 x 32 pixels" if small > _MANY else ""
    return ""


def most_confused(analysis: Analysis, most: int) -> list[tuple[str, str, int]]:
    """The most frequent confusions: what it is, what it is detected as, how often."""
    counts = analysis.matrix[:-1, :-1].copy()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:most]
    names = analysis.tables.classes
    pairs = (divmod(int(place), counts.shape[1]) for place in order)
    return [(names[true], names[said], int(counts[true, said])) for true, said in pairs if counts[true, said]]


def _falls_short(part: Slice, analysis: Analysis) -> bool:
    """Whether the part is so far below the whole that it is worth a word."""
    whole = analysis.summary["AR100" if part.ap is None else "AP"].value
    return (part.ap or part.ar).value < _SHORT * whole


def _on_slices(analysis: Analysis, slices: list[Slice], where: str) -> Iterator[str]:
    """The parts that are worse than the whole by more than chance, the worst first."""
    worse = [part for part in slices if part.beyond_chance < 0 and _falls_short(part, analysis)]
    worse.sort(key=lambda part: (part.ap or part.ar).value)
    if worse:
        listing = "; ".join(
            f"{part.dimension} '{part.name}' with {'AR' if part.ap is None else 'AP'} "
            f"{100 * (part.ap or part.ar).value:.1f} ({counted(part.objects, 'object')})"
            for part in worse[:_MOST_SLICES]
        )
        yield f"Weakest {where}, by more than chance: {listing}. More training images like these help most."


def _on_calibration(analysis: Analysis) -> Iterator[str]:
    error = analysis.calibration.error.value
    if not error > _MISCALIBRATED:
        return
    distance = sum(part.count * (part.score - part.precision.value) for part in analysis.calibration.bins)
    way = "higher" if distance > 0 else "lower"
    yield (
        f"Scores are no probabilities: they are {way} than the share of right detections, by {error:.2f} on "
        "average; read them as an order only."
    )


def _on_threshold(analysis: Analysis) -> Iterator[str]:
    best = analysis.operating
    if best.f1 > 0:
        yield (
            f"Show detections from a score of {best.threshold:g} on: there {best.precision:.0%} of them are "
            f"right and {best.recall:.0%} of the objects are found (F1 {best.f1:.2f}, the best over all "
            "classes)."
        )
