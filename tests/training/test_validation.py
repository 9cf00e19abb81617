"""The race for the best weights: what takes part, what is kept, and what an interrupted run takes over."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder
from detector.errors import DetectorError
from detector.training import validation as validation_module
from detector.training.manifest import read_manifest
from detector.training.run_folder import RunFolder
from detector.training.validation import Validation, evaluate_weights
from detector.weights import load_weights, save_weights
from tests.training.damages import DAMAGES, Damage
from tests.training.small_run import SPEC, begin_run, random_weights, validation_of, write_shapes

MENDED = [damage for damage in DAMAGES if damage.__name__ != "a_folder"]  # which is refused before
TRIAL = "the end of the trial of 120 steps, all layers"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return begin_run(tmp_path / "run", write_shapes(tmp_path / "shapes"))


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch):
    """Lets the next evaluations have these APs; all else about them is real."""

    def set_scores(*scores: float) -> None:
        queue = list(scores)

        def evaluate(*arguments):
            evaluation = evaluate_weights(*arguments)
            evaluation.metrics.summary["AP"] = queue.pop(0)
            return evaluation

        monkeypatch.setattr(validation_module, "evaluate_weights", evaluate)

    return set_scores


def saved_ap(run: RunFolder) -> float:
    return json.loads(run.metrics.read_text())["AP"]


def test_the_weights_of_a_trial_that_the_run_does_not_reach_are_kept(run: RunFolder, score) -> None:
    score(0.636, 0.58, 0.61)
    validation = validation_of(run)
    of_trial = random_weights(SPEC, 1)
    assert validation.try_out(of_trial, TRIAL)[1]
    assert not validation(random_weights(SPEC, 2), 10)[1]
    assert not validation(random_weights(SPEC, 3), 20)[1]
    assert (validation.best, validation.best_from) == (0.636, TRIAL)
    weights, spec = load_weights(run.weights)
    assert all((weights[key] == of_trial[key]).all() for key in of_trial)
    assert TRIAL in spec.card["AP"]
    assert saved_ap(run) == 0.636
    assert json.loads(run.metrics.read_text())["settings"]["weights"] == TRIAL


def test_a_run_that_beats_its_trial_has_the_best(run: RunFolder, score) -> None:
    score(0.636, 0.64)
    validation = validation_of(run)
    validation.try_out(random_weights(SPEC, 1), TRIAL)
    assert validation(random_weights(SPEC, 2), 10)[1]
    assert (saved_ap(run), validation.best_from) == (0.64, "step 10")


def test_with_a_margin_later_weights_that_are_hardly_worse_are_taken(run: RunFolder, score) -> None:
    score(0.60, 0.595, 0.588, 0.591)
    plain = validation_of(run)
    validation = Validation(plain.dataset, SPEC, run, 10, margin=0.01)
    taken = [validation(random_weights(SPEC, step), step)[1] for step in (1, 2, 3, 4)]
    assert taken == [True, True, False, True]
    assert (saved_ap(run), validation.best_from) == (0.591, "step 4")


def test_a_good_trial_takes_no_patience_from_the_run(run: RunFolder, score) -> None:
    score(0.9, 0.1, 0.2, 0.3, 0.3, 0.3)
    validation = validation_of(run, patience=2)
    validation.try_out(random_weights(SPEC, 1), TRIAL)
    ended = []
    for step in range(5):
        validation(random_weights(SPEC, 2), step)
        ended.append(validation.exhausted)
    assert ended == [False, False, False, False, True]


def test_the_best_of_a_run_of_before_is_still_to_be_beaten(run: RunFolder, score) -> None:
    score(0.636, 0.5, 0.6)
    validation = validation_of(run)
    validation.try_out(random_weights(SPEC, 1), TRIAL)
    validation(random_weights(SPEC, 2), 10)
    resumed = validation_of(run)
    resumed.restore([{"step": 0, "trial": "none", "AP": 0.636}, {"step": 10, "AP": 0.5}], pytest.fail)
    assert (resumed.best, resumed.best_from) == (0.636, TRIAL)
    assert not resumed(random_weights(SPEC, 3), 20)[1]
    assert saved_ap(run) == 0.636


@pytest.mark.parametrize("damage", MENDED, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", ["best.json", "metrics.json", "detections.json", "model.tflite"])
def test_best_weights_without_their_numbers_are_measured_again(
    run: RunFolder, name: str, damage: Damage
) -> None:
    first = validation_of(run)
    first(random_weights(SPEC, 1), 10)
    damage(run.root / name)
    said: list[str] = []
    resumed = validation_of(run)
    resumed.restore([], said.append)
    assert (resumed.best, resumed.best_from) == (first.best, "step 10")
    assert "were measured again" in said[0]
    assert name in said[0]
    assert read_manifest(run.best)["AP"] == first.best


def test_weights_that_were_written_before_their_numbers_were_are_measured(run: RunFolder) -> None:
    """As after a power cut between the two."""
    validation_of(run)(random_weights(SPEC, 1), 10)
    newer = random_weights(SPEC, 5)
    _, spec = load_weights(run.weights)
    save_weights(run.weights, newer, spec)
    resumed = validation_of(run)
    resumed.restore([], [].append)
    data = load_labelled_folder(Path(run.load_record()["dataset"])).val
    assert resumed.best == evaluate_weights(newer, SPEC, data).metrics.summary["AP"]


def test_weights_of_another_network_are_not_taken_over(run: RunFolder, tmp_path: Path) -> None:
    other = replace(SPEC, classes=("cat", "dog", "bird"))
    save_weights(run.weights, random_weights(other), other)
    said: list[str] = []
    resumed = validation_of(run)
    resumed.restore([], said.append)
    assert resumed.best is None
    assert "is of another network" in said[0]


def test_weights_that_cannot_be_read_are_lost_and_replaced_by_the_next(run: RunFolder) -> None:
    validation_of(run)(random_weights(SPEC, 1), 10)
    run.weights.write_bytes(b"")
    said: list[str] = []
    resumed = validation_of(run)
    resumed.restore([{"step": 10, "AP": 0.9}], said.append)
    assert "The best weights so far are lost" in said[0]
    assert resumed(random_weights(SPEC, 2), 20)[1]
    assert load_weights(run.weights)


def test_a_run_without_weights_has_nothing_to_take_over(run: RunFolder) -> None:
    validation: Validation = validation_of(run)
    validation.restore([], pytest.fail)
    assert validation.best is None


def test_weights_that_are_not_finite_are_never_written(run: RunFolder) -> None:
    weights = random_weights(SPEC)
    weights[next(iter(weights))] *= float("nan")
    with pytest.raises(DetectorError, match=r"are not finite any more at step 10; .*lower rate"):
        validation_of(run)(weights, 10)
    assert not run.weights.exists()


def test_a_disk_that_is_full_is_said(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("detector.system.files.flush_to_disk", full)
    with pytest.raises(DetectorError, match="The disk is full"):
        validation_of(run)(random_weights(SPEC, 1), 10)
    assert not run.best.exists()
