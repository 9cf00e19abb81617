"""What a run goes on from, whatever has happened to its folder; what may have changed and what may not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.errors import DetectorError
from detector.runtime import Detector
from detector.training.checkpoints import Checkpoint
from detector.training.initial_weights import load_initial_weights
from detector.training.resumption import Resumed, differs, reload_initial_weights, take_up
from detector.training.run_folder import RunFolder
from detector.weights import load_weights, save_weights
from tests.training.damages import DAMAGES, Damage
from tests.training.small_run import (
    SETTINGS,
    SPEC,
    begin_run,
    random_weights,
    validation_of,
    write_run,
    write_shapes,
)

FILES = (
    "run.json", "config.yaml", "history.jsonl", "best.json", "model.npz", "model.tflite", "metrics.json",
    "detections.json", "checkpoints/ckpt-6.index", "checkpoints/ckpt-6.json", "checkpoints/ckpt-3.json",
    "checkpoints/ckpt-6.data-00000-of-00001",
)  # fmt: skip
# The last line of the history came after the checkpoint, and the line may still be one.
HARMLESS = {("history.jsonl", "cut_at_its_end"), ("history.jsonl", "one_bit_flipped")}
damaged = pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    dataset = write_shapes(tmp_path_factory.mktemp("data") / "shapes")
    return write_run(tmp_path_factory.mktemp("runs") / "run", dataset)


@pytest.fixture
def run(original: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(original.root, tmp_path / "run")))


def go_on(run: RunFolder, moved_to: Path | None = None) -> Resumed:
    return take_up(run, moved_to, lambda folder: folder)


def sentence(run: RunFolder, moved_to: Path | None = None) -> str:
    """Why a run cannot go on; nothing in its folder is changed by being asked."""
    before = {path: path.stat().st_mtime_ns for path in run.root.rglob("*") if path.is_file()}
    with pytest.raises(DetectorError) as caught:
        go_on(run, moved_to)
    assert {path: path.stat().st_mtime_ns for path in run.root.rglob("*") if path.is_file()} == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_run_goes_on_from_its_newest_checkpoint(run: RunFolder) -> None:
    resumed = go_on(run)
    assert resumed.step == 6
    assert resumed.lines == ("Going on from the checkpoint of step 6.",)


@damaged
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_made_up_for_and_said_or_refused(run: RunFolder, name: str, damage: Damage) -> None:
    before = go_on(run).config
    damage(run.root / name)
    said: list[str] = []
    refused = ""
    try:
        resumed = go_on(run)
        validation = validation_of(run)
        validation.restore(run.rewind_history(resumed.step or 0), said.append)
        said += resumed.lines
    except DetectorError as error:
        refused = str(error)
    if refused:
        assert "\n" not in refused
        assert str(run.root) in refused
        assert damage.__name__ == "a_folder" or name in ("run.json", "config.yaml")
        return
    assert resumed.step == (3 if "ckpt-6" in name else 6)
    assert validation.best is None or load_weights(run.weights)
    if name == "config.yaml":  # what is left of it may say the same
        assert resumed.config == before
    elif name != "checkpoints/ckpt-3.json" and (name, damage.__name__) not in HARMLESS:
        assert len(said) > 1, "nothing was said of it"


@damaged
def test_damaged_weights_of_a_run_are_refused_by_all_that_use_them(run: RunFolder, damage: Damage) -> None:
    damage(run.weights)
    for use in (Detector.load, load_as_start):
        with pytest.raises(DetectorError) as caught:
            use(run.root)
        assert "\n" not in str(caught.value)


def load_as_start(path: Path) -> object:
    return load_initial_weights(str(path), SPEC, seed=0)


@damaged
def test_a_finished_run_is_taken_up_again_where_its_weights_cannot_be_read(
    run: RunFolder, damage: Damage
) -> None:
    run.update_record(finished=True)
    assert f"is finished; its model is {run.weights}" in sentence(run)
    damage(run.weights)
    if run.weights.is_dir():
        assert "model.npz is a folder; remove it" in sentence(run)
    else:
        assert go_on(run).step == 6


@damaged
def test_both_checkpoints_damaged_is_no_start_at_step_0(run: RunFolder, damage: Damage) -> None:
    for step in (3, 6):
        damage(run.checkpoints / f"ckpt-{step}.index")
    told = sentence(run)
    assert "No checkpoint" in told
    assert f"training.initial_weights={run.root}" in told
    run.weights.unlink()
    assert "Start again: ssdlite train" in sentence(run)


def test_no_checkpoints_at_all_is_no_start_at_step_0(run: RunFolder) -> None:
    shutil.rmtree(run.checkpoints)
    assert "(they are missing)" in sentence(run)


def test_steps_that_are_lost_are_counted(run: RunFolder) -> None:
    run.append_history({"step": 8, "loss": 1.0})
    assert "2 steps after it are trained again" in go_on(run).lines[-1]
    (run.checkpoints / "ckpt-6.index").unlink()
    lines = go_on(run).lines
    assert "ckpt-6.index is missing" in lines[0]
    assert "step 3; the 5 steps after it are trained again" in lines[1]


def change(run: RunFolder, old: str, new: str) -> None:
    text = run.config.read_text()
    assert old in text
    run.config.write_text(text.replace(old, new))


@pytest.mark.parametrize(("old", "new", "key"), [
    ("input_size: 96", "input_size: 128", "model.input_size"),
    ("width_multiplier: 0.1", "width_multiplier: 0.2", "model.width_multiplier"),
    ("classes: dataset", "classes: coco", "model.classes"),
    ("classes: dataset", "classes: [dog, cat]", "model.classes"),
    ("batch_size: 2", "batch_size: 4", "training.batch_size"),
    ("seed: 0", "seed: 1", "training.seed"),
    ("frozen_until: heads", "frozen_until: none", "training.frozen_until"),
    ("batch_norm: frozen", "batch_norm: live", "training.batch_norm"),
    ("initial_weights: none", "initial_weights: released", "training.initial_weights"),
    ("learning_rate: 0.002", "learning_rate: 0.001", "optimizer.learning_rate"),
    ("type: sgd", "type: rmsprop", "optimizer.type"),
    ("ema_decay: 0.998", "ema_decay: 0", "optimizer.ema_decay"),
    ("flip: 0.5", "flip: 0.2", "augmentation.flip"),
    ("match_iou: 0.5", "match_iou: 0.4", "loss.match_iou"),
    ("classification: varifocal", "classification: hard_negatives", "loss.classification"),
])  # fmt: skip
def test_what_would_make_another_run_of_it_is_refused(run: RunFolder, old: str, new: str, key: str) -> None:
    change(run, old, new)
    told = sentence(run)
    assert f"{key} was" in told
    assert "set it back, or start a new run" in told


@pytest.mark.parametrize(("old", "new", "key"), [
    ("steps: 9", "steps: 12", "training.steps"),
    ("steps: 9", "steps: 6", "training.steps"),
    ("evaluate_every: 3", "evaluate_every: 2", "training.evaluate_every"),
    ("patience: 4", "patience: 3", "training.patience"),
    ("cache_gib: 0.75", "cache_gib: 2.0", "runtime.cache_gib"),
])  # fmt: skip
def test_what_may_change_is_said(run: RunFolder, old: str, new: str, key: str) -> None:
    change(run, old, new)
    assert go_on(run).lines[1:] == (f"{key} was {old.split()[1]} and is {new.split()[1]} now.",)


@pytest.mark.parametrize("value", ["frozen_until: heads", "steps: 9", "evaluate_every: 3"])
def test_what_was_decided_is_not_decided_again(run: RunFolder, value: str) -> None:
    change(run, value, f"{value.split(':')[0]}: auto")
    assert f"training.{value.split(':')[0]} was" in sentence(run)


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_fewer_steps_than_were_done_are_refused(run: RunFolder, steps: int) -> None:
    change(run, "steps: 9", f"steps: {steps}")
    assert f"training.steps is {steps} and the run has done 6 steps; set it to 6" in sentence(run)


def test_a_depth_that_was_tried_out_but_not_recorded_is_taken(run: RunFolder) -> None:
    record = run.load_record()
    record["config"]["training"]["frozen_until"] = "auto"
    run.save_record(record)
    assert go_on(run).config.training.frozen_until == "heads"


@pytest.mark.parametrize("file", ["whole", "missing"])
@pytest.mark.parametrize("negatives", [3.0, 5.0])
def test_a_run_of_a_version_that_had_one_loss_goes_on_with_it(
    run: RunFolder, file: str, negatives: float
) -> None:
    record = run.load_record()
    del record["config"]["loss"]["classification"]
    record["config"]["loss"]["negatives_per_positive"] = negatives
    run.save_record(record)
    change(run, "  classification: varifocal\n", "")
    change(run, "negatives_per_positive: 3.0", f"negatives_per_positive: {negatives}")
    before = run.config.read_text()
    if file == "missing":
        run.config.unlink()
    resumed = go_on(run)
    assert resumed.config.loss.classification == "hard_negatives"
    assert not differs(resumed.config, record)
    if file == "whole":
        assert run.config.read_text() == before
    for key, value in (("match_iou", 0.4), ("classification", "varifocal")):
        assert differs(replace(resumed.config, loss=replace(resumed.config.loss, **{key: value})), record)


def test_a_run_of_a_version_that_had_one_loss_takes_no_other(run: RunFolder) -> None:
    record = run.load_record()
    del record["config"]["loss"]["classification"]
    run.save_record(record)
    assert "loss.classification was 'hard_negatives' when the run began" in sentence(run)


def test_a_loss_that_the_file_does_not_name_is_that_of_the_record(run: RunFolder) -> None:
    change(run, "  classification: varifocal\n", "")
    assert go_on(run).config.loss.classification == "varifocal"


def test_a_config_that_is_missing_is_written_anew(run: RunFolder) -> None:
    before = run.config.read_text()
    run.config.unlink()
    assert "is written anew, as the run began" in go_on(run).lines[1]
    assert run.config.read_text() == before


def test_a_config_that_is_damaged_says_how_to_have_it_back(run: RunFolder) -> None:
    run.config.write_text("model: [")
    assert f"Delete {run.config} to have it written anew" in sentence(run)


RECORD_CHANGES: dict[str, Any] = {
    "dataset": 1, "classes": "cat", "config": [], "card": None, "step": "6", "finished": 0,
    "fingerprint": None, "train": 1, "weights": 1,
}  # fmt: skip


@pytest.mark.parametrize("key", RECORD_CHANGES)
def test_a_record_that_makes_no_sense_is_damaged(run: RunFolder, key: str) -> None:
    record = run.load_record()
    run.save_record({**record, key: RECORD_CHANGES[key]})
    assert f"run.json is damaged ({key})" in sentence(run)
    del record[key]
    run.save_record(record)
    assert f"run.json is damaged or of an earlier version ({key})" in sentence(run)


@pytest.mark.parametrize("reference", ["300", 300, [300], [300, 0], [300, "300"], [300, 99_999], {}, True])
def test_a_reference_of_the_anchors_that_makes_no_sense_is_damage(run: RunFolder, reference: Any) -> None:
    run.save_record({**run.load_record(), "reference_hw": [300, 300]})  # type: ignore[arg-type]
    go_on(run)
    run.save_record({**run.load_record(), "reference_hw": reference})
    assert "run.json is damaged (reference_hw)" in sentence(run)


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard"])
def test_a_file_in_place_of_a_folder_is_refused(run: RunFolder, name: str) -> None:
    shutil.rmtree(run.root / name, ignore_errors=True)
    (run.root / name).touch()
    assert f"{name} is a file; remove it" in sentence(run)


def test_a_folder_that_was_copied_or_renamed_goes_on(run: RunFolder, tmp_path: Path) -> None:
    other = RunFolder(run.root.rename(tmp_path / "new name"))
    assert go_on(other).step == 6


def test_initial_weights_that_are_others_now_are_refused(tmp_path: Path) -> None:
    start = tmp_path / "start.npz"
    save_weights(start, random_weights(SPEC), SPEC)
    settings = (*SETTINGS, f"training.initial_weights={start}")
    run = begin_run(tmp_path / "run", write_shapes(tmp_path / "shapes"), settings)
    with pytest.raises(DetectorError, match=r"start\.npz are not those that the run in .* began with"):
        reload_initial_weights(run, go_on(run), SPEC, print)


def test_the_better_weights_stay_where_a_run_goes_back(run: RunFolder) -> None:
    """Those of step 6 were measured, although the run goes on from step 3."""
    validation = validation_of(run)
    best = validation.best_from
    Checkpoint(run.checkpoints, 6).remove()
    validation.restore(run.rewind_history(3), pytest.fail)
    facts = json.loads(run.best.read_text())
    assert (validation.best, validation.best_from) == (facts["AP"], facts["weights"])
    assert best == ""
