"""How a training went, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector.system.files import replacing
from detector.training.history import HistoryEntry, read_series, smooth, value_of
from detector.training.measure import ACCURACY, AP, Measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOSSES = {
    "loss": ("total", "#222222"),
    "classification_loss": ("classification", "#d55e00"),
    "localization_loss": ("localization", "#0072b2"),
}  # colours that differ for the colour-blind, too: Okabe and Ito, Color Universal Design, 2008
_COLOURS = ("#009e73", "#e69f00")  # of the number that chooses the best weights, and of the other
_STYLE: dict[str, object] = {
    "font.size": 15,
    "axes.titlesize": 17,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
}
_ROOM = 1.45  # of the greatest AP: the legend stands above it, where 100 % is not in the way


def draw_curves(history: Sequence[HistoryEntry], path: Path) -> None:
    """Write a PNG with three panels over the steps: losses, AP and AP50 (or a classifier's accuracy) in
    percent, learning rate.

    Losses are drawn as they came, in light colours, and smoothed. The best AP of the run is marked; that of
    the trials before it is a dashed line.

    Args:
        history: records in order, each with ``step`` and any of ``loss``, ``classification_loss``,
            ``localization_loss``, ``learning_rate``, ``AP`` and ``AP50``, or ``accuracy`` and
            ``balanced_accuracy`` (in [0, 1]; -1 for none). Those of trials have ``trial``.
        path: file to write, ``.png``.

    Raises:
        DetectorError: the file cannot be written.
    """
    # Slow to import, and there only where training is.
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(16, 4.8), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)  # needs no display
        losses, precisions, rates = figure.subplots(1, 3)
        measure = ACCURACY if any("accuracy" in record for record in history) else AP
        of_trials = (value_of(record, measure.key) for record in history if "trial" in record)
        trials = [value for value in of_trials if value is not None]
        history = [record for record in history if "trial" not in record]
        _draw_losses(losses, history)
        _draw_precisions(precisions, history, max(trials, default=-1), measure)
        _draw_rates(rates, history)
        for axes in (losses, precisions, rates):
            axes.set_xlabel("step")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            axes.set_xlim(*_step_limits(history))
        rates.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png")


def _draw_losses(axes: Axes, history: Sequence[HistoryEntry]) -> None:
    axes.set_title("Loss")
    tops = []
    for key, (label, colour) in _LOSSES.items():
        steps, values = read_series(history, key)
        if not len(steps):
            continue
        smoothed = smooth(values)
        axes.plot(steps, values, color=colour, alpha=0.25, linewidth=1)
        axes.plot(steps, smoothed, color=colour, linewidth=2.2, label=label, marker=_marker(steps))
        # The spike of the first steps would press all else flat.
        tops.append(max(np.percentile(values, 98), smoothed[len(smoothed) // 20 :].max()))
    if not tops:
        _say(axes, "no loss recorded")
        return
    axes.set_ylim(0, 1.08 * max(tops) or 1)
    axes.legend(loc="upper right")


def _draw_precisions(
    axes: Axes, history: Sequence[HistoryEntry], best_trial: float, measure: Measure = AP
) -> None:
    axes.set_title(f"{measure.title} on the validation set, %")
    top = 0.0
    if best_trial >= 0:
        top = 100 * best_trial
        axes.axhline(top, color=_COLOURS[0], linestyle="--", label=f"{measure.key} {top:.1f} of the trial")
    drawn = ((measure.second_key, measure.second_name), (measure.key, measure.key))
    for (key, label), colour in zip(drawn, reversed(_COLOURS), strict=True):
        steps, values = read_series(history, key)
        steps, values = steps[values >= 0], 100 * values[values >= 0]
        if not len(steps):
            continue
        axes.plot(
            steps, values, color=colour, linewidth=2.2, marker="o", markersize=4, label=label, clip_on=False
        )
        top = max(top, values.max())
        if key == measure.key:
            _mark_best(axes, steps, values, colour, measure)
    if not axes.lines:
        _say(axes, "no evaluation yet")
        return
    axes.set_ylim(0, min(100, _ROOM * top) or 1)
    axes.legend(loc="upper left" if _ROOM * top <= 100 else "lower right")


def _mark_best(
    axes: Axes,
    steps: NDArray[np.float64],
    values: NDArray[np.float64],
    colour: str,
    measure: Measure,
) -> None:
    """A star on the best one, its value above it, and both in the legend."""
    equal = np.flatnonzero(values == values.max())
    best = int(equal[-1 if measure == ACCURACY else 0])  # the one that is kept
    text = f"best {measure.key} {values[best]:.1f} at step {steps[best]:,.0f}"
    axes.plot(
        steps[best : best + 1],
        values[best : best + 1],
        linestyle="",
        label=text,
        marker="*",
        markersize=17,
        color=colour,
        markeredgecolor="black",
        clip_on=False,  # at 100 it is whole, too
    )
    axes.annotate(
        f"{values[best]:.1f}",
        (steps[best], values[best]),
        xytext=(0, 10 if values[best] < 90 else -26),
        textcoords="offset points",
        ha="center",
        fontweight="bold",
    )


def _draw_rates(axes: Axes, history: Sequence[HistoryEntry]) -> None:
    axes.set_title("Learning rate")
    steps, values = read_series(history, "learning_rate")
    if not len(steps):
        _say(axes, "no learning rate recorded")
        return
    axes.plot(steps, values, color="#222222", linewidth=2.2, marker=_marker(steps))
    axes.set_ylim(0, 1.08 * values.max() or 1)


def _step_limits(history: Sequence[HistoryEntry]) -> tuple[float, float]:
    """The first and last step with a little room, the same for all panels."""
    steps = [record["step"] for record in history] or [0]
    room = 0.03 * (max(steps) - min(steps)) or 1
    return min(steps) - room, max(steps) + room


def _marker(steps: NDArray[np.float64]) -> str:
    return "o" if len(steps) < 10 else ""


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#777777")
    axes.set_yticks([])
