"""The pieces of HTML that sections are built of; every text goes through ``escape``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from detector.evaluation.bootstrap import Interval


def percent(value: float) -> str:
    """A number of [0, 1] in percent; -1 where it is undefined, as COCO writes it."""
    return "-1" if np.isnan(value) else f"{100 * value:.1f}"


def bounds(interval: Interval) -> str:
    """The ends of an interval in percent; nothing where there are none."""
    return "" if np.isnan(interval.low) else f"{percent(interval.low)} to {percent(interval.high)}"


def with_bounds(interval: Interval) -> str:
    """A value and below it its interval."""
    ends = bounds(interval)
    value = f"<b>{percent(interval.value)}</b>"
    return f"{value}<small class='nowrap'>{ends}</small>" if ends else value


def shorten(name: str, most: int = 22) -> str:
    """A name that is cut where it is too long to stand upright."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def section(id_: str, title: str, *parts: str) -> str:
    """A section with its heading."""
    return f'<section id="{id_}"><h2>{escape(title)}</h2>{"".join(parts)}</section>'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; ``kind`` is a class of the style sheet."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "wide") -> str:
    """A table that scrolls by itself where the page is narrow; cells are HTML, heads are text.

    A head that starts with ``?`` is left out on a phone, with its column.
    """
    kinds = [' class="optional"' if name.startswith("?") else "" for name in head]
    heads = (f"<th{each}>{escape(name.lstrip('?'))}</th>" for name, each in zip(head, kinds, strict=True))
    body = (
        "".join(f"<td{each}{_bar(cell)}>{cell}</td>" for cell, each in zip(row, kinds, strict=True))
        for row in rows
    )
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(f'<tr>{cells}</tr>' for cells in body)}</tbody></table></div>"
    )


def _bar(cell: str) -> str:
    return ' class="bar"' if cell.startswith(('<svg class="interval', '<svg class="cost')) else ""


def columns(*parts: str) -> str:
    """Parts side by side where there is room."""
    return f'<div class="columns">{"".join(f"<div>{part}</div>" for part in parts)}</div>'
