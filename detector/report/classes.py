"""Sections about classes: their numbers, curves and thresholds, confusions, and the calibration of scores."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from detector.evaluation.analysis import Analysis
from detector.evaluation.assignment import IOU_THRESHOLDS
from detector.evaluation.bootstrap import LEAST_IMAGES
from detector.evaluation.precision_recall import RECALL_THRESHOLDS
from detector.evaluation.thresholds import GRID, LEAST_OBJECTS
from detector.report.advice import most_confused
from detector.report.charts import COLOURS, Line, Mark, interval_bar, line_chart, sparkline
from detector.report.markup import (
    bounds,
    columns,
    paragraph,
    percent,
    scrolling,
    section,
    shaded,
    shorten,
    table,
    with_bounds,
)
from detector.system.terminal import counted

_MOST_LINES = COLOURS  # classes with lines of their own in a chart
_MOST_CELLS = 15  # rows of the confusion matrix


def build_classes(analysis: Analysis) -> str:
    """Each class with its numbers, from the worst to the best."""
    overall = analysis.summary["AP"].value
    labels = {name: label for label, name in enumerate(analysis.tables.classes)}
    rows = []
    for facts in sorted(analysis.classes, key=lambda each: each.ap.value):
        shown = (facts.ap, facts.ap50, facts.ar)
        sampled = np.nan_to_num(analysis.curves.precision[0, labels[facts.name]]).tolist()
        rows.append(
            (
                f"{escape(facts.name)}<small>{facts.objects:,} in {counted(facts.images, 'image')}</small>",
                interval_bar(shown[0].value, shown[0].low, shown[0].high, overall),
                *map(with_bounds, shown),
                sparkline(sampled),
                f"{facts.threshold:g}" + ("" if facts.best else "*"),
                f"{facts.best.f1:.2f}" if facts.best else "",
                f"{facts.detections:,}",
            )
        )
    head = ("class", "", "AP", "?AP50", "?AR", "?P over R", "threshold", "?F1", "?shown")
    return section(
        "classes",
        "Classes",
        paragraph(
            "From the worst to the best, in percent, with 95 % intervals; the dashed line is the mean of "
            f"all, {percent(overall)}. Intervals of classes in fewer than {LEAST_IMAGES} images are left "
            "out: they would say nothing."
        ),
        table("Classes", head, rows),
        paragraph(
            "Threshold: the least score at which F1 at IoU .5 is best; shown: detections from there on. * "
            f"Fewer than {LEAST_OBJECTS} objects, or nothing found: the threshold of all classes together. "
            "Thresholds are chosen on these very images and are a little flattered by them. A narrow screen "
            "leaves some columns out.",
            "note",
        ),
        _name_absent(analysis.without_objects),
    )


def _name_absent(names: Sequence[str]) -> str:
    if not names:
        return ""
    have = counted(len(names), "class has", "classes have")
    return paragraph(
        f"{have} no object here; AP is -1 there, which is no score and is part of no mean: "
        f"{', '.join(names)}.",
        "note",
    )


def build_curves(analysis: Analysis) -> str:
    """Precision over recall, and F1 over the score threshold."""
    return section(
        "curves",
        "Precision, recall and thresholds",
        columns(_precision_recall(analysis), _f1(analysis)),
    )


def _precision_recall(analysis: Analysis) -> str:
    precision = analysis.curves.precision
    known = ~np.isnan(precision[0, :, 0])
    recall = RECALL_THRESHOLDS.tolist()
    if not known.any():
        return paragraph("No object, so no curve.")
    lines = []
    for colour, iou in enumerate((0.5, 0.75, 0.9)):
        at = int(np.argmin(np.abs(IOU_THRESHOLDS - iou)))
        lines.append(Line(f"all, IoU {iou:g}", recall, precision[at][known].mean(axis=0).tolist(), colour))
    several = 1 < known.sum() <= _MOST_LINES - 3
    for colour, label in enumerate(np.flatnonzero(known).tolist() if several else (), start=3):
        lines.append(Line(analysis.tables.classes[label], recall, precision[0, label].tolist(), colour, True))
    chart = line_chart(lines, x_label="recall", y_label="precision", title="Precision over recall")
    return (
        "<h3>Precision over recall</h3>"
        + chart
        + paragraph(
            "AP is the area under such a curve, averaged over classes and, for AP itself, IoUs.", "note"
        )
    )


def _f1(analysis: Analysis) -> str:
    curves, best = analysis.curves, analysis.operating
    grid = GRID.tolist()
    lines = [
        Line("precision", grid, curves.f1_precision.tolist(), 1, True),
        Line("recall", grid, curves.f1_recall.tolist(), 2, True),
        Line("F1 of all detections", grid, curves.f1.tolist(), 0),
    ]
    marks = [Mark(best.threshold, best.f1, f"F1 {best.f1:.2f} at {best.threshold:g}")] if best.f1 else []
    chart = line_chart(
        lines,
        marks=marks,
        x_label="score threshold",
        y_label="at IoU .5",
        title="F1 over the score threshold",
    )
    return (
        "<h3>F1 over the score threshold</h3>"
        + chart
        + paragraph(
            f"Best: show what scores {best.threshold:g} or more. Then {best.precision:.0%} of what is shown "
            f"is right, and {best.recall:.0%} of the objects are found. Choose a higher threshold where a "
            "ghost costs more than a miss.",
            "note",
        )
    )


def build_confusions(analysis: Analysis) -> str:
    """The confusion matrix, with missed objects and ghosts named."""
    matrix, names = analysis.matrix, [*analysis.tables.classes]
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    weight = wrong.sum(axis=0)[:-1] + wrong.sum(axis=1)[:-1]
    present = np.flatnonzero(matrix.sum(axis=0)[:-1] + matrix.sum(axis=1)[:-1])
    shown = sorted(present[np.argsort(-weight[present], kind="stable")][:_MOST_CELLS].tolist())
    rest = [label for label in present.tolist() if label not in shown]
    groups = [[label] for label in shown] + ([rest] if rest else [])
    titles = [shorten(names[label]) for label in shown] + (
        [counted(len(rest), "other class", "other classes")] if rest else []
    )
    counts = np.array(
        [[matrix[np.ix_(rows, cols)].sum() for cols in [*groups, [-1]]] for rows in [*groups, [-1]]]
    )
    listing = "; ".join(f"{true} as {said} ({count})" for true, said, count in most_confused(analysis, 8))
    total = matrix[:, :-1].sum()
    return section(
        "confusions",
        "Confusions, missed objects and ghosts",
        paragraph(
            "Row: what it is. Column: what it is detected as. The column missed counts objects that have no "
            "detection; the row ghost counts detections where no object is left. Neither is a class."
        ),
        _matrix_table(titles, counts),
        paragraph(
            f"At IoU .5 and each class's threshold: {counted(int(total), 'detection')}, "
            f"{counted(int(matrix[:-1, -1].sum()), 'object')} missed, "
            f"{counted(int(matrix[-1, :-1].sum()), 'ghost')} (second detections of an object are ghosts). "
            + (f"Most frequent confusions: {listing}." if listing else "No class is taken for another.")
            + (
                f" Shown are the {_MOST_CELLS} classes with the most errors; report.json has all."
                if rest
                else ""
            ),
            "note",
        ),
    )


def _matrix_table(titles: Sequence[str], counts: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> str:
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    totals = np.maximum(counts.sum(axis=1), 1)
    rows = []
    last = len(titles)
    for row in range(last + 1):
        cells = []
        for column in range(last + 1):
            if row == last and column == last:
                cells.append('<td class="missed"></td>')
                continue
            share = counts[row, column] / totals[row]
            ground = shaded(share, good=row == column and row < last)
            kind = ' class="missed"' if column == last else ""
            cells.append(f'<td{kind} style="{ground}">{counts[row, column] or ""}</td>')
        title = escape(titles[row]) if row < last else "<b>ghost</b> (nothing is there)"
        kind = ' class="ghosts"' if row == last else ""
        rows.append(f'<tr{kind}><th scope="row">{title}</th>{"".join(cells)}</tr>')
    return scrolling(
        "Confusion matrix",
        '<table class="matrix"><thead><tr><th scope="col">it is &#8595; &#160; detected as &#8594;</th>'
        f'{head}<th scope="col" class="missed"><b>missed</b></th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>",
    )


def build_calibration(analysis: Analysis) -> str:
    """Whether scores are probabilities."""
    bins, error = analysis.calibration.bins, analysis.calibration.error
    if not bins:
        return section(
            "calibration", "Calibration of scores", paragraph("No detection of score .05 or more.")
        )
    marks = [
        Mark(each.score, each.precision.value, low=each.precision.low, high=each.precision.high)
        for each in bins
    ]
    lines = [
        Line("as it should be", [0, 1], [0, 1], -1, True),
        Line(
            "share that is right", [each.score for each in bins], [each.precision.value for each in bins], 0
        ),
    ]
    chart = line_chart(
        lines,
        marks=marks,
        x_label="score",
        y_label="share that is right",
        title="Share of right detections over the score",
    )
    rows = [
        (
            f"{each.low:g} to {each.high:g}",
            f"{each.count:,}",
            percent(each.score),
            with_bounds(each.precision),
        )
        for each in bins
    ]
    interval = f" (95 % interval {bounds(error)})" if bounds(error) else ""
    return section(
        "calibration",
        "Calibration of scores",
        paragraph(
            "Do seven of ten detections of score .7 find an object of their class at IoU .5? The line should "
            f"run along the diagonal; the mean distance from it is {percent(error.value)} points{interval}, "
            "over detections of score .05 or more."
        ),
        columns(chart, table("Calibration", ("score", "?detections", "mean score, %", "right, %"), rows)),
    )
