"""The sections of a classifier's report: its numbers, its classes, what it confuses, what to photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from detector.data.class_notes import LEAST_OBJECTS
from detector.data.dataset import DatasetImage
from detector.evaluation.classification import ClassFacts, ClassificationResult, Labels, Miss
from detector.labels import short_names
from detector.report.charts import interval_bar
from detector.report.classifier_advice import LEAST_IMAGES, Lowest, advise, find_lowest
from detector.report.cutout import encode_whole
from detector.report.markup import paragraph, percent, scrolling, section, shaded, table, with_bounds
from detector.report.parts import figure
from detector.report.pictures import Picture
from detector.system.parallel import map_threads
from detector.system.terminal import counted

MOST_PICTURES = 24
_MOST_OF_A_PAIR = 4  # pictures of one class that are called the same, so that many things are shown
_MOST_CELLS = 15  # rows of the confusion matrix
_TITLE = 22  # characters of a name that stands upright
_MOST_ROWS = 200  # of the table of classes
_MOST_PAIRS = 8
_NOWHERE = float("nan")


def build_numbers(result: ClassificationResult) -> str:
    """Accuracy, balanced accuracy and top-5 accuracy with intervals, and what guessing would reach."""
    largest = max(result.per_class, key=lambda each: each.images)
    guess = largest.images / len(result.names)
    shown = [
        ("accuracy", "images that are called what they are", result.accuracy_interval),
        ("balanced accuracy", "mean recall of the classes, each counting the same", result.balanced_interval),
    ]
    if (top5 := result.top5_interval) is not None:
        shown.append(("top-5 accuracy", "the right class is among the five likeliest", top5))
    rows = [
        (
            f"{name}<small>{escape(meaning)}</small>",
            interval_bar(each.value, each.low, each.high, guess if name == "accuracy" else _NOWHERE),
            with_bounds(each),
        )
        for name, meaning, each in shown
    ]
    return section(
        "numbers",
        "The numbers",
        table("The numbers", ("number", "", "percent, 95 % interval"), rows),
        paragraph(
            f"Calling every image {largest.name} would be right in {percent(guess)} % of them (the dashed "
            f"line). Scores differ from the share that is right by {percent(result.calibration_error)} "
            "points on average: the calibration error. Intervals are Wilson's, for images that were taken "
            "independently; of many images of one scene they are too narrow.",
            "note",
        ),
    )


def build_classes(result: ClassificationResult) -> str:
    """Each class with its recall and precision, from the worst to the best."""
    numbered = [(number, each) for number, each in enumerate(result.per_class) if each.images]
    numbered.sort(key=lambda pair: pair[1].recall.value)
    called = {each.truth: each for each in reversed(result.confusions())}  # the most frequent stays
    rows = []
    for number, each in numbered[:_MOST_ROWS]:
        most = called.get(each.name)
        rows.append(
            (
                f"{escape(each.name)}<small>{counted(each.images, 'image')}, "
                f"{each.predicted:,} called so</small>",
                _bar(each, result.accuracy, _tone(result, number)),
                with_bounds(each.recall),
                with_bounds(each.precision) if each.predicted else "none called so",
                f"{escape(most.predicted)} ({most.count:,})" if most else "",
            )
        )
    more = len(numbered) - len(rows)
    return section(
        "classes",
        "Classes",
        paragraph(
            "From the worst to the best, in percent, with 95 % intervals. Recall: how many of the images of "
            "a class are called so. Precision: how many of those that are called so are of it. The dashed "
            f"line is the accuracy, {percent(result.accuracy)}; orange is below all others together by more "
            "than chance, green above."
        ),
        table("Classes", ("class", "", "recall", "precision", "?otherwise called"), rows),
        paragraph(f"{counted(more, 'class', 'classes')} more: report.json has all.", "note") if more else "",
        _name_absent([each for each in result.per_class if not each.images]),
    )


def _bar(facts: ClassFacts, accuracy: float, tone: str) -> str:
    """The recall of a class with its interval, and a line at the accuracy."""
    recall = facts.recall
    return interval_bar(recall.value, recall.low, recall.high, accuracy, tone)


def _tone(result: ClassificationResult, number: int) -> str:
    """The colour of a class whose recall is unlike that of all others by more than chance."""
    return ("bad", "", "good")[result.unlike_the_rest(number) + 1]


def _name_absent(absent: Sequence[ClassFacts]) -> str:
    if not absent:
        return ""
    names = ", ".join(each.name for each in absent[:_MOST_CELLS])
    rest = f" and {len(absent) - _MOST_CELLS:,} more" if len(absent) > _MOST_CELLS else ""
    have = counted(len(absent), "class has", "classes have")
    return paragraph(f"{have} no image here, so that nothing is known of them: {names}{rest}.", "note")


def build_confusions(result: ClassificationResult) -> str:
    """The confusion matrix."""
    matrix = result.confusion
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    weight = wrong.sum(axis=0) + wrong.sum(axis=1)
    present = np.flatnonzero(matrix.sum(axis=0) + matrix.sum(axis=1))
    shown = sorted(present[np.argsort(-weight[present], kind="stable")][:_MOST_CELLS].tolist())
    rest = [label for label in present.tolist() if label not in shown]
    groups = [[label] for label in shown] + ([rest] if rest else [])
    titles = short_names([result.classes[label] for label in shown], _TITLE)
    if rest:
        titles.append(counted(len(rest), "other class", "other classes"))
    counts = np.array([[matrix[np.ix_(rows, columns)].sum() for columns in groups] for rows in groups])
    right = [int(matrix[group, group].sum()) for group in groups]
    pairs = "; ".join(
        f"{each.truth} called {each.predicted} ({each.count:,} of {each.images:,})"
        for each in result.confusions(_MOST_PAIRS)
    )
    return section(
        "confusions",
        "Confusions",
        paragraph(
            "Row: what it is. Column: what it is called. The stronger the colour, the greater the share of "
            "the row; green is right."
        ),
        _matrix_table(titles, counts),
        paragraph(
            (f"Most frequent: {pairs}." if pairs else "No class is taken for another.")
            + (
                f" Shown are the {_MOST_CELLS} classes with the most errors; report.json has all. Among the "
                f"others {right[-1]:,} of {counts[-1, -1]:,} that stay among them are right."
                if rest
                else ""
            ),
            "note",
        ),
    )


def _matrix_table(titles: Sequence[str], counts: Labels) -> str:
    totals = np.maximum(counts.sum(axis=1), 1)
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    rows = []
    for row, title in enumerate(titles):
        cells = "".join(
            f'<td style="{shaded(counts[row, column] / totals[row], good=row == column)}">'
            f"{counts[row, column] or ''}</td>"
            for column in range(len(titles))
        )
        rows.append(f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>')
    return scrolling(
        "Confusion matrix",
        '<table class="matrix"><thead><tr><th scope="col">it is &#8595; &#160; called &#8594;</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>",
    )


def build_pictures(result: ClassificationResult, images: Sequence[DatasetImage]) -> str:
    """The pictures that the classifier is surest of and wrong about."""
    title = "Worst misses"
    misses = _choose(result.misses())
    if not misses:
        return section("pictures", title, paragraph("Every image is called what it is."))

    def draw(miss: Miss) -> Picture:
        return Picture(
            "miss",
            f"{miss.truth} called {miss.predicted} {miss.score:.2f}",
            f"its own class {miss.truth_score:.2f}",
            miss.name,
            encode_whole(images[miss.index]),
        )

    pictures = list(map_threads(draw, misses, desc="pictures", unit="picture"))
    readable = [picture for picture in pictures if picture.jpeg is not None]
    if not readable:
        return section("pictures", title, paragraph("The image files are not here any more."))
    return section(
        "pictures",
        title,
        paragraph(
            f"Of {counted(int((~result.right).sum()), 'wrong image')} those with the highest scores, not "
            f"more than {_MOST_OF_A_PAIR} of the same two classes. Some may lie in the wrong folder: look."
        ),
        f'<div class="pictures">{"".join(map(figure, readable))}</div>',
    )


def _choose(misses: Sequence[Miss]) -> list[Miss]:
    of_pair: dict[tuple[str, str], int] = {}
    chosen = []
    for miss in misses:
        pair = miss.truth, miss.predicted
        of_pair[pair] = of_pair.get(pair, 0) + 1
        if of_pair[pair] <= _MOST_OF_A_PAIR:
            chosen.append(miss)
        if len(chosen) == MOST_PICTURES:
            break
    return chosen


def build_photograph(result: ClassificationResult, trained: Mapping[str, int] | None = None) -> str:
    """What to photograph next, with the evidence.

    Args:
        result: of validation pictures.
        trained: pictures that were trained on, by class; None where that is not known.
    """
    lowest = find_lowest(result)
    rows = [_row(each, result.accuracy, trained or {}) for each in lowest]
    few = [each.name for each in result.per_class if each.images < LEAST_IMAGES]
    rare = [f"{name} ({count:,})" for name, count in (trained or {}).items() if count < LEAST_OBJECTS]
    sentences = []
    if few and rows:
        sentences.append(
            f"Of fewer than {LEAST_IMAGES} of these images, so that nothing can be told of them: "
            f"{_names(few)}."
        )
    if rare:
        sentences.append(f"Trained on fewer than {LEAST_OBJECTS} images, so more help: {_names(rare)}.")
    return section(
        "photograph",
        "What to photograph next",
        paragraph(advise(result)),
        table("The classes of the lowest recall", ("class", "", "recall", "how sure"), rows, "wide told")
        if rows
        else "",
        *map(paragraph, sentences),
    )


def _row(lowest: Lowest, accuracy: float, trained: Mapping[str, int]) -> tuple[str, str, str, str]:
    facts = lowest.facts
    count = counted(facts.images, "image")
    if facts.name in trained:
        count += f", trained on {trained[facts.name]:,}"
    tone = "bad" if lowest.sure else ""
    return (
        f"<b>{escape(facts.name)}</b><small>{count}</small>",
        _bar(facts, accuracy, tone),
        with_bounds(facts.recall),
        f'<span class="{tone or "soft"}">{escape(lowest.remark)}</span>',
    )


def _names(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_PAIRS
    return ", ".join(names[:_MOST_PAIRS]) + (f" and {rest} more" if rest > 0 else "")
