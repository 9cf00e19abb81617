"""The run in this process: released weights, losses that are not finite, memory, disks."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.errors import DetectorError
from detector.evaluation.evaluate import evaluate
from detector.labels import COCO_CLASSES
from detector.runtime import Detector
from detector.training.budget import Budget
from detector.training.checkpoints import Checkpoint
from detector.training.config import AugmentationConfig, ExperimentConfig
from detector.training.config_file import load_config
from detector.training.division import Division
from detector.training.features import FeatureSource
from detector.training.initial_weights import load_initial_weights
from detector.training.job import Job, Progress, StopError
from detector.training.plan import Plan, build_plan
from detector.training.run_folder import RunFolder
from detector.training.samples import Sample, SampleSource
from detector.training.validation import Validation, evaluate_weights
from detector.weights import load_weights
from tests.data.labelled import Photo, write_voc
from tests.training.small_run import SETTINGS, SPEC, begin_run, validation_of, write_shapes

pytestmark = pytest.mark.slow
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
pytest.importorskip("official.core.base_trainer")
tf = pytest.importorskip("tensorflow")
run_module = pytest.importorskip("detector.training.run")
trial_module = pytest.importorskip("detector.training.trial")
STRATEGY = tf.distribute.OneDeviceStrategy("CPU:0")


def settle(*settings: str) -> ExperimentConfig:
    settled = ("training.frozen_until=heads", "training.batch_norm=frozen", "training.evaluate_every=100")
    augmented = ("augmentation.crop=0.5", "augmentation.colours=0.3", "loss.classification=hard_negatives")
    return load_config(
        None, (*settled, *augmented, "optimizer.warmup_steps=0", "training.batch_size=4", *settings)
    )


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> LabelledFolder:
    photos = [
        Photo(f"{n}.jpg", (("cat", 40 + n, 30, 200, 180),), "val" if n % 4 == 0 else "train", (320, 240))
        for n in range(8)
    ]
    return load_labelled_folder(write_voc(tmp_path_factory.mktemp("data"), photos))


@pytest.fixture
def start(shapes: LabelledFolder, tmp_path: Path, released_weights: Path) -> Callable[..., object]:
    """Starts a run of the shapes; the lines that it says are in ``start.said``."""
    said: list[str] = []

    def call(config: ExperimentConfig, spoil: Callable[[int, Sample], Sample] | None = None) -> object:
        spec = config.model.build_spec("shapes", shapes.classes)
        weights = load_initial_weights("released", spec, seed=0).weights
        folder = RunFolder(tmp_path / "run")
        if not folder.record.exists():
            folder.start(config.to_yaml(), {"finished": False})
        validation = Validation(shapes.val, spec, folder, 10)
        with pytest.MonkeyPatch.context() as patch:
            for source in (SampleSource, FeatureSource):
                patch.setattr(source, "__call__", spoiling(source.__call__, spoil or (lambda _, s: s)))
            return run_module.train(
                Job(Plan(config), spec, weights, shapes.train, STRATEGY, validation, folder, said.append)
            )

    call.said = said  # type: ignore[attr-defined]
    return call


def spoiling(
    original: Callable[[object, int], Sample], spoil: Callable[[int, Sample], Sample]
) -> Callable[[object, int], Sample]:
    return lambda source, number: spoil(number, original(source, number))


def not_a_number(sample: Sample) -> Sample:
    return replace(sample, targets=replace(sample.targets, boxes=sample.targets.boxes * np.nan))


def test_a_loss_that_is_not_finite_names_its_images_and_skips_its_step(start, tmp_path: Path) -> None:
    outcome = start(settle("training.steps=4"), lambda n, s: not_a_number(s) if n == 5 else s)
    assert outcome.steps == 4
    told = [line for line in start.said if "not finite" in line]
    assert len(told) == 1
    assert told[0].count(".jpg") == 4
    weights, _ = load_weights(tmp_path / "run/model.npz")
    assert all(np.isfinite(values).all() for values in weights.values())


def test_a_skipped_step_changes_nothing(start, tmp_path: Path) -> None:
    start(settle("training.steps=1"), lambda n, s: not_a_number(s))
    trained, spec = load_weights(tmp_path / "run/model.npz")
    initial = load_initial_weights("released", spec, seed=0).weights
    for key, values in trained.items():
        np.testing.assert_array_equal(values, initial[key], err_msg=key)


def test_losses_that_stay_bad_end_the_run_in_a_sentence(start) -> None:
    with pytest.raises(run_module.TrainingError, match="5 steps in a row"):
        start(settle("training.steps=50"), lambda n, s: not_a_number(s) if n > 8 else s)


def test_too_little_memory_says_which_batch_to_try(start, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr("detector.training.task.DetectionTask.train_step", exhausted)
    with pytest.raises(run_module.TrainingError, match=r"batches of 4 .*training.batch_size=2"):
        start(settle("training.steps=2"))


def test_a_full_disk_is_said_with_the_command_to_go_on(start, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.train.Checkpoint, "write", full)
    with pytest.raises(run_module.TrainingError, match=r"No space left.*--resume"):
        start(settle("training.steps=2"))


def train_small(run: RunFolder, validation: Validation, said: list[str]) -> Any:
    """Trains, or goes on with, a run of the smallest network."""
    config = load_config(run.config)
    folder = load_labelled_folder(Path(run.load_record()["dataset"]))
    return run_module.train(Job(Plan(config), SPEC, {}, folder.train, STRATEGY, validation, run, said.append))


def test_the_weights_of_the_trial_take_part_in_the_race(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_module, "_STEPS", 1)
    monkeypatch.setattr(Plan, "depths", ("heads",))
    settings = [setting.replace("frozen_until=heads", "frozen_until=auto") for setting in SETTINGS]
    run = begin_run(tmp_path / "run", write_shapes(tmp_path / "shapes"), (*settings, "training.steps=1"))
    run.append_history({"step": 0, "trial": "none", "AP": 0.99})  # of a trial that was interrupted
    scores = [0.636, 0.61]

    def evaluate(*arguments: Any) -> Any:
        evaluation = evaluate_weights(*arguments)
        evaluation.metrics.summary["AP"] = scores.pop(0)
        return evaluation

    monkeypatch.setattr("detector.training.validation.evaluate_weights", evaluate)
    said: list[str] = []
    outcome = train_small(run, validation_of(run), said)
    assert outcome.best_from == "the end of the trial of 1 steps, heads and extra maps"
    assert "AP 63.6; its weights are kept until the run has better ones" in said[0]
    aps = [(entry["step"], entry.get("trial"), entry["AP"]) for entry in run.load_history() if "AP" in entry]
    assert aps == [(0, "heads", 0.636), (1, None, 0.61)]
    assert "63.60" in load_weights(run.weights)[1].card["AP"]
    assert load_config(run.config).training.frozen_until == "heads"
    assert run.load_record()["config"]["training"]["frozen_until"] == "heads"


def test_a_folder_that_is_not_free_is_said_before_anything_is_fetched(
    tmp_path: Path, shapes: LabelledFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.training.launch import begin

    monkeypatch.setattr(
        "detector.training.initial_weights.weights_path", lambda *_, **__: pytest.fail("it is fetched")
    )
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DetectorError, match="is not empty"):
        begin(shapes.root, ExperimentConfig(), Division(), tmp_path, print, print)


def test_a_run_after_a_trial_takes_the_steps_of_one_whose_depth_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_module, "_STEPS", 2)
    monkeypatch.setattr(Plan, "depths", ("heads", "block_13_expand"))
    shapes, losses = write_shapes(tmp_path / "shapes"), []
    for depth in ("auto", "heads"):
        settings = [setting.replace("frozen_until=heads", f"frozen_until={depth}") for setting in SETTINGS]
        run = begin_run(tmp_path / depth, shapes, (*settings, "training.steps=5"))
        train_small(run, validation_of(run), [])
        assert load_config(run.config).training.frozen_until == "heads"
        losses.append([entry["loss"] for entry in run.load_history() if "loss" in entry])
    assert losses[0] == losses[1]
    assert losses[0]


def aps_of(monkeypatch: pytest.MonkeyPatch, ap_at: Callable[[int], float]) -> None:
    """Let the numbers of evaluations be those of a function of the step."""

    class Measured(Validation):
        def __call__(self, weights: Any, step: int) -> Any:
            monkeypatch.setattr("detector.training.validation.evaluate_weights", self._measure(ap_at(step)))
            return super().__call__(weights, step)

        def _measure(self, ap: float) -> Callable[..., Any]:
            def evaluate(*arguments: Any) -> Any:
                evaluation = evaluate_weights(*arguments)
                evaluation.metrics.summary["AP"] = ap
                return evaluation

            return evaluate

    monkeypatch.setattr("tests.training.small_run.Validation", Measured)


def lengthened(
    run: RunFolder, said: list[str], minutes: float | None = None, **options: Any
) -> run_module.Outcome:
    """Trains, or goes on with, a run that has eight steps and may have sixteen."""
    config, record = load_config(run.config), run.load_record()
    folder = load_labelled_folder(Path(record["dataset"]))
    most = record.get("most_steps", 8)
    job = Job(Plan(config), SPEC, {}, folder.train, STRATEGY, validation_of(run), run, said.append, **options)
    return run_module.train(replace(job, budget=Budget(minutes), most_steps=most, usual_steps=8))


EIGHT = (*SETTINGS, "training.steps=8", "training.evaluate_every=1")


@pytest.fixture(scope="module")
def lengthened_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, list[str]]:
    """A run whose AP rises to its last step, and what it said."""
    root, said = tmp_path_factory.mktemp("lengthened"), []
    run = begin_run(root / "run", write_shapes(root / "shapes"), EIGHT)
    with pytest.MonkeyPatch.context() as patch:
        aps_of(patch, lambda step: step / 100)
        assert lengthened(run, said).steps == 16
    return run, said


def test_a_run_whose_ap_still_rises_takes_twice_its_steps(
    lengthened_run: tuple[RunFolder, list[str]],
) -> None:
    run, said = lengthened_run
    assert "AP still rises, so there will be 16 steps in place of 8." in said
    assert load_config(run.config).training.steps == run.load_record()["most_steps"] == 16
    evaluated = [entry["step"] for entry in run.load_history() if "AP" in entry]
    assert evaluated == [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16]
    rates = [entry["learning_rate"] for entry in run.load_history() if "learning_rate" in entry]
    assert rates[-1] < min(rates[:-1])


def test_a_run_whose_ap_rises_no_more_ends_as_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aps_of(monkeypatch, lambda step: 0.5 - abs(step - 4) / 100)
    run = begin_run(tmp_path / "run", write_shapes(tmp_path / "shapes"), EIGHT)
    assert lengthened(run, []).steps == 8


def test_with_a_limit_a_run_is_lengthened_as_far_as_there_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aps_of(monkeypatch, lambda step: step / 100)
    run = begin_run(tmp_path / "run", write_shapes(tmp_path / "shapes"), EIGHT)
    assert lengthened(run, [], minutes=60).steps == 16


@pytest.mark.parametrize("stop", [5, 6, 8, 10])
def test_a_run_that_is_gone_on_with_is_lengthened_as_it_would_have_been(
    stop: int, lengthened_run: tuple[RunFolder, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aps_of(monkeypatch, lambda step: step / 100)
    whole = lengthened_run[0]
    shapes = Path(whole.load_record()["dataset"])

    def stop_at(progress: Progress) -> None:
        if progress.metrics and progress.step == stop:
            raise StopError

    run = begin_run(tmp_path / "run", shapes, EIGHT)
    with pytest.raises(StopError):
        lengthened(run, [], on_progress=stop_at)
    assert lengthened(run, []).steps == 16
    ends = [load_weights(each.root / "model.npz")[0] for each in (whole, run)]
    assert all(np.array_equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_a_training_that_is_over_leaves_no_samples_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Trials and folds train again and again in one process.
    made = []

    class Noted(SampleSource):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            made.append(weakref.ref(self))

    monkeypatch.setattr("detector.training.job.SampleSource", Noted)
    run = begin_run(tmp_path / "run", write_shapes(tmp_path / "shapes"), (*SETTINGS, "training.steps=1"))
    train_small(run, validation_of(run), [])
    gc.collect()
    assert [source() for source in made] == [None]


def test_a_run_whose_best_weights_are_lost_at_its_end_has_those_of_its_last_step(tmp_path: Path) -> None:
    run = begin_run(tmp_path / "run", write_shapes(tmp_path / "shapes"), (*SETTINGS, "training.steps=1"))
    train_small(run, validation_of(run), [])
    run.weights.write_bytes(b"PK")
    said: list[str] = []
    assert train_small(run, validation_of(run), said).best_from == "step 1"
    assert "The best weights so far are lost" in said[0]
    assert load_weights(run.weights)
    # Fewer steps than were done end it, too.
    run.config.write_text(run.config.read_text().replace("steps: 1\n", "steps: 0\n"))
    assert train_small(run, validation_of(run), []).steps == 1


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    run = begin_run(tmp_path / "run", write_shapes(tmp_path / "shapes"), (*SETTINGS, "training.steps=0"))
    train_small(run, validation_of(run), [])
    checkpoint = Checkpoint(run.checkpoints, 0)
    tf.train.Checkpoint(global_step=tf.Variable(0, dtype=tf.int64)).write(str(checkpoint.prefix))
    checkpoint.seal()
    with pytest.raises(run_module.TrainingError, match="ckpt-0 is not of this network"):
        train_small(run, validation_of(run), [])


@pytest.mark.parametrize("size", ["300", "384x512"])
def test_released_weights_after_no_step_have_the_ap_of_the_evaluation(
    coco_sample: Dataset, released_weights: Path, tmp_path: Path, size: str
) -> None:
    config = settle("training.steps=0", "model.classes=coco", f"model.input_size={size}")
    spec = config.model.build_spec("coco", COCO_CLASSES, None if size == "300" else (300, 300))
    folder = RunFolder(tmp_path / "run")
    folder.start(config.to_yaml(), {})
    start = load_initial_weights("released", spec, seed=0)
    validation = Validation(coco_sample, spec, folder, 10)
    run_module.train(Job(Plan(config), spec, start.weights, coco_sample, STRATEGY, validation, folder, print))
    detector = Detector.load(released_weights, input_size=size, score_threshold=None)
    assert load_weights(folder.weights)[1].anchors == detector.spec.anchors
    expected = evaluate(detector, coco_sample).metrics.summary["AP"]
    assert validation.best == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_builds_and_takes_steps(path: Path, shapes: LabelledFolder, tmp_path: Path) -> None:
    small = ("training.initial_weights=none", "training.steps=2", "training.batch_size=2")
    quick = ("training.evaluate_every=2", "runtime.strategy=one_device")
    plan = build_plan(load_config(path, (*small, *quick)), shapes)
    spec = plan.config.model.build_spec(path.stem, shapes.classes)
    folder = RunFolder(tmp_path / "run")
    folder.start(plan.config.to_yaml(), {})
    validation = Validation(shapes.val, spec, folder, 10)
    outcome = run_module.train(Job(plan, spec, {}, shapes.train, STRATEGY, validation, folder, print))
    assert outcome.steps == 2
    assert load_config(folder.config) == plan.config
    assert load_weights(folder.weights)[1].input_hw == plan.config.model.input_hw
    losses = [entry["loss"] for entry in folder.load_history() if "loss" in entry]
    assert losses
    assert np.isfinite(losses).all()


def test_eight_images_are_learned_by_heart(raccoons: Path, tmp_path: Path) -> None:
    names = (raccoons / "train.txt").read_text().split()[:8]
    for split in ("train", "val"):  # the same images
        (tmp_path / f"{split}.txt").write_text("\n".join(names))
    for folder, suffix in (("images", "jpg"), ("annotations", "xml")):
        (tmp_path / folder).mkdir()
        for name in names:
            file = f"{folder}/{name}.{suffix}"
            (tmp_path / file).symlink_to(raccoons / file)
    data = load_labelled_folder(tmp_path, train="train", val="val")
    plain = [f"augmentation.{key}=0" for key in ("flip", "crop", "colours")]
    config = settle("training.steps=150", "training.frozen_until=block_13_expand", *plain)
    spec = config.model.build_spec("eight", data.classes)
    folder = RunFolder(tmp_path / "run")
    folder.start(config.to_yaml(), {})
    validation = Validation(data.train, spec, folder, 10)
    weights = load_initial_weights("released", spec, seed=0).weights
    run_module.train(Job(Plan(config), spec, weights, data.train, STRATEGY, validation, folder, print))
    assert validation.best is not None
    assert validation.best >= 0.95


@pytest.mark.parametrize("batch_size", [8, 24])
def test_released_weights_start_from_the_same_loss_with_batch_statistics(
    coco_sample: Dataset, released_weights: Path, batch_size: int
) -> None:
    from detector.model.network import build_network, set_weights
    from detector.training.losses import sum_losses

    weights, spec = load_weights(released_weights)
    plain = AugmentationConfig(flip=0, crop=0, colours=0)
    samples = SampleSource(coco_sample, spec, plain, iou_threshold=0.5, seed=0, cache_bytes=0)
    batch = [samples(n) for n in range(batch_size)]
    images = np.stack([sample.inputs[0] for sample in batch]).astype(np.float32)
    losses = []
    for training in (False, True):
        network = build_network(spec)
        set_weights(network, spec, weights)
        outputs = network(images * spec.pixel_scale + spec.pixel_offset, training=training)
        sums = sum_losses(
            outputs["box_encodings"],
            outputs["class_logits"],
            np.stack([sample.targets.boxes for sample in batch]),
            np.stack([sample.targets.classes for sample in batch]),
            class_loss="hard_negatives",
        )
        losses.append(float(sums.classification + sums.localization))
    assert losses[1] == pytest.approx(losses[0], rel=0.15)
