"""What ``studies.choosing`` has measured: areas under the curves, differences, and the drawing.

``python -m studies.choosing_results RESULTS.jsonl`` prints the tables of docs/loop.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import click
import numpy as np

from detector.commands.cli import main
from detector.commands.command_line import echo

# Student's t for 95 % in both directions, by degrees of freedom; source: any table.
_STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
_STUDENT |= {10: 2.228, 11: 2.201, 12: 2.179, 13: 2.160, 14: 2.145, 17: 2.110, 20: 2.086, 26: 2.056}
_COLOURS = {"chosen": "#1f6fb4", "random": "#8a8a8a", "unsure": "#c8501e", "unlike": "#3a8f3a"}


class Point(TypedDict):
    """A training: what was labelled, and what came of it in points of AP."""

    dataset: str
    seed: int
    way: str
    labelled: int
    objects: int
    AP: float
    AP50: float
    images: list[str]


Key = tuple[str, int, str, int]  # dataset, seed, way, labelled


def read_points(results: Path) -> dict[Key, Point]:
    """The points of a file of JSON lines; of one that is there twice the later."""
    if not results.exists():
        return {}
    points: list[Point] = [json.loads(line) for line in results.read_text().splitlines()]
    return {(each["dataset"], each["seed"], each["way"], each["labelled"]): each for each in points}


def areas(points: Mapping[Key, Point], value: str = "AP") -> dict[tuple[str, int, str], float]:
    """The area under each curve by dataset, seed and way, as its mean height; of curves that are complete."""
    counts = sorted({count for *_, count in points})
    found = {}
    for dataset, seed, way in {key[:3] for key in points}:
        keys = [(dataset, seed, way, count) for count in counts]
        if all(key in points for key in keys):
            heights = [float(points[key][value]) for key in keys]  # type: ignore[literal-required]
            found[dataset, seed, way] = float(np.trapezoid(heights, counts)) / (counts[-1] - counts[0])
    return found


def interval(differences: Sequence[float]) -> tuple[float, float, float]:
    """The mean of paired differences, and its 95 % interval by Student's t; NaN ends for a single one."""
    mean, number = float(np.mean(differences)), len(differences)
    if number < 2:
        return mean, math.nan, math.nan
    freedom = max(each for each in _STUDENT if each <= number - 1)  # the next smaller one is on the safe side
    half = _STUDENT[freedom] * float(np.std(differences, ddof=1)) / math.sqrt(number)
    return mean, mean - half, mean + half


def table(points: Mapping[Key, Point], way: str, other: str) -> list[str]:
    """A way against another one: a row for each dataset, and one for all."""
    found = areas(points)
    pairs = sorted(
        {key[:2] for key in found if {(key[0], key[1], way), (key[0], key[1], other)} <= found.keys()}
    )
    rows = [f"| | pairs | {way} | {other} | difference | 95 % interval |", "|---|---|---|---|---|---|"]
    datasets = list(dict.fromkeys(dataset for dataset, _ in pairs))
    for name in (*datasets, "all"):
        own = [pair for pair in pairs if name in (pair[0], "all")]
        first, second = (np.array([found[(*pair, each)] for pair in own]) for each in (way, other))
        mean, low, high = interval((first - second).tolist())
        ends = "" if math.isnan(low) else f"{low:+.2f} to {high:+.2f}"
        numbers = f"{first.mean():.1f} | {second.mean():.1f} | {mean:+.2f} | {ends}"
        rows.append(f"| {name} | {len(own)} | {numbers} |")
    return rows


def means(points: Mapping[Key, Point]) -> list[str]:
    """A row for each dataset, way and number of labelled pictures: the means over the seeds."""
    rows = ["| | way | labelled | seeds | objects | AP | AP50 |", "|---|---|---|---|---|---|---|"]
    for dataset, way, count in sorted({(key[0], key[2], key[3]) for key in points}):
        own = [point for key, point in points.items() if (key[0], key[2], key[3]) == (dataset, way, count)]
        numbers = [float(np.mean([each[name] for each in own])) for name in ("objects", "AP", "AP50")]  # type: ignore[literal-required]
        words = f"{numbers[0]:.0f} | {numbers[1]:.1f} | {numbers[2]:.1f}"
        rows.append(f"| {dataset} | {way} | {count} | {len(own)} | {words} |")
    return rows


def draw(points: Mapping[Key, Point], path: Path) -> None:
    """Write the curves as SVG: thin a seed, thick their mean."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    datasets = sorted({key[0] for key in points})
    with mpl.rc_context({"svg.hashsalt": "choosing", "svg.fonttype": "path"}):
        figure = Figure(figsize=(3.4 * len(datasets), 3.2), layout="constrained")
        FigureCanvasSVG(figure)
        for number, dataset in enumerate(datasets, start=1):
            axes = figure.add_subplot(1, len(datasets), number)
            own = {key: point for key, point in points.items() if key[0] == dataset}
            for way in sorted({key[2] for key in own}):
                colour = _COLOURS[way]
                by_count: dict[int, list[float]] = {}
                for seed in sorted({key[1] for key in own if key[2] == way}):
                    curve = sorted((key[3], own[key]["AP"]) for key in own if key[1:3] == (seed, way))
                    axes.plot(*zip(*curve, strict=True), color=colour, alpha=0.3, linewidth=0.8)
                    for count, ap in curve:
                        by_count.setdefault(count, []).append(ap)
                counts = sorted(by_count)
                mean = [float(np.mean(by_count[count])) for count in counts]
                axes.plot(counts, mean, color=colour, linewidth=2, marker="o", markersize=4, label=way)
                axes.set_xticks(counts)
            axes.set_title(dataset)
            axes.set_xlabel("labelled pictures")
            axes.set_ylabel("AP" if number == 1 else "")
            axes.grid(alpha=0.3)
            axes.legend(loc="lower right", frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--against", default="random", show_default=True)
@click.option("--svg", type=click.Path(path_type=Path), help="Draw the curves into this file.")
@click.option("--summary", type=click.Path(path_type=Path), help="Write areas and differences as JSON.")
def show(results: Path, against: str, svg: Path | None, summary: Path | None) -> None:
    """Print what is in RESULTS, and draw it."""
    points = read_points(results)
    for line in means(points):
        echo(line)
    ways = sorted({key[2] for key in points} - {against})
    for way in ways:
        echo("\nArea under the curve of AP, as its mean height:")
        for line in table(points, way, against):
            echo(line)
    if svg is not None:
        draw(points, svg)
    if summary is not None:
        found = [
            {"dataset": dataset, "seed": seed, "way": way, "area": round(area, 3)}
            for (dataset, seed, way), area in sorted(areas(points).items())
        ]
        summary.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(prog_name="python -m studies.choosing_results", command=show)
