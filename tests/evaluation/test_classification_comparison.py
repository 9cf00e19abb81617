"""Two classifiers on the same pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detector.errors import DatasetError
from detector.evaluation.classification import ClassificationResult
from detector.evaluation.classification_comparison import compare_results
from tests.evaluation.test_classification import answers

FIRST = answers([(0, 0, 0.9)] * 10 + [(1, 1, 0.9)] * 10 + [(2, 1, 0.9)] * 4)
SECOND = answers([(0, 0, 0.9)] * 10 + [(1, 0, 0.9)] * 8 + [(1, 1, 0.9)] * 2 + [(2, 2, 0.9)] * 4)


def shuffled(result: ClassificationResult) -> ClassificationResult:
    """The same with pictures and classes in another order."""
    names, classes = result.names[::-1], (*result.classes[::-1], "owl")
    scores = result.scores[::-1, [2, 1, 0, 0]].copy()
    scores[:, 3] = 0
    return ClassificationResult(classes, names, 2 - result.truth[::-1], scores)


@pytest.mark.parametrize("second", [SECOND, shuffled(SECOND)])
def test_pictures_are_paired_by_name(second: ClassificationResult) -> None:
    found = compare_results(FIRST, second)
    assert (found.accuracy.first.value, found.accuracy.second.value) == (20 / 24, 16 / 24)
    assert found.accuracy.difference.value == pytest.approx(-4 / 24)
    assert (found.accuracy.lost, found.accuracy.won) == (8, 4)
    assert not found.accuracy.beyond_chance
    assert found.lost == FIRST.names[10:18]
    assert found.won == FIRST.names[20:]
    assert [(each.name, each.lost, each.won) for each in found.classes] == [
        ("wren", 8, 0),
        ("robin", 0, 0),
        ("crow", 0, 4),
    ]
    assert [each.beyond_chance for each in found.classes] == [True, False, True]


def test_other_pictures_are_refused() -> None:
    with pytest.raises(DatasetError, match="2 are of one alone"):
        compare_results(FIRST, replace(SECOND, names=("other.jpg", *SECOND.names[1:])))
    truth = SECOND.truth.copy()
    truth[0] = 1
    with pytest.raises(DatasetError, match="is: robin or wren"):
        compare_results(FIRST, replace(SECOND, truth=truth))
