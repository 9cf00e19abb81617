"""Charts as SVG inside a page: no library, no script, sharp on paper and on a phone.

Colours come from the page's style sheet (``series-0`` ...), so that they follow its light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

_WIDTH, _HEIGHT = 380, 270  # of the drawing; a phone shows it about so large, and text with it
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 10, 40
_DIGIT = 8  # width of one, at the most
Ticks = Sequence[tuple[float, str]]  # where along an axis, in [0, 1], and what stands there
_TICKS: Ticks = tuple((tick, f"{tick:g}") for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
COLOURS = 6


@dataclass(frozen=True)
class Line:
    """A line of a chart, in [0, 1] both ways; points with NaN are left out.

    Attributes:
        name: for the legend.
        x, y: the points.
        colour: number of its colour; -1 is grey.
        dashed: for what is only there to compare with.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int
    dashed: bool = False


@dataclass(frozen=True)
class Mark:
    """A point with a text, and maybe a whisker from low to high."""

    x: float
    y: float
    text: str = ""
    low: float | None = None
    high: float | None = None


def line_chart(
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    marks: Iterable[Mark] = (),
    title: str = "",
    ticks: tuple[Ticks, Ticks] = (_TICKS, _TICKS),
) -> str:
    """A chart of lines and points over [0, 1] x [0, 1], with its legend below.

    Args:
        lines: drawn one over the other.
        x_label, y_label: what the axes show.
        marks: points above the lines.
        title: what a screen reader says.
        ticks: of the x axis and of the y axis, for scales of their own.
    """
    parts = [_frame(x_label, y_label, ticks), *map(_draw_line, lines), *map(_draw_mark, marks)]
    legend = "".join(
        f'<span class="key"><svg viewBox="0 0 24 8" aria-hidden="true"><line x1="0" y1="4" x2="24" y2="4" '
        f'class="line {_colour(line.colour)}{" dashed" if line.dashed else ""}"/></svg>{escape(line.name)}'
        "</span>"
        for line in lines
    )
    return (
        f'<div class="chart"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f'{"".join(parts)}</svg><div class="legend">{legend}</div></div>'
    )


def sparkline(y: Sequence[float]) -> str:
    """A small line over x from 0 to 1, with nothing around it."""
    points = " ".join(
        f"{60 * index / (len(y) - 1):.1f},{19 - 18 * value:.1f}" for index, value in enumerate(y)
    )
    return (
        '<svg class="spark" viewBox="0 0 60 20" aria-hidden="true"><rect width="60" height="20"/>'
        f'<polyline points="{points}"/></svg>'
    )


def interval_bar(value: float, low: float, high: float, reference: float, tone: str = "") -> str:
    """A point with its interval on a scale from 0 to 1, and a line where the reference is.

    ``tone`` is a class of the style sheet. It stretches to the width that there is.
    """
    whisker = (
        "" if np.isnan(low) else f'<line x1="{low:.2%}" x2="{high:.2%}" y1="10" y2="10" class="whisker"/>'
    )
    line = (
        ""
        if np.isnan(reference)
        else f'<line x1="{reference:.2%}" x2="{reference:.2%}" y1="0" y2="20" class="reference"/>'
    )
    return (
        f'<svg class="interval {tone}" height="20" aria-hidden="true"><rect width="100%" height="20"/>{line}'
        f'{whisker}<circle cx="{value:.2%}" cy="10" r="4"/></svg>'
    )


def cost_bar(share: float) -> str:
    """A bar that fills a share of the width that there is."""
    return (
        '<svg class="cost" height="18" aria-hidden="true"><rect width="100%" height="18"/>'
        f'<rect class="fill" width="{max(0.0, min(share, 1.0)):.2%}" height="18"/></svg>'
    )


def make_ticks(end: float, most: int = 5) -> Ticks:
    """Round numbers from 0 to the end of a scale, not more than so many parts of it."""
    if not end > 0:
        return ((0.0, "0"),)
    rough = end / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    values = [index * step for index in range(int(end / step * (1 + 1e-9)) + 1)]
    return [(value / end, f"{value:,.10g}") for value in values]


def _frame(x_label: str, y_label: str, ticks: tuple[Ticks, Ticks]) -> str:
    """Grid, numbers and labels of the axes."""
    parts = []
    for tick, text in ticks[0]:
        x, _ = _place(tick, 0)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}"/>')
        inside = min(x, _WIDTH - _DIGIT * len(text) / 2)
        parts.append(
            f'<text x="{inside:.1f}" y="{_HEIGHT - _BOTTOM + 16}" class="middle">{escape(text)}</text>'
        )
    for tick, text in ticks[1]:
        _, y = _place(0, tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="end">{escape(text)}</text>')
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" class="middle label">{escape(x_label)}'
        f'</text><text transform="translate(12 {middle}) rotate(-90)" class="middle label">{escape(y_label)}'
        "</text>"
    )
    return "".join(parts)


def _place(x: float, y: float) -> tuple[float, float]:
    """Where a point of [0, 1] x [0, 1] lies in the drawing."""
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    return _LEFT + width * min(max(x, 0), 1), _TOP + height * (1 - min(max(y, 0), 1))


def _draw_line(line: Line) -> str:
    places = [_place(x, y) for x, y in zip(line.x, line.y, strict=True) if not (np.isnan(x) or np.isnan(y))]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return (
        f'<polyline class="line {_colour(line.colour)}{" dashed" if line.dashed else ""}" points="{points}"/>'
    )


def _draw_mark(mark: Mark) -> str:
    x, y = _place(mark.x, mark.y)
    parts = []
    if mark.low is not None and mark.high is not None and not np.isnan(mark.low):
        top, bottom = _place(mark.x, mark.high)[1], _place(mark.x, mark.low)[1]
        parts.append(
            f'<line class="line series-0" x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
        )
    parts.append(f'<circle class="series-0" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
    if mark.text:
        late = mark.x > 0.6  # the text goes where there is room
        side, offset = ("end", -8) if late else ("start", 8)
        parts.append(
            f'<text class="{side} strong halo" x="{x + offset:.1f}" y="{max(y - 8, _TOP + 12):.1f}">'
            f"{escape(mark.text)}</text>"
        )
    return "".join(parts)


def _colour(number: int) -> str:
    return "series-grey" if number < 0 else f"series-{number % COLOURS}"
