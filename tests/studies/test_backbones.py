"""The study of what a detector starts from trains all alike, but for the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.training.config_file import load_config

pytest.importorskip("official.core.base_trainer")


def test_all_start_otherwise_and_are_trained_alike() -> None:
    from studies.backbones import REFERENCE, starts

    configs = {
        name: load_config(None, settings)
        for name, settings in starts(Path("v1.pb"), Path("v2.pth"), 700).items()
    }
    assert next(iter(configs)) == REFERENCE
    assert configs.pop("V2, COCO, defaults") == load_config(None, ())
    begun = {(each.model.backbone, each.training.initial_weights) for each in configs.values()}
    assert begun == {("mobilenet_v2", "v2.pth"), ("mobilenet_v1", "v1.pb"), ("mobilenet_v2", "auto")}
    trained = {
        (each.training.steps, each.training.frozen_until, each.training.batch_norm)
        for each in configs.values()
    }
    assert trained == {(700, "none", "live")}
    assert len({each.optimizer for each in configs.values()}) == 1
