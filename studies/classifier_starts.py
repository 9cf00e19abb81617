"""What a classifier is best started from: runs from several weights on the same pictures, seed by seed.

    python -m studies.object_crops shared/data/bccd crops/bccd
    python -m studies.classifier_starts crops/bccd released mobilenet_v2.pth --output starts.jsonl

Each run is written as a line as soon as it is over. At the end the starts are compared with the first one, by
the validation and test pictures together that one of the two names rightly and the other does not.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from detector.api.training import train
from detector.evaluation.bootstrap import Interval
from detector.evaluation.classification_file import load_result
from detector.evaluation.proportion import share


def train_once(folder: Path, start: str, seed: int, depth: str, more: list[str]) -> dict[str, object]:
    """The numbers of a run, and which pictures it names rightly, those of validation before those of test."""
    with tempfile.TemporaryDirectory() as place:
        settings = [
            f"training.initial_weights={start}",
            f"training.seed={seed}",
            f"training.frozen_until={depth}",
            *more,
        ]
        run = train(folder, output=Path(place) / "run", settings=settings)
        parts = [load_result(path) for path in (run.folder, run.folder / "test")]
        text = (run.folder / "config.yaml").read_text()
        last = run.history[-1]
    return {
        "data": folder.name,
        "start": Path(start).name,
        "seed": seed,
        "depth": next(line.split()[1] for line in text.splitlines() if "frozen_until" in line),
        "steps": last["step"],
        "seconds": last.get("seconds"),
        "accuracy": [part.accuracy for part in parts],
        "balanced_accuracy": [part.balanced_accuracy for part in parts],
        "right": [bool(each) for part in parts for each in part.right],
    }


def compare(one: list[dict[str, object]], other: list[dict[str, object]]) -> str:
    """How far the second start is before the first, in points, with its 95 % interval."""
    pairs = [
        (np.array(a["right"], float), np.array(b["right"], float)) for a, b in zip(one, other, strict=True)
    ]
    # A picture is one unit, whatever the number of seeds.
    each = np.mean([b - a for a, b in pairs], axis=0)
    half = 1.96 * each.std() / len(each) ** 0.5
    return f"{100 * each.mean():+.2f} +-{100 * half:.2f} points"


def shown(rows: list[dict[str, object]]) -> str:
    """Accuracy over all seeds, of validation and test pictures together, with Wilson's interval for one."""
    right = np.array([row["right"] for row in rows], float)
    found: Interval = share(round(right.mean() * right.shape[1]), right.shape[1])
    return f"{100 * found.value:.2f} ({100 * found.low:.2f} to {100 * found.high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("starts", nargs="+")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--depth", default="auto")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    by_start: dict[str, list[dict[str, object]]] = {start: [] for start in arguments.starts}
    for seed in range(arguments.seeds):
        for start in arguments.starts:
            row = train_once(arguments.folder, start, seed, arguments.depth, arguments.settings)
            by_start[start].append(row)
            with arguments.output.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print({key: value for key, value in row.items() if key != "right"}, flush=True)
    first, *others = arguments.starts
    for start, rows in by_start.items():
        print(Path(start).name, shown(rows))
    for start in others:
        print(f"{Path(start).name} against {Path(first).name}: {compare(by_start[first], by_start[start])}")


if __name__ == "__main__":
    main()
