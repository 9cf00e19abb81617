"""The numbers of a classifier, on answers that can be counted by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from detector.errors import DatasetError
from detector.evaluation.classification import METRICS, PREDICTIONS, ClassificationResult
from detector.evaluation.classification_file import load_result

CLASSES = ("robin", "wren", "crow")


def answers(rows: Sequence[tuple[int, int, float]], classes: Sequence[str] = CLASSES) -> ClassificationResult:
    """A result of pictures that are a class and are called one with a score."""
    scores = np.empty((len(rows), len(classes)), np.float32)
    for row, (_, said, score) in zip(scores, rows, strict=True):
        row[:] = (1 - score) / (len(classes) - 1)
        row[said] = score
    names = tuple(f"{classes[truth]}/{number}.jpg" for number, (truth, _, _) in enumerate(rows))
    return ClassificationResult(tuple(classes), names, np.array([truth for truth, _, _ in rows]), scores)


def test_everything_is_counted() -> None:
    result = answers(
        [(0, 0, 0.9), (0, 0, 0.8), (0, 1, 0.95), (0, 1, 0.6), (1, 1, 0.9), (1, 1, 0.7), (1, 0, 0.5)]
    )
    assert result.accuracy == 4 / 7
    assert result.accuracy_interval.low < 4 / 7 < result.accuracy_interval.high
    assert result.balanced_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert result.confusion.tolist() == [[2, 2, 0], [1, 2, 0], [0, 0, 0]]
    robin, wren, crow = result.per_class
    assert (robin.images, robin.predicted, robin.right) == (4, 3, 2)
    assert (robin.recall.value, robin.precision.value) == (2 / 4, 2 / 3)
    assert (wren.recall.value, wren.precision.value) == (2 / 3, 2 / 4)
    assert np.isnan([crow.recall.value, crow.precision.value]).all()
    assert [(each.truth, each.predicted, each.count, each.images) for each in result.confusions()] == [
        ("robin", "wren", 2, 4),
        ("wren", "robin", 1, 3),
    ]
    assert [each.name for each in result.misses()] == ["robin/2.jpg", "robin/3.jpg", "wren/6.jpg"]
    worst = result.misses(1)[0]
    assert (worst.index, worst.truth, worst.predicted) == (2, "robin", "wren")
    assert (worst.score, worst.truth_score) == pytest.approx((0.95, 0.025))
    assert result.top5_interval is None


def test_the_five_likeliest_are_asked_for_where_there_are_more() -> None:
    classes = tuple("abcdefg")
    scores = np.tile(np.array([0.3, 0.2, 0.15, 0.12, 0.1, 0.1, 0.03], np.float32), (7, 1))
    result = ClassificationResult(classes, classes, np.arange(7), scores)
    assert result.top5_interval is not None
    assert result.top5_interval.value == 5 / 7  # the fifth and the sixth are equal, and one of them counts
    assert result.accuracy == 1 / 7


def test_scores_that_are_probabilities_have_no_calibration_error() -> None:
    right = [(0, 0, 0.75)] * 3 + [(0, 1, 0.75)]
    assert answers(right).calibration_error == pytest.approx(0, abs=1e-6)
    assert answers([(0, 1, 1.0)] * 4).calibration_error == pytest.approx(1)
    assert answers([(0, 0, 0.95)] * 2 + [(0, 1, 0.45)] * 2).calibration_error == pytest.approx(0.25)


def test_a_class_is_below_the_rest_only_by_more_than_chance() -> None:
    weak = answers([(0, 0, 0.9)] * 40 + [(1, 1, 0.9)] * 20 + [(1, 0, 0.9)] * 20)
    assert [weak.unlike_the_rest(number) for number in range(2)] == [1, -1]
    few = answers([(0, 0, 0.9)] * 4 + [(1, 1, 0.9)] * 2 + [(1, 0, 0.9)] * 2)
    assert [few.unlike_the_rest(number) for number in range(2)] == [0, 0]
    one_miss = answers([(0, 0, 0.9)] * 500 + [(1, 1, 0.9)] * 40 + [(1, 0, 0.9)])
    assert [one_miss.unlike_the_rest(number) for number in range(2)] == [0, 0]


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    result = answers([(0, 0, 0.9), (1, 0, 0.8), (1, 1, 0.7)])
    result.save(tmp_path / "new", {"model": "run"})
    loaded = load_result(tmp_path / "new")
    assert (loaded.classes, loaded.names) == (result.classes, result.names)
    np.testing.assert_array_equal(loaded.truth, result.truth)
    np.testing.assert_array_equal(loaded.scores, result.scores)
    assert loaded.scores.dtype == np.float32
    metrics = json.loads((tmp_path / "new" / METRICS).read_text())
    assert metrics["accuracy"] == 2 / 3
    assert metrics["settings"] == {"model": "run"}
    assert metrics["per_class"]["crow"]["recall"]["value"] == -1
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [METRICS, PREDICTIONS]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"classes": ["a"], "images": []}',
        '{"classes": ["a"], "images": [{"file_name": "x", "truth": "b", "scores": [1]}]}',
        '{"classes": ["a"], "images": [{"file_name": "x", "truth": "a", "scores": [1, 2]}]}',
        '{"classes": ["a"], "images": [{"file_name": "x", "truth": "a", "scores": ["y"]}]}',
        '{"classes": ["a"], "images": [{"file_name": "x", "truth": "a", "scores": [NaN]}]}',
        '{"classes": ["a"], "images": [{"file_name": 3, "truth": "a", "scores": [1]}]}',
        '{"classes": [1], "images": [{"file_name": "x", "truth": 1, "scores": [1]}]}',
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / PREDICTIONS).write_text(text)
    with pytest.raises(DatasetError, match="holds no predictions"):
        load_result(tmp_path)


@pytest.mark.parametrize(("truth", "width"), [([0, 3], 3), ([-1, 0], 3), ([0], 3), ([0, 1], 2)])
def test_what_does_not_fit_together_is_refused(truth: list[int], width: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        ClassificationResult(CLASSES, ("a", "b"), np.array(truth), np.zeros((2, width), np.float32))
