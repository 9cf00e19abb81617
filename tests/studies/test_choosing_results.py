"""What is made of the measurements of ``studies.choosing``."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from studies.choosing_results import Point, areas, draw, interval, means, read_points, table

RISE = {"chosen": (10, 20, 30), "random": (10, 18, 26)}


def point(dataset: str, seed: int, way: str, labelled: int, ap: float) -> Point:
    return {
        "dataset": dataset,
        "seed": seed,
        "way": way,
        "labelled": labelled,
        "objects": 2 * labelled,
        "AP": ap,
        "AP50": 2 * ap,
        "images": [],
    }


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two datasets, two seeds, and a curve that is not complete."""
    path = tmp_path / "results.jsonl"
    points = [
        point(dataset, seed, way, count, ap + seed)
        for dataset in ("bees", "ants")
        for seed in (0, 1)
        for way, heights in RISE.items()
        for count, ap in zip((20, 40, 60), heights, strict=True)
    ]
    points += [point("ants", 2, "chosen", 20, 99), point("ants", 2, "random", 20, 99)]
    path.write_text("".join(json.dumps(each) + "\n" for each in points))
    return path


def test_areas_are_mean_heights_of_complete_curves(results: Path) -> None:
    found = areas(read_points(results))
    assert found["ants", 1, "chosen"] == pytest.approx(21)
    assert found["bees", 0, "random"] == pytest.approx(18)
    assert len(found) == 8


def test_differences_are_paired(results: Path) -> None:
    rows = table(read_points(results), "chosen", "random")
    assert rows[2] == "| ants | 2 | 20.5 | 18.5 | +2.00 | +2.00 to +2.00 |"
    assert rows[-1].startswith("| all | 4 | ")


def test_intervals_are_students() -> None:
    mean, low, high = interval([1.0, 2.0, 3.0])
    assert mean == 2
    assert high - mean == pytest.approx(4.303 / math.sqrt(3), rel=1e-3)
    assert mean - low == pytest.approx(high - mean)
    assert math.isnan(interval([1.0])[1])


def test_a_point_that_was_measured_again_counts_once(results: Path) -> None:
    again = json.dumps(point("ants", 0, "chosen", 60, 50))
    results.write_text(results.read_text() + again + "\n")
    assert areas(read_points(results))["ants", 0, "chosen"] == pytest.approx(25)


def test_means_and_curves(results: Path, tmp_path: Path) -> None:
    points = read_points(results)
    assert "| bees | chosen | 60 | 2 | 120 | 30.5 | 61.0 |" in means(points)
    draw(points, tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").read_text().rstrip().endswith("</svg>")
    assert read_points(tmp_path / "absent.jsonl") == {}
