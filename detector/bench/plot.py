"""AP against latency as one SVG file that needs nothing else."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from html import escape

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 60, 20, 50, 50
_PLOT_HEIGHT, _LINE = 330, 26
_LETTER = 7.5  # width of one in a name
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.grid{stroke:#ddd}"
    ".own{fill:#2563a8;stroke:#2563a8}.baseline{fill:#888;stroke:#888}"
    ".title{font-weight:600}.number{fill:#fff;font-size:11px}.dashed{stroke:#888;"
    "stroke-dasharray:5 4}.small{font-size:11px;fill:#666}"
)

Point = tuple[str, float, float, bool]  # name, milliseconds of a frame, AP in [0, 1] or NaN, baseline


def draw_plot(points: Sequence[Point], subtitle: str) -> str:
    """A chart of AP against the time of a frame; of the times alone where no AP is known.

    Args:
        points: name, milliseconds, AP in [0, 1] or NaN, and whether it is a baseline.
        subtitle: of which machine.
    """
    if all(math.isnan(point[2]) for point in points):
        return _bars(points, subtitle)
    return _scatter(points, subtitle)


def _scatter(points: Sequence[Point], subtitle: str) -> str:
    """Numbered points with their names below; a dashed line is the time of what has no AP."""
    right, bottom = _WIDTH - _RIGHT, _TOP + _PLOT_HEIGHT
    values = [100 * point[2] for point in points if not math.isnan(point[2])]
    x_ticks = _ticks(0, max(point[1] for point in points))
    y_ticks = _ticks(min(values) - 1, max(values) + 1)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return _LEFT + across * (right - _LEFT), bottom - up * (bottom - _TOP)

    parts = [_text(_LEFT, _TOP - 24, "AP against latency", "start", "title")]
    for tick in x_ticks:
        x = place(tick, y_ticks[0])[0]
        parts.append(_line("grid", (x, _TOP), (x, bottom)))
        parts.append(_text(x, bottom + 18, f"{tick:g}", "middle"))
    for tick in y_ticks:
        y = place(x_ticks[0], tick)[1]
        parts.append(_line("grid", (_LEFT, y), (right, y)))
        parts.append(_text(_LEFT - 8, y + 4, f"{tick:g}", "end"))
    parts.append(_text((_LEFT + right) / 2, bottom + 38, "milliseconds of a frame (median)", "middle"))
    taken: list[tuple[float, float]] = []  # by the numbers of points
    numbers: list[str] = []  # drawn last, over all points
    for number, (name, milliseconds, ap, baseline) in enumerate(points, start=1):
        kind, without = _kind(baseline), math.isnan(ap)
        x, y = place(milliseconds, y_ticks[-1] if without else 100 * ap)
        if without:
            parts.append(_line("dashed", (x, y), (x, bottom)))
        legend_y = bottom + 44 + _LINE * number
        free = next(spot for spot in _around(x, y) if all(math.dist(spot, other) > 20 for other in taken))
        taken.append(free)
        parts.append(_line(kind, (x, y), free))
        parts.append(_circle(kind, (x, y), 3))
        for centre in (free, (_LEFT + 10, legend_y)):
            numbers.append(_circle(kind, centre, 10))
            numbers.append(_text(centre[0], centre[1] + 4, str(number), "middle", "number"))
        value = "no AP" if without else f"AP {100 * ap:.2f}"
        parts.append(_text(_LEFT + 28, legend_y + 5, f"{name}: {milliseconds:.1f} ms, {value}", "start"))
    return _svg(bottom + 60 + _LINE * len(points), [*parts, *numbers], subtitle)


def _around(x: float, y: float) -> Iterator[tuple[float, float]]:
    """The place itself and then those around it, ever farther off: where its number may stand."""
    yield x, y
    for step in itertools.count():
        radius, angle = 21 + step // 12 * 14, step * math.pi / 6
        yield x + radius * math.sin(angle), y - radius * math.cos(angle)


def _bars(points: Sequence[Point], subtitle: str) -> str:
    height = _TOP + _LINE * len(points) + _BOTTOM
    longest = max(point[1] for point in points)
    names = 28 + _LETTER * max(len(point[0]) for point in points)
    page = max(_WIDTH, names + 330)
    parts = [_text(20, _TOP - 24, "Latency", "start", "title")]
    for index, (name, milliseconds, _, baseline) in enumerate(points):
        y = _TOP + _LINE * index
        width = (page - names - 90) * milliseconds / longest
        parts.append(_text(names - 8, y + 16, name, "end"))
        parts.append(
            f'<rect class="{_kind(baseline)}" x="{names}" y="{y + 4}" width="{width:.1f}" height="16"/>'
        )
        parts.append(_text(names + width + 6, y + 16, f"{milliseconds:.1f}", "start"))
    parts.append(_text(names, height - 18, "milliseconds of a frame (median)", "start"))
    return _svg(height, parts, subtitle, page)


def _svg(height: float, parts: Sequence[str], subtitle: str, width: float = _WIDTH) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">'
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}'
        f"{_text(width - _RIGHT, _TOP - 24, subtitle, 'end', 'small')}</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(text)}</text>'


def _line(kind: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _circle(kind: str, centre: tuple[float, float], radius: float) -> str:
    return f'<circle class="{kind}" cx="{centre[0]:.1f}" cy="{centre[1]:.1f}" r="{radius:g}"/>'


def _kind(baseline: bool) -> str:
    return "baseline" if baseline else "own"


def _ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers from below ``low`` to above ``high``."""
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * number, 10) for number in range(first, last + 1)]
