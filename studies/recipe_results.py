"""What ``studies.recipes`` has measured: differences to SSD's losses, paired by dataset and seed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np

from studies.choosing_results import interval

BASELINE = "SSD's losses"
_NORMAL = 1.96


class Run(TypedDict):
    """A training, and its AP, AP50 and AP75 in points."""

    dataset: str
    seed: int
    recipe: str
    AP: float
    AP50: float
    AP75: float
    seconds: float


Key = tuple[str, int, str]  # dataset, seed, recipe


def read_runs(results: Path) -> dict[Key, Run]:
    """The runs of a file of JSON lines; of one that is there twice the later."""
    if not results.exists():
        return {}
    runs: list[Run] = [json.loads(line) for line in results.read_text().splitlines()]
    return {(each["dataset"], each["seed"], each["recipe"]): each for each in runs}


def differences(runs: Mapping[Key, Run], recipe: str) -> dict[tuple[str, int], float]:
    """AP of a recipe less that of the baseline by dataset and seed."""
    return {
        key[:2]: run["AP"] - runs[(*key[:2], BASELINE)]["AP"]
        for key, run in runs.items()
        if key[2] == recipe and (*key[:2], BASELINE) in runs
    }


def table(runs: Mapping[Key, Run]) -> list[str]:
    """A row for each recipe: mean differences to the default on each dataset and on all of them.

    The interval is Student's over the differences of all datasets and seeds, of which each counts the same.
    The last row tells by how much the mean of a dataset differs by chance: 1.96 times its standard error,
    from the spread of the differences over the seeds, of all recipes together.
    """
    datasets = list(dict.fromkeys(key[0] for key in runs))
    rows = [f"| | {' | '.join(datasets)} | all | 95 % interval | runs |", "|---" * (len(datasets) + 4) + "|"]
    own = [[run["AP"] for key, run in runs.items() if key[::2] == (name, BASELINE)] for name in datasets]
    means = " | ".join(f"{np.mean(each):.1f}" for each in own)
    rows.append(
        f"| AP of {BASELINE} | {means} | {np.mean(np.concatenate(own)):.1f} | | {sum(map(len, own))} |"
    )
    residuals: dict[str, list[float]] = {name: [] for name in datasets}
    freedom, seeds = dict.fromkeys(datasets, 0), max(map(len, own))
    for recipe in dict.fromkeys(key[2] for key in runs if key[2] != BASELINE):
        found = differences(runs, recipe)
        cells = []
        for name in datasets:
            values = np.array([value for key, value in found.items() if key[0] == name])
            cells.append(f"{values.mean():+.1f}" if len(values) else "")
            if len(values) > 1 and values.any():
                residuals[name] += (values - values.mean()).tolist()
                freedom[name] += len(values) - 1
        mean, low, high = interval(list(found.values()))
        ends = "" if math.isnan(low) else f"{low:+.1f} to {high:+.1f}"
        rows.append(f"| {recipe} | {' | '.join(cells)} | {mean:+.1f} | {ends} | {len(found)} |")
    errors = [math.sqrt(sum(np.square(residuals[name])) / max(1, freedom[name]) / seeds) for name in datasets]
    chance = " | ".join(f"+-{_NORMAL * error:.1f}" for error in errors)
    return [*rows, f"| chance of a mean over {seeds} seeds | {chance} | | | |"]
