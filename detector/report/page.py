"""The report as files: ``report.html`` and ``report.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path

from detector.evaluation.analysis import Analysis
from detector.report.classes import build_calibration, build_classes, build_confusions, build_curves
from detector.report.facts import build_facts
from detector.report.overview import build_advice, build_errors, build_head, build_method, build_numbers
from detector.report.parts import build_pictures, build_sizes, build_slices
from detector.report.pictures import draw_pictures
from detector.report.style import STYLE
from detector.system.files import replacing

HTML, JSON = "report.html", "report.json"


def write_report(
    folder: Path,
    analysis: Analysis,
    *,
    title: str,
    subtitle: str,
    notes: list[str],
    settings: Mapping[str, object],
    versions: Mapping[str, str],
) -> None:
    """Write both files into a folder.

    Args:
        folder: is made where it is missing.
        analysis: the facts.
        title, subtitle: what was measured, and on what.
        notes: warnings that belong at the top.
        settings, versions: with what it was measured.

    Raises:
        DetectorError: the folder cannot be written to, or the disk is full.
    """
    sections = {
        "advice": build_advice(analysis),
        "numbers": build_numbers(analysis),
        "errors": build_errors(analysis) if analysis.classes else "",
        "classes": build_classes(analysis) if analysis.classes else "",
        "sizes": build_sizes(analysis),
        "curves": build_curves(analysis) if analysis.classes else "",
        "confusions": build_confusions(analysis),
        "calibration": build_calibration(analysis),
        "slices": build_slices(analysis),
        "pictures": build_pictures(draw_pictures(analysis), len(analysis.tables.images)),
        "method": build_method(analysis, settings, versions),
    }
    links = "".join(
        f'<a href="#{name}">{"what to do" if name == "advice" else name}</a>'
        for name, text in sections.items()
        if text
    )
    head = build_head(analysis, title, subtitle, notes)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{head}"
        f'<nav aria-label="Sections">{links}</nav><main>'
        f"{''.join(sections.values())}</main></body></html>"
    )
    facts = json.dumps(build_facts(analysis, settings, versions), indent=1)
    for name, content in ((JSON, facts), (HTML, page)):
        with replacing(folder / name) as path:
            path.write_text(content, "utf-8")
