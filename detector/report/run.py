"""The sections about a training: how it went, what was planned and why, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from detector.report.charts import Line, Mark, line_chart, make_ticks
from detector.report.markup import cards, columns, header, paragraph, percent, section, table
from detector.system.terminal import counted

_PERCENT = tuple((tick / 5, f"{20 * tick}") for tick in range(6))
_ROOM = 1.08  # of the greatest loss
_STARTING = 20  # the first of so many parts, whose spike would press all else flat


@dataclass(frozen=True)
class Series:
    """Numbers over the steps of a run."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Evaluated:
    """Numbers of an evaluation, in [0, 1]; -1 for none.

    Attributes:
        when: its step, or of which trial.
        step: None for a trial.
        ap, ap50: on the validation images; of a classifier, its accuracy and balanced accuracy.
    """

    when: str
    step: int | None
    ap: float
    ap50: float


@dataclass(frozen=True)
class Kept:
    """What a run that goes on from another has kept.

    Attributes:
        title: what was measured.
        rows: a class, its AP before, after, and the difference, in words.
        conclusion: what follows, in a sentence.
    """

    title: str
    rows: Sequence[tuple[str, str, str, str]]
    conclusion: str


@dataclass(frozen=True)
class RunFacts:
    """What a page tells of a run; all texts are plain.

    Attributes:
        name: of the run.
        state: how far it is, in a sentence.
        about: what it is trained on, in a line.
        news: what came about last, in a sentence.
        steps: how many there are in all.
        cards: what is asked for first: what it is, a number, a word about it.
        losses: smoothed.
        evaluations: in order, those of the trials among them.
        plan: the lines that the run began with: names with their values, and reasons in brackets.
        trained: objects that are trained on, by class; None where that is not known.
        commands: what can be typed next, and what each does.
        kept: of a run that goes on from another, what it has kept.
        folds: what was judged so far by models that have not seen it, for a training in folds.
        pooled: sentences on all folds together.
        measures: what the two numbers of an evaluation are called.
    """

    name: str
    state: str
    about: str = ""
    news: str = ""
    steps: int = 0
    cards: Sequence[tuple[str, str, str]] = ()
    losses: Sequence[Series] = ()
    evaluations: Sequence[Evaluated] = ()
    plan: Sequence[str] = ()
    trained: Mapping[str, int] | None = None
    commands: Sequence[tuple[str, str]] = ()
    kept: Kept | None = None
    folds: Sequence[Evaluated] = ()
    pooled: Sequence[str] = ()
    measures: tuple[str, str] = ("AP", "AP50")

    @property
    def best(self) -> Evaluated | None:
        """The evaluation whose weights are kept; None without any."""
        return best_of(self.evaluations, self.measures[0])


def best_of(evaluations: Sequence[Evaluated], measure: str) -> Evaluated | None:
    """That whose weights are kept: of equal accuracies the last, of equal AP the first; None without any."""
    in_order = evaluations[::-1] if measure == "accuracy" else evaluations
    return max(in_order, key=lambda each: each.ap, default=None)


def build_run_head(facts: RunFacts) -> str:
    """Title, state and first numbers of a run."""
    return header(facts.name, facts.about, build_state(facts) + cards(facts.cards))


def build_state(facts: RunFacts) -> str:
    """How far a run is, and its news, which screen readers tell as they come."""
    return f'<p class="state">{escape(facts.state)}</p><p class="soft" role="status">{escape(facts.news)}</p>'


def percent_of(value: float) -> str:
    """A number of [0, 1] in percent; -1 as it is."""
    return percent(float("nan") if value < 0 else value)


def build_training(facts: RunFacts) -> str:
    """Losses and what is measured over the steps."""
    if not facts.losses and not facts.evaluations:
        return section("training", "Training", paragraph("There is nothing to show before the first steps."))
    return section(
        "training",
        "Training",
        columns(_losses(facts), _precisions(facts)),
        _evaluation_table(facts),
    )


