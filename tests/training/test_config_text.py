"""What `--show-config` prints is a config, and every key has its meaning."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from detector.training.config import ExperimentConfig
from detector.training.config_file import load_config
from detector.training.config_text import describe_config

SETTINGS = [
    *("model.classes=[cat, 'a: b', '3']", "model.input_size=300x512", "training.initial_weights=a b.npz"),
    *("training.epochs=7", "optimizer.weight_decay=1e-7", "augmentation.crop_keeps_aspect=false"),
]


def test_it_is_the_config_that_it_was_made_from(tmp_path: Path) -> None:
    for settings in ([], SETTINGS):
        config = load_config(None, settings)
        path = tmp_path / "config.yaml"
        path.write_text(describe_config(config), "utf-8")
        assert load_config(path) == config


def test_every_key_stands_under_its_meaning() -> None:
    lines = describe_config(ExperimentConfig()).splitlines()
    for section in fields(ExperimentConfig):
        assert f"{section.name}:" in lines
        for key in fields(getattr(ExperimentConfig(), section.name)):
            (place,) = [number for number, line in enumerate(lines) if line.startswith(f"  {key.name}: ")]
            assert lines[place - 1].startswith("  # ")
