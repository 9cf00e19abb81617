"""The pieces of HTML that sections are built of; every text goes through ``escape``."""

from __future__ import annotations

import re
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


def shaded(share: float, *, good: bool) -> str:
    """The style of a cell that is the stronger coloured the greater its share is, in [0, 1]."""
    # More of the colour, and numbers could not be read on it.
    return (
        f"background: color-mix(in srgb, var({'--c2' if good else '--c1'}) {45 * share:.0f}%, var(--paper))"
    )


def header(title: str, subtitle: str, content: str) -> str:
    """The head of a page: its title, what it is of, and HTML."""
    breakable = escape(title).replace("_", "_<wbr>")
    return f'<header><h1>{breakable}</h1><p class="soft">{escape(subtitle)}</p>{content}</header>'


def section(id_: str, title: str, *parts: str) -> str:
    """A section with its heading."""
    return f'<section id="{id_}"><h2>{escape(title)}</h2>{"".join(parts)}</section>'


def prose(text: str) -> str:
    """A sentence as HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; ``kind`` is a class of the style sheet."""
    return f'<p class="{kind}">{prose(text)}</p>' if kind else f"<p>{prose(text)}</p>"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "wide") -> str:
    """A table that scrolls by itself where the page is narrow; cells are HTML, heads are text.

    The first cell of a row is its head. A column whose head starts with ``?`` is left out on a phone; one
    without a head, which holds bars, on the narrowest.

    Args:
        title: what a screen reader calls it.
        head: of each column.
        rows: as many cells each.
        kind: classes of the style sheet.
    """
    kinds = ["bar" if not name else "optional" if name.startswith("?") else "" for name in head]
    heads = (
        _cell("th" if name else "td", name.lstrip("?"), kind, "col")
        for name, kind in zip(map(escape, head), kinds, strict=True)
    )
    body = (
        "".join(
            _cell("td" if place else "th", cell, kind, "row")
            for place, (cell, kind) in enumerate(zip(row, kinds, strict=True))
        )
        for row in rows
    )
    return scrolling(
        title,
        f'<table class="{kind}"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(f'<tr>{cells}</tr>' for cells in body)}</tbody></table>",
    )


def scrolling(title: str, content: str) -> str:
    """Content that scrolls sideways by itself, with the keyboard, too; its title is for screen readers."""
    return f'<div class="scroll" role="region" aria-label="{escape(title)}" tabindex="0">{content}</div>'


def _cell(tag: str, content: str, kind: str, scope: str) -> str:
    scoped = f' scope="{scope}"' if tag == "th" else ""
    classed = f' class="{kind}"' if kind else ""
    return f"<{tag}{scoped}{classed}>{content}</{tag}>"


def cards(shown: Iterable[tuple[str, str, str]]) -> str:
    """Numbers in large letters: what each is, the number, and a word about it; plain texts."""
    content = "".join(
        f'<div class="card"><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(about)}</span>'
        "</div>"
        for name, value, about in shown
    )
    return f'<div class="cards">{content}</div>'


def columns(*parts: str) -> str:
    """Parts side by side where there is room."""
    return f'<div class="columns">{"".join(f"<div>{part}</div>" for part in parts)}</div>'