def _losses(facts: RunFacts) -> str:
    title = "<h3>Loss</h3>"
    if not facts.losses:
        return title + paragraph("There is none before the first steps.")
    tops = [value for each in facts.losses for value in each.values[len(each.values) // _STARTING :]]
    top = _ROOM * max(tops, default=0) or 1
    lines = [
        Line(
            each.name,
            [step / max(1, facts.steps) for step in each.steps],
            [min(1, value / top) for value in each.values],
            colour,
        )
        for colour, each in enumerate(facts.losses)
    ]
    now = ", ".join(f"{each.name} {each.values[-1]:.2f}" for each in facts.losses if each.values)
    return title + line_chart(
        lines,
        x_label="step",
        y_label="loss, smoothed",
        title=f"Losses over steps, at the end {now}",
        ticks=(make_ticks(facts.steps), make_ticks(top)),
    )


def _precisions(facts: RunFacts) -> str:
    name, other = facts.measures
    title = f"<h3>{escape(_capital(name))} on the validation images</h3>"
    run = [each for each in facts.evaluations if each.step is not None and each.ap >= 0]
    trials = [each.ap for each in facts.evaluations if each.step is None]
    if not run and not trials and facts.folds:
        return title + paragraph("There is none: the model is trained on all images. The folds have some.")
    if not run and not trials:
        return title + paragraph("There is none before the first evaluation.")
    at = [(each.step or 0) / max(1, facts.steps) for each in run]
    lines = [Line(other, at, [each.ap50 for each in run], 1), Line(name, at, [each.ap for each in run], 0)]
    if trials and max(trials) >= 0:
        lines.append(Line(f"best {name} of the trials", [0, 1], [max(trials)] * 2, -1, True))
    best = best_of(run, name)
    marks = []
    if best is not None:
        marks = [Mark((best.step or 0) / max(1, facts.steps), best.ap, f"{name} {percent_of(best.ap)}")]
    told = facts.best
    return title + line_chart(
        lines,
        x_label="step",
        y_label="percent",
        marks=marks,
        title=f"{_capital(name)} over steps"
        + (f", the best {percent_of(told.ap)} at {told.when}" if told else ""),
        ticks=(make_ticks(facts.steps), _PERCENT),
    )


def _capital(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"


def _evaluation_table(facts: RunFacts) -> str:
    """All evaluations in numbers, for whoever does not see curves; folded up."""
    if not facts.evaluations:
        return ""
    best = facts.best
    rows = [
        (
            escape(each.when),
            f"<b>{percent_of(each.ap)}</b>" + (" best" if each is best else ""),
            percent_of(each.ap50),
        )
        for each in facts.evaluations
    ]
    title = counted(len(rows), "evaluation") + " in numbers"
    return (
        f"<details><summary>{title}</summary>"
        + table("Evaluations", ("evaluated", *facts.measures), rows, kind="")
        + "</details>"
    )


def build_folds(facts: RunFacts) -> str:
    """The numbers of the folds, of a training that has some."""
    if not facts.folds:
        return ""
    rows = [
        (escape(each.when), f"<b>{percent_of(each.ap)}</b>", percent_of(each.ap50)) for each in facts.folds
    ]
    return section(
        "folds",
        "The folds",
        paragraph("Each part of the images is judged by a model that was trained on the others."),
        table("The folds", ("judged", *facts.measures), rows, kind=""),
        *(paragraph(sentence) for sentence in facts.pooled),
    )


def build_kept(facts: RunFacts) -> str:
    """What a run has kept of the one that it goes on from."""
    if facts.kept is None:
        return ""
    rows = [tuple(escape(each) for each in row) for row in facts.kept.rows]
    columns = ("class", "AP before", "AP after", "difference")
    return section(
        "kept",
        "What is kept",
        paragraph(f"{facts.kept.conclusion} {facts.kept.title}; in percent, with 95 % intervals."),
        table("What is kept", columns, rows, kind=""),
    )


def build_plan(facts: RunFacts) -> str:
    """What was planned, and why."""
    if not facts.plan:
        return ""
    rows, reasons = [], []
    for line in facts.plan:
        text = line.strip()
        name, _, value = text.partition("  ")
        if text.startswith("(") or not value:
            reasons.append(text.removeprefix("(").removesuffix(")"))
        else:
            rows.append((escape(name), f'<span class="soft">{escape(value.strip())}</span>'))
    why = "".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    return section(
        "plan",
        "The plan",
        table("The plan", ("what", "plan"), rows, kind="words"),
        f"<h3>Why</h3><ul>{why}</ul>" if why else "",
    )


def build_commands(facts: RunFacts) -> str:
    """What can be typed next."""
    if not facts.commands:
        return ""
    items = "".join(
        f"<dt>{escape(what)}</dt><dd><code>{escape(typed)}</code></dd>" for what, typed in facts.commands
    )
    return section("next", "What to type next", f'<dl class="commands">{items}</dl>')
