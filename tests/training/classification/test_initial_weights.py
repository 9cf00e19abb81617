"""Where a classifier's training starts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detector.architecture import build_classifier
from detector.classifier_spec import ClassifierSpec
from detector.errors import WeightsError
from detector.pretrained.imagenet.network import ImagenetNetwork
from detector.spec import ModelSpec
from detector.training.classification import initial_weights
from detector.training.classification.initial_weights import (
    classifier_size,
    load_classifier_weights,
    settle_start,
)
from detector.training.classification.plan import ClassifierPlan
from detector.training.config_file import load_config
from detector.weights import save_weights
from tests.random_networks import random_weights

SPEC = ClassifierSpec("birds", ("Wren", "owl", "robin"), (32, 32), width_multiplier=0.1)


def load(path: Path, spec: ClassifierSpec = SPEC, seed: int = 0):
    return load_classifier_weights(str(path), spec, seed=seed, say=lambda _: None)


def test_of_a_detector_the_backbone_is_taken(tmp_path: Path) -> None:
    source = ModelSpec("cats", ("cat",), input_hw=(96, 96), width_multiplier=0.1)
    weights = random_weights(source)
    save_weights(tmp_path / "model.npz", weights, source)
    start = load(tmp_path / "model.npz")
    assert set(start.weights) == set(build_classifier(SPEC).weight_shapes)
    assert "the backbone of cats" in start.origin
    assert not start.copied
    for key, values in start.weights.items():
        if not key.startswith("logits/"):
            np.testing.assert_array_equal(values, weights[key])
    assert not start.weights["logits/bias"].any()


def test_of_a_classifier_columns_of_known_classes_come_along_by_name(tmp_path: Path) -> None:
    source = ClassifierSpec("old", ("robin", "tit", "wren"), (64, 64), width_multiplier=0.1)
    weights = random_weights(source)
    save_weights(tmp_path / "model.npz", weights, source)
    start = load(tmp_path / "model.npz")
    assert start.copied == ("Wren", "robin")
    for column, theirs in ((0, 2), (2, 0)):
        for key in ("logits/kernel", "logits/bias"):
            np.testing.assert_array_equal(start.weights[key][..., column], weights[key][..., theirs])
    again, other = load(tmp_path / "model.npz"), load(tmp_path / "model.npz", seed=1)
    np.testing.assert_array_equal(again.weights["logits/kernel"], start.weights["logits/kernel"])
    assert (other.weights["logits/kernel"][..., 1] != start.weights["logits/kernel"][..., 1]).any()
    config = load_config(None, [f"training.initial_weights={tmp_path / 'model.npz'}"])
    assert classifier_size(config, lambda _: None) == (64, 64)


def test_weights_of_another_width_are_refused(tmp_path: Path) -> None:
    source = ClassifierSpec("old", ("a", "b"), (32, 32), width_multiplier=0.2)
    save_weights(tmp_path / "model.npz", random_weights(source), source)
    with pytest.raises(WeightsError, match=r"width multiplier 0\.2"):
        load(tmp_path / "model.npz")
    with pytest.raises(WeightsError, match=r"set model\.backbone=mobilenet_v2"):
        classifier_size(
            load_config(None, ["model.backbone=mobilenet_v1", "training.initial_weights=released"]),
            lambda _: None,
        )


def plan(*settings: str) -> ClassifierPlan:
    return ClassifierPlan(load_config(None, settings))


def test_without_a_network_the_released_backbone_is_started_from_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline(*_: object) -> ImagenetNetwork:
        raise WeightsError("The ImageNet weights cannot be fetched.")

    monkeypatch.setattr(initial_weights, "fetch_imagenet", offline)
    said: list[str] = []
    assert settle_start(plan(), said.append).config.training.initial_weights == "released"
    assert "cannot be fetched" in said[0]
    assert "released COCO detector" in said[0]
    with pytest.raises(WeightsError, match="cannot be fetched"):  # there is no other of this backbone
        settle_start(plan("model.backbone=mobilenet_v1"), said.append)
    assert settle_start(plan("training.initial_weights=none"), said.append) == plan(
        "training.initial_weights=none"
    )


def test_with_a_network_it_is_imagenet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initial_weights, "fetch_imagenet", lambda *_: None)
    said: list[str] = []
    assert settle_start(plan(), said.append).config.training.initial_weights == "imagenet"
    assert not said
