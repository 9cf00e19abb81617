"""What is decided from the data, and why."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from detector.architecture import build_architecture
from detector.backbones import BACKBONES
from detector.training.config import AUTO, ConfigError
from detector.training.config_file import load_config
from detector.training.job import Job
from detector.training.plan import FIRST_HEAD, Plan, build_plan, describe_depth
from detector.training.run_folder import RunFolder


def folder(images: int, objects: int = 100, side: int = 10) -> Any:
    """A folder of images of 100 x 100 pixels, each with an object of that side."""
    return SimpleNamespace(
        train=SimpleNamespace(
            images=[SimpleNamespace(id=n, size_wh=(100, 100)) for n in range(images)],
            annotations=[
                {"image_id": n, "category_id": 1, "bbox": [0, 0, side, side]} for n in range(images)
            ],
        ),
        val=SimpleNamespace(annotations=[{"iscrowd": 0}] * objects),
    )


def training_of(plan: Plan) -> Any:
    return plan.config.training


def test_what_the_config_says_is_left_as_it_is() -> None:
    settings = ("steps=77", "frozen_until=heads", "batch_norm=live", "evaluate_every=5")
    config = load_config(
        None,
        [
            "model.input_size=300",
            "loss.classification=varifocal",
            "augmentation.crop=0.1",
            "augmentation.colours=1",
            *(f"training.{key}" for key in settings),
        ],
    )
    plan = build_plan(config, folder(100))
    assert plan.config.training == config.training
    assert plan.config.augmentation == config.augmentation
    assert plan.config.loss == config.loss
    assert plan.reasons == ()


def test_more_images_mean_more_steps_but_fewer_epochs() -> None:
    counts = (20, 200, 2_000, 20_000, 120_000)
    steps = [training_of(build_plan(load_config(), folder(images))).steps for images in counts]
    assert steps == sorted(steps)
    epochs = [s * 8 / n for s, n in zip(steps, counts, strict=True)]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[-1] > 1


def test_small_objects_are_cropped_and_large_ones_are_not() -> None:
    small, large = (build_plan(load_config(), folder(100, side=side)).config for side in (10, 60))
    assert small.augmentation.crop > 0 < small.augmentation.colours
    assert large.augmentation.crop == 0 == large.augmentation.colours
    given = build_plan(load_config(None, ["augmentation.crop=0.2"]), folder(100, side=60)).config
    assert given.augmentation.crop == 0.2


@pytest.mark.parametrize(
    ("settings", "side", "kind", "why"),
    [
        ((), 10, "varifocal", "objects take 10%"),
        ((), 15, "hard_negatives", "objects take 15%"),
        ((), 60, "hard_negatives", "objects take 60%"),
        (("training.keep_classes=coco",), 10, "hard_negatives", "classes are kept"),
        (("loss.min_negatives=5",), 10, "hard_negatives", "loss.min_negatives is set"),
        (("loss.classification=hard_negatives",), 10, "hard_negatives", ""),
        (("loss.classification=varifocal", "training.keep_classes=coco"), 60, "varifocal", ""),
    ],
)
def test_the_loss_of_the_classes_is_that_for_the_size_of_the_objects(
    settings: tuple[str, ...], side: int, kind: str, why: str
) -> None:
    plan = build_plan(load_config(None, settings), folder(100, side=side))
    assert plan.config.loss.classification == kind
    assert [why in line for line in plan.reasons if line.startswith("loss")] == ([True] if why else [])


def test_a_dataset_without_objects_has_a_loss_of_the_classes() -> None:
    empty = folder(100)
    empty.train.annotations = []
    assert build_plan(load_config(), empty).config.loss.classification == "hard_negatives"


def test_evaluations_are_spread_over_the_run_and_the_last_step_has_one() -> None:
    training = training_of(build_plan(load_config(None, ["training.steps=100"]), folder(100)))
    assert 6 <= 100 / training.evaluate_every <= 10
    assert training_of(build_plan(load_config(None, ["training.steps=0"]), folder(100))).evaluate_every == 1


def test_other_steps_spread_the_evaluations_anew_unless_they_are_given() -> None:
    plan = build_plan(load_config(None, ["training.steps=800"]), folder(100))
    assert training_of(plan.with_steps(80)).evaluate_every == training_of(plan).evaluate_every / 10
    given = build_plan(load_config(None, ["training.steps=800", "training.evaluate_every=7"]), folder(100))
    assert training_of(given.with_steps(80)).evaluate_every == 7


@pytest.mark.parametrize(
    ("settings", "images", "objects", "depth"),
    [
        ((), 100, 100, AUTO),  # found out by trying
        ((), 100, 3, "block_13_expand"),  # too little to try it on
        (("training.steps=50",), 100, 100, "block_13_expand"),  # the trial would take longer
        ((), 50_000, 100, "none"),
        (("training.initial_weights=none",), 100, 100, "none"),
        (("model.backbone=mobilenet_v1", "training.initial_weights=run.npz"), 100, 3, "conv_pw_11"),
        (("training.initial_weights=imagenet",), 100, 100, "none"),
        (("training.initial_weights=mobilenet.pth",), 100, 100, "none"),
    ],
)
def test_depth(settings: tuple[str, ...], images: int, objects: int, depth: str) -> None:
    assert training_of(build_plan(load_config(None, settings), folder(images, objects))).frozen_until == depth


@pytest.mark.parametrize(
    ("settings", "images", "statistics"),
    [
        ((), 100, "frozen"),
        (("training.batch_size=64",), 100, "frozen"),
        (("training.batch_size=64",), 50_000, "live"),
        (("training.initial_weights=none",), 100, "live"),
    ],
)
def test_batch_norm(settings: tuple[str, ...], images: int, statistics: str) -> None:
    plan = build_plan(load_config(None, settings), folder(images))
    assert training_of(plan).batch_norm == statistics
    assert plan.live_batch_norm == (statistics == "live")


@pytest.mark.parametrize("backbone", BACKBONES)
def test_depths_that_are_tried_are_layers_of_the_backbone(backbone: str) -> None:
    plan = Plan(load_config(None, [f"model.backbone={backbone}"]))
    names = [layer.name for layer in build_architecture(plan.config.model.build_spec("x", ["a"])).layers]
    little, much = plan.depths
    assert 0 < names.index(much) < names.index(little) < names.index(FIRST_HEAD)


def test_depths_in_words_and_as_layers() -> None:
    for name, layer in (("none", None), ("heads", "extra_2_reduce"), ("block_6_expand", "block_6_expand")):
        plan = Plan(load_config(None, [f"training.frozen_until={name}"]))
        assert plan.frozen_until == layer
        assert describe_depth(name)


@pytest.mark.parametrize(
    ("aps", "chosen", "tried"),
    [
        ((0.60, 0.59), "block_13_expand", 2),
        ((0.60, 0.615), "block_13_expand", 2),  # within chance for a hundred objects
        ((0.60, 0.70), "block_3_expand", 2),
    ],
)
def test_the_trial_goes_on_while_training_more_pays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aps: tuple[float, ...], chosen: str, tried: int
) -> None:
    trial = pytest.importorskip("detector.training.trial")
    results = iter(aps)
    seen: list[str] = []

    def train_briefly(plan: Plan, *_: object) -> None:
        seen.append(training_of(plan).frozen_until)

    def try_out(*_: object) -> tuple[dict[str, float], bool]:
        return {"AP": next(results)}, False

    monkeypatch.setattr(trial, "_train_briefly", train_briefly)
    validation = SimpleNamespace(evaluated=folder(1).val, try_out=try_out)
    run = RunFolder(tmp_path)
    said: list[str] = []
    nothing: Any = None
    kept: list[str] = []
    plan = trial.find_depth(
        Job(Plan(load_config()), nothing, nothing, nothing, nothing, validation, run, said.append),
        SimpleNamespace(keep_only=kept.append),
    )
    assert kept == [chosen]  # the features of no other depth stay in memory
    assert training_of(plan).frozen_until == chosen
    assert len(seen) == tried
    assert [(entry["trial"], entry["AP"]) for entry in run.load_history()] == list(
        zip(seen, aps, strict=True)
    )
    assert len(said) == tried + 1


def scene(*sides: float, picture: int = 1000, classes: int = 1) -> Any:
    """A folder of square pictures with an object of each of these shares of the side, class by class."""
    return SimpleNamespace(
        train=SimpleNamespace(
            images=[SimpleNamespace(id=0, size_wh=(picture, picture))],
            annotations=[
                {"image_id": 0, "category_id": n % classes, "bbox": [0, 0, side * picture, side * picture]}
                for n, side in enumerate(sides)
            ],
        ),
        val=SimpleNamespace(annotations=[{"iscrowd": 0}] * 100),
    )


def size_for(data: Any, own: tuple[int, int] | None = (300, 300), *settings: str) -> int | str:
    return build_plan(load_config(None, settings), data, own).config.model.input_size


def test_the_smaller_the_objects_the_larger_the_input() -> None:
    sizes = [size_for(scene(*[side] * 10)) for side in (0.6, 0.3, 0.16, 0.12, 0.1, 0.08, 0.05, 0.01)]
    assert sizes[0] == 300
    assert sizes == sorted(sizes)  # type: ignore[type-var]
    assert len(set(sizes)) > 3


def test_no_larger_than_the_anchors_or_the_pictures_allow() -> None:
    small = [0.09] * 8
    assert size_for(scene(*small)) == 512
    assert size_for(scene(*small, *[0.7] * 4)) == 384
    assert size_for(scene(*small, *[0.9] * 4)) == 300
    assert size_for(scene(*small, picture=320)) == 384
    assert size_for(scene(*small, picture=200)) == 300


def test_a_rare_class_of_small_objects_counts_as_much_as_a_frequent_one() -> None:
    many_large = [0.25] * 20
    assert size_for(scene(*many_large, 0.04)) == 300
    assert size_for(scene(*[0.25, 0.04] * 5, classes=2)) > 300  # type: ignore[operator]
    few = scene(*many_large, 0.04)
    few.train.annotations[-1]["category_id"] = 1
    assert size_for(few) == size_for(scene(*[0.25, 0.04] * 5, classes=2))


def test_the_size_is_that_of_the_initial_weights_at_least_and_what_the_config_says() -> None:
    small, large = scene(*[0.05] * 9), scene(*[0.6] * 9)
    assert size_for(large, (512, 512)) == 512
    assert size_for(small, (512, 512)) == 640
    assert size_for(small, (384, 512)) == "384x512"
    assert size_for(small, None) == 300
    assert size_for(small, (300, 300), "model.input_size=352") == 352
    assert size_for(small, (300, 300), "model.input_size=288x512") == "288x512"


def test_the_reason_for_the_size_is_told() -> None:
    reason = build_plan(load_config(), scene(*[0.09] * 9), (300, 300)).reasons[0]
    assert reason.startswith("input size: 512, for objects take 9% of their image's side, 27 pixels at 300")
    assert "2.9 times as long (--set model.input_size=300" in reason
    stays = build_plan(load_config(), scene(*[0.6] * 9), (300, 300)).reasons[0]
    assert stays.startswith("input size: 300, as that of the initial weights, for objects take 60%")


def test_epochs_are_so_many_looks_at_each_image() -> None:
    training = training_of(build_plan(load_config(None, ["training.epochs=30"]), folder(100)))
    assert (training.steps, training.epochs) == (375, "auto")  # 100 x 30 / 8
    with pytest.raises(ConfigError, match=r"steps and training\.epochs both say how long"):
        load_config(None, ["training.epochs=30", "training.steps=5"])
