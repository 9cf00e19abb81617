"""The facts of a report as plain values, for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import cast

from detector.evaluation.analysis import Analysis
from detector.evaluation.measure import nan_to_minus_1
from detector.evaluation.thresholds import GRID
from detector.report.advice import give_advice
from detector.report.overview import explain_undefined
from detector.report.photograph import find_weakest


def build_facts(
    analysis: Analysis, settings: Mapping[str, object], versions: Mapping[str, str]
) -> dict[str, object]:
    """Everything that the page tells, but for the pictures; numbers in [0, 1], and -1 where undefined."""
    tables, curves = analysis.tables, analysis.curves
    known = [label for label, name in enumerate(tables.classes) if name not in analysis.without_objects]
    facts = {
        "summary": {name: asdict(interval) for name, interval in analysis.summary.items()},
        "per_class": {each.pop("name"): each for each in map(asdict, analysis.classes)},
        "classes_without_objects": analysis.without_objects,
        "undefined": explain_undefined(analysis),
        "area_objects": analysis.area_objects,
        "sizes": list(map(asdict, analysis.sizes)),
        "slices": list(map(asdict, analysis.slices)),
        "operating_point": asdict(analysis.operating),
        "precision_at_recall_iou50": {
            tables.classes[label]: curves.precision[0, label].round(6).tolist() for label in known
        },
        "f1_over_score": {
            "score": GRID.tolist(),
            "all": curves.f1.round(6).tolist(),
            **{tables.classes[label]: curves.class_f1[label].round(6).tolist() for label in known},
        },
        "confusion_matrix": {
            "rows_are": "what it is; the last row counts ghosts",
            "columns_are": "what it is detected as; the last column counts missed objects",
            "rows": [*tables.classes, "ghost"],
            "columns": [*tables.classes, "missed"],
            "counts": analysis.matrix.tolist(),
        },
        # Readers of the report know false positives as ghosts.
        "errors": {
            key.replace("false_positives", "ghosts"): value for key, value in asdict(analysis.errors).items()
        },
        "calibration": asdict(analysis.calibration),
        "advice": give_advice(analysis),
        "photograph_next": list(map(asdict, find_weakest(analysis))),
        "images": len(tables.images),
        "bootstrap_rounds": analysis.rounds,
        "bootstrap_rounds_of_slices": analysis.slice_rounds,
        "greatest_difference_from_pycocotools": float(analysis.disagreement),
        "settings": dict(settings),
        "versions": dict(versions),
    }
    return cast(dict[str, object], nan_to_minus_1(facts))
