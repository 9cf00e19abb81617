"""The head of a report: what was measured, what to do, the 12 numbers, and what the errors cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from detector.evaluation.analysis import Analysis
from detector.evaluation.bootstrap import Interval
from detector.evaluation.coco_metrics import MEANING, METRICS
from detector.evaluation.tide import ERRORS
from detector.report.advice import give_advice
from detector.report.charts import cost_bar, interval_bar
from detector.report.markup import (
    bounds,
    cards,
    header,
    paragraph,
    percent,
    prose,
    section,
    table,
    with_bounds,
)
from detector.system.terminal import counted

_ERROR_MEANING = {
    "classification": "right place, another class",
    "localisation": "right class, IoU .1 to .5",
    "both": "another class and IoU under .5",
    "duplicate": "object found already",
    "background": "ghost: IoU under .1 with everything",
    "missed": "object that no detection points at",
}
_AREAS = {
    "s": ("small", "under 32 x 32"),
    "m": ("medium", "32 x 32 to 96 x 96"),
    "l": ("large", "over 96 x 96"),
}


def build_head(analysis: Analysis, title: str, subtitle: str, notes: Sequence[str], state: str = "") -> str:
    """Title, what it is of, warnings, and the numbers that are asked for first; ``state`` is HTML."""
    tables, summary = analysis.tables, analysis.summary
    objects = sum(facts.objects for facts in analysis.classes)
    best = analysis.operating
    shown = [
        *((name, percent(summary[name].value), _interval(summary[name])) for name in ("AP", "AP50")),
        ("images", f"{len(tables.images):,}", counted(objects, "object")),
        ("classes", f"{len(analysis.classes):,}", "with objects"),
        ("best score threshold", f"{best.threshold:g}" if best.f1 else "none", f"F1 {best.f1:.2f}"),
    ]
    warnings = "".join(paragraph(note, "warning") for note in notes)
    return header(title, subtitle, state + warnings + cards(shown))


def _interval(interval: Interval) -> str:
    return f"95 % interval {bounds(interval)}" if bounds(interval) else "no interval"


def build_advice(analysis: Analysis) -> str:
    """What to do, in order of weight."""
    items = "".join(f"<li>{prose(sentence)}</li>" for sentence in give_advice(analysis))
    return section("advice", "What to do next", f'<ol class="advice">{items}</ol>')


def build_numbers(analysis: Analysis) -> str:
    """The 12 COCO numbers with intervals, and why some are -1."""
    rows = []
    for name in METRICS:
        interval = analysis.summary[name]
        undefined = interval.value != interval.value
        bar = "" if undefined else interval_bar(interval.value, interval.low, interval.high, float("nan"))
        rows.append((f"{name}<small>{escape(MEANING[name])}</small>", bar, with_bounds(interval)))
    return section(
        "numbers",
        "The 12 COCO numbers",
        table("The 12 COCO numbers", ("number", "", "percent, 95 % interval"), rows),
        paragraph(explain_undefined(analysis)),
        paragraph(
            f"Computed by pycocotools. The intervals come from {analysis.rounds:,} resamplings of the "
            "images, counted by this project's own evaluation; on the images as they are the two differ by "
            f"{analysis.disagreement:.0e} at the most. The rounds are moved until their mean is the number, "
            "because resampling alone raises interpolated precision. An interval says how far the number "
            "would move with other images of the same kind; it says nothing of images of another kind.",
            "note",
        ),
    )


def explain_undefined(analysis: Analysis) -> str:
    """Why numbers are -1, or that none is."""
    missing = [
        f"AP{letter} and AR{letter}, because no object has an area of {pixels} pixels"
        for letter, (name, pixels) in _AREAS.items()
        if not analysis.area_objects[name]
    ]
    sizes = [f"{count:,} {name}" for name, count in analysis.area_objects.items()]
    total = sum(analysis.area_objects.values())
    counts = f"{counted(total, 'object')} {'is' if total == 1 else 'are'} counted: {', '.join(sizes)}"
    if not missing:
        return f"By COCO's sizes {counts}. None of the numbers is -1."
    return (
        f"By COCO's sizes {counts}. -1 is no score and no error: it says that there is "
        f"nothing to find, so that neither 0 nor 100 would be true. That concerns {'; '.join(missing)}."
    )


def build_errors(analysis: Analysis) -> str:
    """TIDE's errors with their costs."""
    errors = analysis.errors
    full = max(*errors.costs.values(), 0.05)  # AP50 that a full bar stands for
    rows = [
        (
            f"{name}<small>{escape(_ERROR_MEANING[name])}</small>",
            cost_bar(errors.costs[name] / full),
            f"<b>{100 * errors.costs[name]:.1f}</b>",
            f"{errors.counts[name]:,}",
        )
        for name in ERRORS
    ]
    return section(
        "errors",
        "What the errors cost",
        paragraph(
            f"AP50 is {percent(errors.ap50)}. Each line says by how many points it would rise if every error "
            "of that kind, and no other, were put right. The costs do not add up to the whole loss, because "
            "one error often hides another."
        ),
        table("Errors", ("error", "", "AP50 lost", "count"), rows),
        paragraph(
            f"Without any false positive AP50 would rise by {100 * errors.false_positives_cost:.1f} points, "
            f"with every object found by {100 * errors.misses_cost:.1f}. Counts are of all detections "
            "however low their score, as AP counts them. Kinds of errors: TIDE (Bolya et al., 2020).",
            "note",
        ),
    )


def build_method(settings: Mapping[str, object], versions: Mapping[str, str]) -> str:
    """With what the numbers were measured, so that others can measure them again."""
    rows = [
        (escape(str(key).replace("_", " ")), f'<span class="soft">{escape(str(value))}</span>')
        for key, value in {**settings, **versions}.items()
        if value is not None
    ]
    return section(
        "method", "How it was measured", table("Settings and versions", ("setting", "value"), rows, kind="")
    )
