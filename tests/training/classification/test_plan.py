"""What is planned for folders of pictures, and what is refused of a config."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.training.budget import Speed
from detector.training.classification.chance import expected_accuracy, tell_guesses
from detector.training.classification.plan import ClassifierPlan, build_classifier_plan
from detector.training.config import ConfigError
from detector.training.config_file import load_config
from detector.training.plan import build_plan, describe_depth
from tests.named_pictures import COLOURS, write_colours


def write_pictures(root: Path, side: int, train: int = 20, val: int = 12) -> LabelledFolder:
    noise = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for name in COLOURS:
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                path = root / split / name / f"{number}.png"
                cv2.imwrite(str(path), noise.integers(0, 256, (side, side, 3), np.uint8))
    return load_labelled_folder(root)


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> LabelledFolder:
    counts = {f"{split}/{name}": count for split, count in (("train", 60), ("val", 9)) for name in COLOURS}
    return load_labelled_folder(write_colours(tmp_path_factory.mktemp("birds"), counts))


def plan_of(data: LabelledFolder, *settings: str, **options: object) -> ClassifierPlan:
    return build_classifier_plan(load_config(None, settings), data, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "expected"), [(20, 96), (60, 96), (70, 128), (100, 160), (130, 224), (400, 224)]
)
def test_small_pictures_have_small_inputs(tmp_path: Path, side: int, expected: int) -> None:
    plan = plan_of(write_pictures(tmp_path, side, train=2, val=1))
    assert plan.config.model.input_size == expected
    reason = next(line for line in plan.reasons if line.startswith("input size"))
    assert f"{side} pixels" in reason
    assert ("times as long" in reason) == (expected != 224)


def test_the_input_is_that_of_a_classifier_that_it_starts_from(birds: LabelledFolder) -> None:
    assert plan_of(birds, own_hw=(128, 128)).config.model.input_hw == (128, 128)
    assert plan_of(birds, "model.input_size=64", own_hw=(128, 128)).config.model.input_hw == (64, 64)


def test_nothing_is_left_open_but_where_the_trial_decides(birds: LabelledFolder) -> None:
    plan = plan_of(birds)
    assert plan.config.training.frozen_until == "auto"
    assert plan.depths == ("logits", "block_13_expand", "block_3_expand")
    values = [value for section in vars(plan.config).values() for value in vars(section).values()]
    assert (
        sum(value == "auto" for value in values) == 6
    )  # depth, weights, epochs, minutes, GPUs; a detector's loss
    assert plan.config.augmentation.crop > 0
    assert plan.config.augmentation.colours > 0


def test_the_depth_is_the_last_layer_where_a_trial_could_tell_nothing(
    birds: LabelledFolder, tmp_path: Path
) -> None:
    for data, settings in ((birds, ["training.steps=50"]), (write_pictures(tmp_path, 30, 20, 3), [])):
        plan = plan_of(data, *settings)
        assert plan.frozen_until == "logits"
        assert any("the last layer" in reason for reason in plan.reasons)
    assert "last layer" in describe_depth("logits")


def test_without_time_for_a_trial_little_is_trained(birds: LabelledFolder) -> None:
    slow = Speed(seconds=1.0, threads=1)
    assert plan_of(birds, "training.minutes=1", speed=slow).frozen_until == "block_13_expand"
    quick = Speed(seconds=1e-6, threads=1)
    assert plan_of(birds, "training.minutes=1", speed=quick).config.training.frozen_until == "auto"


def test_new_weights_are_all_trained_with_live_statistics(birds: LabelledFolder) -> None:
    plan = plan_of(birds, "training.initial_weights=none")
    assert plan.frozen_until is None
    assert plan.live_batch_norm
    assert plan_of(birds, "training.frozen_until=heads").frozen_until == "logits"


@pytest.mark.parametrize(
    "setting",
    ["loss.match_iou=0.4", "augmentation.expand=0.1", "training.keep_classes=coco"],
)
def test_what_is_of_detectors_is_refused_for_a_classifier(birds: LabelledFolder, setting: str) -> None:
    with pytest.raises(ConfigError, match=setting.partition("=")[0]):
        plan_of(birds, setting)
    with pytest.raises(ConfigError, match="does not have"):
        plan_of(birds, "training.frozen_until=box_head_0")


@pytest.mark.parametrize(
    "setting", ["classifier.dropout=0", "classifier.label_smoothing=0", "training.frozen_until=logits"]
)
def test_what_is_of_classifiers_is_refused_for_a_detector(birds: LabelledFolder, setting: str) -> None:
    with pytest.raises(ConfigError, match=setting.partition("=")[0]):
        build_plan(load_config(None, [setting]), birds)


def test_classes_with_few_pictures_are_named(tmp_path: Path) -> None:
    counts = {"train/robin": 30, "train/wren": 4, "val/robin": 5, "val/wren": 5}
    data = load_labelled_folder(write_colours(tmp_path, counts))
    assert any("wren" in reason and "few" in reason for reason in plan_of(data).reasons)


def test_how_far_accuracy_will_be_known_is_said_before(birds: LabelledFolder) -> None:
    line = expected_accuracy(birds.val)
    assert "27 validation images" in line
    assert "+-11 points" in line  # 1.96 sqrt(.9 .1 / 27)
    assert "too few" in line


def test_it_is_said_where_a_classifier_is_no_better_than_a_guess(birds: LabelledFolder) -> None:
    said: list[str] = []
    tell_guesses(birds.val, 1 / 3, said.append)
    assert "33.33 %" in said[0]
    tell_guesses(birds.val, 0.34, said.append)
    assert len(said) == 1
