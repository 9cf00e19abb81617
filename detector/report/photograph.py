"""What to photograph next: the class, size and light that a model is weakest at, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from detector.evaluation.analysis import Analysis
from detector.evaluation.bootstrap import LEAST_IMAGES, Interval
from detector.evaluation.slices import LIGHT, Slice
from detector.report.charts import interval_bar
from detector.report.markup import paragraph, section, table, with_bounds
from detector.system.terminal import counted

_FEW_TRAINED = 20  # objects of a class; below, more of them are worth a word whatever was measured
_MOST_NAMES = 8
# What a part is for whoever holds the camera: the least, those between, the most.
_LIGHTS = {
    "brightness": ("dark pictures", "pictures of medium brightness", "bright pictures"),
    "contrast": ("flat, hazy pictures", "pictures of medium contrast", "pictures of hard contrast"),
}


@dataclass(frozen=True)
class Weakest:
    """The part of the data, of those by class, size or light, with the lowest AP.

    Attributes:
        dimension: ``class``, ``size``, ``brightness`` or ``contrast``.
        name: of the part; empty where nothing can be told.
        wanted: what to photograph, in words.
        ap: in [0, 1]; None where nothing can be told.
        objects, images: how many it comes from.
        sure: whether it is below the whole by more than chance.
        remark: how sure that is, or why nothing can be told.
    """

    dimension: str
    name: str = ""
    wanted: str = ""
    ap: Interval | None = None
    objects: int = 0
    images: int = 0
    sure: bool = False
    remark: str = ""


@dataclass(frozen=True)
class _Candidate:
    name: str
    wanted: str
    ap: Interval
    objects: int
    images: int
    below: bool


def find_weakest(analysis: Analysis) -> list[Weakest]:
    """The weakest class, size, brightness and contrast, in this order."""
    classes = [
        _Candidate(
            each.name, f"more of {each.name}", each.ap, each.objects, each.images, each.beyond_chance < 0
        )
        for each in analysis.classes
    ]
    one = "there is one class" if len(classes) == 1 else "no class has an object"
    sizes = _candidates(analysis.sizes, "objects with a side of {} in the picture")
    few = f"{counted(sum(each.objects for each in classes), 'object')} cannot be divided by size"
    weakest = [_choose("class", classes, one), _choose("size", sizes, few)]
    for dimension in LIGHT:
        parts = [part for part in analysis.slices if part.dimension == dimension]
        lights = _candidates(parts, *_LIGHTS[dimension])
        images = counted(len(analysis.tables.images), "image")
        weakest.append(_choose(dimension, lights, f"{images}, or files that are not here, show too little"))
    return weakest


def _candidates(parts: Sequence[Slice], *words: str) -> list[_Candidate]:
    """Parts with what they are in words: one for all, or those for the first, the others and the last."""
    candidates = []
    for place, part in enumerate(parts):
        word = words[0 if place == 0 else -1 if place == len(parts) - 1 else len(words) // 2]
        wanted = word.format(part.name) if "{}" in word else f"{word} ({part.name})"
        if part.ap is not None:
            below = part.beyond_chance < 0
            candidates.append(_Candidate(part.name, wanted, part.ap, part.objects, part.images, below))
    return candidates


def _choose(dimension: str, candidates: Sequence[_Candidate], otherwise: str) -> Weakest:
    """The weakest of those that enough images show; one below the whole for sure comes first."""
    shown = [each for each in candidates if each.images >= LEAST_IMAGES]
    if len(candidates) < 2 or not shown:
        why = otherwise if len(candidates) < 2 else f"each is in fewer than {LEAST_IMAGES} images"
        return Weakest(dimension, remark=f"cannot be told: {why}")
    worst = min(shown, key=lambda each: (not each.below, each.ap.value))
    remark = "below the whole by more than chance"
    if not worst.below:
        remark = "the lowest, and may be chance: with other images another may be"
    return Weakest(
        dimension, worst.name, worst.wanted, worst.ap, worst.objects, worst.images, worst.below, remark
    )


def build_photograph(analysis: Analysis, trained: Mapping[str, int] | None = None) -> str:
    """What to photograph next, with the evidence.

    Args:
        analysis: of validation images.
        trained: objects that were trained on, by class; None where that is not known.
    """
    weakest = find_weakest(analysis)
    whole = analysis.summary["AP"].value
    rows = [_row(each, whole, trained or {}) for each in weakest]
    return section(
        "photograph",
        "What to photograph next",
        paragraph(_advise(weakest, len(analysis.tables.images))),
        table("The weakest class, size and light", ("weakest", "", "AP", "how sure"), rows, "wide told"),
        *(paragraph(sentence) for sentence in _on_few(analysis, trained)),
        paragraph(
            "Pictures that the model has not seen, taken where it will be used, bring more than many of the "
            "same scene. In 40 parts that are no weaker than the whole, one looks so by luck.",
            "note",
        ),
    )


def _advise(weakest: Sequence[Weakest], images: int) -> str:
    sure = [each.wanted for each in weakest if each.sure]
    if sure:
        return (
            f"Photograph {'; '.join(sure)}. There the model is weaker than on the whole, by more than chance."
        )
    if all(each.ap is None for each in weakest):
        return f"{counted(images, 'image')} cannot tell classes, sizes or light apart; validate on more."
    return (
        f"On {counted(images, 'image')} no class, size or light is weaker than the whole by more than "
        "chance, so any pictures of the kind that the model will see help alike; more validation images "
        "would tell more. The lowest of each kind:"
    )


def _row(weakest: Weakest, whole: float, trained: Mapping[str, int]) -> tuple[str, str, str, str]:
    kind = "object size" if weakest.dimension == "size" else weakest.dimension
    if weakest.ap is None:
        return f"{kind}", "", "", f'<span class="soft">{escape(weakest.remark)}</span>'
    count = f"{counted(weakest.objects, 'object')} in {counted(weakest.images, 'image')}"
    if weakest.dimension == "class" and weakest.name in trained:
        count += f", trained on {trained[weakest.name]:,}"
    tone = "bad" if weakest.sure else ""
    bar = interval_bar(weakest.ap.value, weakest.ap.low, weakest.ap.high, whole, tone)
    remark = f'<span class="{tone or "soft"}">{escape(weakest.remark)}</span>'
    return (
        f"{kind}: <b>{escape(weakest.name)}</b><small>{count}</small>",
        bar,
        with_bounds(weakest.ap),
        remark,
    )


def _on_few(analysis: Analysis, trained: Mapping[str, int] | None) -> list[str]:
    """Sentences about classes of which too little is known, or was learned from."""
    hidden = [each.name for each in analysis.classes if each.images < LEAST_IMAGES]
    unseen = [*hidden, *analysis.without_objects]
    rare = sorted((count, name) for name, count in (trained or {}).items() if count < _FEW_TRAINED)
    sentences = []
    if unseen and len(analysis.classes) + len(analysis.without_objects) > 1:
        sentences.append(
            f"In fewer than {LEAST_IMAGES} of these images, so that nothing can be told of them: "
            f"{_names(unseen)}."
        )
    if rare:
        named = [f"{name} ({count:,})" for count, name in rare]
        sentences.append(
            f"Trained on fewer than {_FEW_TRAINED} objects, so more of them help: {_names(named)}."
        )
    return sentences


def _names(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
