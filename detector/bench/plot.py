"""AP against latency as one SVG file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 60, 20, 40, 50
_PLOT_HEIGHT, _LINE = 330, 26
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.grid{stroke:#ddd}.own{fill:#2563a8}.baseline{fill:#888}"
    ".title{font-weight:600}.small{font-size:11px;fill:#666}"
)

Point = tuple[str, float, float, bool]  # name, milliseconds of a frame, AP in [0, 1] or NaN, baseline


def draw_plot(points: Sequence[Point], subtitle: str) -> str:
    """A chart of AP against the time of a frame; of the times alone where no AP is known.

    Args:
        points: name, milliseconds, AP in [0, 1] or NaN, and whether it is a baseline.
        subtitle: of which machine.
    """
    known = [point for point in points if not math.isnan(point[2])]
    return _scatter(known, subtitle) if known else _bars(points, subtitle)


def _scatter(points: Sequence[Point], subtitle: str) -> str:
    height = _TOP + _PLOT_HEIGHT + _BOTTOM
    right, bottom = _WIDTH - _RIGHT, height - _BOTTOM
    x_ticks = _ticks(0, max(point[1] for point in points) * 1.15)
    values = [100 * point[2] for point in points]
    y_ticks = _ticks(min(values) - 1, max(values) + 1)
    parts = []

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return _LEFT + across * (right - _LEFT), bottom - up * (bottom - _TOP)

    for tick in x_ticks:
        x = place(tick, y_ticks[0])[0]
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(_text(x, bottom + 18, f"{tick:g}", "middle"))
    for tick in y_ticks:
        y = place(x_ticks[0], tick)[1]
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{tick:g}", "end"))
    taken: list[tuple[float, float]] = []
    for name, milliseconds, ap, baseline in points:
        x, y = place(milliseconds, 100 * ap)
        parts.append(f'<circle class="{_kind(baseline)}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
        late = x > (_LEFT + right) / 2  # the text goes where there is room
        text_y = y - 9
        while any(abs(text_y - other_y) < 14 and abs(x - other_x) < 240 for other_x, other_y in taken):
            text_y -= 14
        taken.append((x, text_y))
        parts.append(_text(x, text_y, name, "end" if late else "start"))
    parts.append(_text((_LEFT + right) / 2, height - 10, "milliseconds of a frame (median)", "middle"))
    parts.append(_text(_LEFT, _TOP - 24, "AP against latency", "start", "title"))
    return _svg(height, parts, subtitle)


def _bars(points: Sequence[Point], subtitle: str) -> str:
    height = _TOP + _LINE * len(points) + _BOTTOM
    longest = max(point[1] for point in points)
    names = 260
    parts = [_text(20, _TOP - 24, "Latency", "start", "title")]
    for index, (name, milliseconds, _, baseline) in enumerate(points):
        y = _TOP + _LINE * index
        width = (_WIDTH - names - 90) * milliseconds / longest
        parts.append(_text(names - 8, y + 16, name, "end"))
        parts.append(
            f'<rect class="{_kind(baseline)}" x="{names}" y="{y + 4}" width="{width:.1f}" height="16"/>'
        )
        parts.append(_text(names + width + 6, y + 16, f"{milliseconds:.1f}", "start"))
    parts.append(_text(names, height - 18, "milliseconds of a frame (median)", "start"))
    return _svg(height, parts, subtitle)


def _svg(height: float, parts: Sequence[str], subtitle: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:g}" role="img">'
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}'
        f"{_text(_WIDTH - _RIGHT, _TOP - 24, subtitle, 'end', 'small')}</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(text)}</text>'


def _kind(baseline: bool) -> str:
    return "baseline" if baseline else "own"


def _ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers from below ``low`` to above ``high``."""
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * number, 10) for number in range(first, last + 1)]
