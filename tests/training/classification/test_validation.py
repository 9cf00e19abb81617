"""How long a classifier may bring nothing better."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from detector.classifier_spec import ClassifierSpec
from detector.data.folder import load_labelled_folder
from detector.training.run_folder import RunFolder
from detector.training.validation import Validation
from tests.named_pictures import write_colours
from tests.random_networks import random_weights

SPEC = ClassifierSpec("toy", ("robin", "wren"), (32, 32), width_multiplier=0.1)


@pytest.fixture
def validation(tmp_path: Path) -> Validation:
    folder = load_labelled_folder(
        write_colours(tmp_path, {"train/robin": 4, "train/wren": 4, "val/robin": 3, "val/wren": 1})
    )
    (tmp_path / "run").mkdir()
    return Validation(folder.val, SPEC, RunFolder(tmp_path / "run"), patience=2)


def evaluate(validation: Validation, monkeypatch: pytest.MonkeyPatch, *accuracies: float) -> list[bool]:
    """Whether patience has ended a run after each of some evaluations."""
    weights, ends = random_weights(SPEC), []
    for step, accuracy in enumerate(accuracies):
        summary = {"accuracy": accuracy, "balanced_accuracy": accuracy}
        judged = SimpleNamespace(summary=summary, images=4, save=lambda *_: None)
        monkeypatch.setattr(validation, "look", lambda *_, judged=judged: judged)
        monkeypatch.setattr(validation, "_save", lambda *_: None)
        validation(weights, step)
        ends.append(validation.exhausted)
    return ends


def test_what_is_no_better_than_to_call_all_by_one_name_has_not_lost_its_time(
    validation: Validation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any(evaluate(validation, monkeypatch, 0.75, 0.75, 0.75, 0.5, 0.75))


def test_what_has_begun_to_learn_ends_where_nothing_better_comes(
    validation: Validation, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = evaluate(validation, monkeypatch, 0.75, 0.9, 0.9, 0.75)
    assert found == [False, False, False, True]
