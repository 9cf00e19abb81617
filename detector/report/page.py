"""The report as files: ``report.html`` and ``report.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from detector.evaluation.analysis import Analysis
from detector.report.classes import build_calibration, build_classes, build_confusions, build_curves
from detector.report.facts import build_facts
from detector.report.overview import build_advice, build_errors, build_head, build_method, build_numbers
from detector.report.parts import build_pictures, build_sizes, build_slices
from detector.report.photograph import build_photograph
from detector.report.pictures import draw_pictures
from detector.report.run import (
    RunFacts,
    build_commands,
    build_folds,
    build_kept,
    build_plan,
    build_run_head,
    build_state,
    build_training,
)
from detector.report.style import STYLE
from detector.system.files import replacing

HTML, JSON = "report.html", "report.json"
_LINKS = {
    "kept": "what is kept",
    "advice": "what to do",
    "photograph": "what to photograph",
    "next": "what to type",
}


@dataclass(frozen=True)
class About:
    """What a report is of.

    Attributes:
        title, subtitle: what was measured, and on what.
        notes: warnings that belong at the top.
        settings, versions: with what it was measured.
        run: the training that the weights come from, where the report is of one.
    """

    title: str
    subtitle: str
    notes: Sequence[str] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    run: RunFacts | None = None


def write_report(folder: Path, analysis: Analysis, about: About) -> None:
    """Write both files into a folder.

    Args:
        folder: is made where it is missing.
        analysis: the facts.
        about: what it is of.

    Raises:
        DetectorError: the folder cannot be written to, or the disk is full.
    """
    run = about.run
    sections = {
        "kept": build_kept(run) if run else "",
        "training": build_training(run) if run else "",
        "folds": build_folds(run) if run else "",
        "plan": build_plan(run) if run else "",
        "photograph": build_photograph(analysis, run.trained if run else None) if analysis.classes else "",
        "advice": build_advice(analysis),
        "next": build_commands(run) if run else "",
        "numbers": build_numbers(analysis),
        "errors": build_errors(analysis) if analysis.classes else "",
        "classes": build_classes(analysis) if analysis.classes else "",
        "sizes": build_sizes(analysis),
        "curves": build_curves(analysis) if analysis.classes else "",
        "confusions": build_confusions(analysis),
        "calibration": build_calibration(analysis),
        "slices": build_slices(analysis),
        "pictures": build_pictures(draw_pictures(analysis), len(analysis.tables.images)),
        "method": build_method({**about.settings, "bootstrap_rounds": analysis.rounds}, about.versions),
    }
    state = build_state(run) if run else ""
    head = build_head(analysis, about.title, about.subtitle, about.notes, state)
    facts = json.dumps(build_facts(analysis, about.settings, about.versions), indent=1)
    for name, content in ((JSON, facts), (HTML, lay_out(about.title, head, sections))):
        with replacing(folder / name) as path:
            path.write_text(content, "utf-8", "backslashreplace")  # names of files need not be UTF-8


def build_live_page(run: RunFacts, script: str) -> str:
    """The page of a run that is trained just now, which keeps itself up to date.

    Args:
        run: as far as it is.
        script: address of what keeps it so.
    """
    sections = {
        "training": build_training(run),
        "folds": build_folds(run),
        "plan": build_plan(run),
        "next": build_commands(run),
    }
    # Without an icon of its own a browser asks for one.
    loaded = f'<link rel="icon" href="data:,"><script type="module" src="{escape(script)}"></script>'
    return lay_out(run.name, build_run_head(run), sections, loaded)


def lay_out(title: str, head: str, sections: Mapping[str, str], more: str = "") -> str:
    """A page: its head, links to its sections, and the sections; ``more`` is HTML for its ``<head>``."""
    links = "".join(
        f'<a href="#{name}">{_LINKS.get(name, name)}</a>' for name, text in sections.items() if text
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>{more}</head><body>{head}"
        f'<nav aria-label="Sections">{links}</nav><main>'
        f"{''.join(sections.values())}</main></body></html>"
    )
