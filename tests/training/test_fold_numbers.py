"""What the models of all folds are worth, and what follows for the model of all images."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from detector.errors import DetectorError
from detector.evaluation.bootstrap import Interval
from detector.training.config import TrainingConfig
from detector.training.config_file import load_config
from detector.training.fold_numbers import Fold, FoldNumber, FoldNumbers
from detector.training.fold_results import best_step
from detector.training.folds import settle, share_plan

POOLED = Interval(0.5, 0.4, 0.6)


def numbers_of(*folds: tuple[int, int, str]) -> FoldNumbers:
    """Numbers of folds whose best weights came after so many of so many steps, from a layer on."""
    number = FoldNumber.of([0.4, 0.6], POOLED)
    each = tuple(Fold((n,), 0.5, 0.9, steps, best, trained) for n, (best, steps, trained) in enumerate(folds))
    return FoldNumbers(len(each), number, number, {"cat": (number, number)}, each, 1000)


def test_a_number_has_its_mean_its_spread_and_the_interval_of_all_images() -> None:
    number = FoldNumber.of([0.4, 0.6, 0.5], POOLED)
    assert (number.mean, number.lowest, number.highest) == (pytest.approx(0.5), 0.4, 0.6)
    assert number.spread == pytest.approx(0.1)
    assert (
        str(number) == "50.0 +- 10.0 over the folds (40.0 to 60.0); pooled 50.0, 95 % interval 40.0 to 60.0"
    )


def test_a_fold_without_objects_is_in_no_mean() -> None:
    assert FoldNumber.of([0.4, -1, 0.6], POOLED).mean == pytest.approx(0.5)
    nothing = FoldNumber.of([-1, -1], Interval(math.nan, math.nan, math.nan))
    assert math.isnan(nothing.mean)
    assert "too few images for an interval" in str(nothing)


def test_numbers_are_read_as_they_were_written(tmp_path: Path) -> None:
    numbers = numbers_of((5, 10, "none"), (6, 10, "heads"))
    unknown = FoldNumber.of([0.5], Interval(0.5, math.nan, math.nan))
    numbers = replace(numbers, classes={"cat": (unknown, numbers.ap)})
    numbers.save(tmp_path / "folds.json", {0: "a.jpg", 1: "b.jpg"})
    found = FoldNumbers.load(tmp_path / "folds.json")
    assert str(found) == str(numbers)  # NaN is not equal to itself
    text = (tmp_path / "folds.json").read_text()
    assert "NaN" not in text
    assert '"a.jpg"' in text


@pytest.mark.parametrize("content", ["", "{", "[]", '{"images": 5}', '{"folds": [{"images": "x"}]}'])
def test_damaged_numbers_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "folds.json").write_text(content)
    with pytest.raises(DetectorError, match="damaged"):
        FoldNumbers.load(tmp_path / "folds.json")


@pytest.mark.parametrize(
    ("words", "step"),
    [
        ("step 1,441", 1441),
        ("step 7", 7),
        ("the end of the trial of 120 steps, from block_13_expand on", 120),
        ("something else", 2000),
    ],
)
def test_when_the_best_weights_came_about_is_read_off_its_words(words: str, step: int) -> None:
    assert best_step(words, 2000) == step


def settled(*folds: tuple[int, int, str], planned: int = 1000) -> TrainingConfig:
    shared = load_config(None, ("training.epochs=7", "training.patience=3"))
    return settle(shared, planned, numbers_of(*folds)).training


def test_the_model_of_all_images_is_trained_for_as_long_as_the_folds_best_took() -> None:
    training = settled((100, 400, "none"), (300, 400, "none"), (200, 400, "none"))
    assert (training.steps, training.evaluate_every, training.epochs) == (500, 500, "auto")
    assert training.patience == 3
    assert settled((1, 5000, "none"), (1, 5000, "none")).steps == 1
    assert settled((0, 0, "none"), (0, 0, "none"), planned=0).steps == 0


@pytest.mark.parametrize(
    ("depths", "depth"),
    [
        (("none", "block_6_expand", "none"), "none"),
        (("none", "block_13_expand"), "block_13_expand"),
        (("block_6_expand", "block_13_expand"), "block_13_expand"),
        (("heads", "heads", "none"), "heads"),
        (("heads", "block_13_expand"), "heads"),
    ],
)
def test_and_as_deep_as_most_folds_of_several_the_least(depths: tuple[str, ...], depth: str) -> None:
    assert settled(*((1, 2, each) for each in depths)).frozen_until == depth


def test_what_folds_share_is_the_network_and_how_images_are_changed() -> None:
    asked = load_config(None, ("training.seed=4",))
    planned = load_config(None, ("model.input_size=512", "augmentation.crop=0.5", "training.steps=9"))
    shared = share_plan(asked, planned)
    assert (shared.model.input_size, shared.augmentation.crop) == (512, 0.5)
    assert (shared.training.steps, shared.training.seed) == ("auto", 4)
