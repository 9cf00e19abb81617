from pathlib import Path

import pytest

from detector.architecture import build_architecture
from detector.config import ConfigError, load_model_config

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_describes_a_network_of_the_size_that_its_header_says(path):
    architecture = build_architecture(load_model_config(path))
    header = path.read_text()
    assert f"{architecture.trainable_parameters:,} trainable parameters" in header
    assert f"{architecture.multiply_adds:,} multiply-adds" in header


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a section `model`"),
        ("[", "cannot be read as YAML"),
        ("model: {classes: coco, input_sise: 300, width_multiplier: 1}", "did you mean `input_size`"),
        ("model: {classes: coco, input_size: big, width_multiplier: 1}", "input_size should be"),
        ("model: {classes: coco, input_size: 300, width_multiplier: true}", "width_multiplier should be"),
        ("model: {classes: [], input_size: 300, width_multiplier: 1}", "a list of names"),
        ("model: {classes: coco, input_size: 3, width_multiplier: 1}", "32 <= model.input_size"),
        ("modle: {}", "expected a section `model`"),
        ("model: {classes: coco, input_size: 300, width_multiplier: 1}\nextra: 1", "unknown key `extra`"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    path = tmp_path / "experiment.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_model_config(path)
    assert str(path) in str(caught.value)
