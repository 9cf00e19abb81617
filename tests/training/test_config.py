import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from detector.architecture import build_architecture
from detector.labels import COCO_CLASSES
from detector.training.config import (
    AUTO,
    ConfigError,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TrainingConfig,
)
from detector.training.config_file import load_config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
_SIZE = re.compile(r"([\d,]+) trainable parameters, ([\d,]+) multiply-adds")
DEFAULTS = asdict(ExperimentConfig())


@pytest.fixture
def load(tmp_path):
    """Loads a config from YAML text."""

    def load_text(text, settings=()):
        path = tmp_path / "experiment.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path, settings)

    return load_text


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_loads_and_its_network_is_of_the_size_that_its_header_says(path):
    model = load_config(path).model
    size = _SIZE.search(path.read_text(encoding="utf-8"))
    assert size or model.classes == "dataset"
    if size:
        architecture = build_architecture(model.build_spec("test", ("object",)))
        parameters, multiply_adds = (int(number.replace(",", "")) for number in size.groups())
        assert architecture.trainable_parameters == parameters
        assert architecture.multiply_adds == multiply_adds


def test_the_config_for_cpus_writes_out_the_defaults():
    path = next(path for path in CONFIGS if path.stem == "finetune_cpu")
    assert load_config(path) == ExperimentConfig()
    assert yaml.safe_load(path.read_text()) == DEFAULTS


def test_what_a_file_leaves_out_is_as_the_defaults_say(load):
    assert load_config() == ExperimentConfig()
    config = load("training: {steps: 7}\nmodel: {classes: [cat, Dog]}")
    assert config == ExperimentConfig(
        model=ModelConfig(classes=["cat", "Dog"]), training=TrainingConfig(steps=7)
    )


MISTAKES = {
    "": "expected sections such as `model` and `training`",
    "{}": "expected sections",
    "[1, 2]": "expected sections",
    "model": "expected sections",
    "[": "cannot be read as YAML",
    "a: b: c": "cannot be read as YAML",
    "model: !!python/object:os.system {}": "cannot be read as YAML",
    "model: 2020-99-99": "`model` should be a section with keys, is '2020-99-99'",
    "model: {input_size: 300}\nmodel: {}": "cannot be read as YAML",
    "a: &a [x]\nb: &b [*a, *a]\nmodel: *c": "cannot be read as YAML",
    "model: !!bool perhaps": "cannot be read as YAML",
    "modle: {}": "unknown key `modle`; did you mean `model`?",
    "model: {input_sise: 300}": "unknown key `model.input_sise`; did you mean `model.input_size`?",
    "model: {classes: coco}\nextra: 1": "unknown key `extra`",
    "optimizer: {lr: 1}": "unknown key `optimizer.lr`; did you mean `optimizer.",
    "optimizer: {learning-rate: 1}": "did you mean `optimizer.learning_rate`?",
    "1: {}": "unknown key `1`",
    "null: {}": "unknown key `null`",
    "training: {2: 3}": "unknown key `training.2`",
    "training:": "`training` should be a section with keys, is ''",
    "training: [1]": "`training` should be a section with keys",
    "model: {input_size: big}": "model.input_size should be `auto` or a size: Expected an input size",
    "model: {input_size: 300.0}": "model.input_size should be `auto` or a size: Expected an input size",
    "model: {input_size: true}": "model.input_size should be `auto` or a size: Expected an input size",
    "model: {input_size: '300,512'}": "model.input_size should be `auto` or a size: Expected an input size",
    "model: {input_size: 31}": "Expected an input size of 32 to 4,096 pixels a side",
    "model: {input_size: 5000}": "Expected an input size of 32 to 4,096 pixels a side",
    "model: {input_size: 300x}": "model.input_size should be `auto` or a size: Expected an input size",
    "model: {input_size: }": "model.input_size should be a whole number or text, is ''",
    "model: {width_multiplier: true}": "model.width_multiplier should be a number, is 'true'",
    "model: {width_multiplier: [1]}": "model.width_multiplier should be a number",
    "model: {width_multiplier: wide}": "model.width_multiplier should be a number, is 'wide'",
    "model: {width_multiplier: .nan}": "model.width_multiplier should be a number, is '.nan'",
    "model: {width_multiplier: .inf}": "model.width_multiplier should be a number, is '.inf'",
    f"model: {{width_multiplier: 1{'0' * 400}}}": "model.width_multiplier should be a number",
    f"model: {{width_multiplier: 1{'0' * 5000}}}": "model.width_multiplier should be a number",
    "model: {classes: []}": "model.classes should be `dataset` or `coco` or a list of names",
    "model: {classes: cats}": "model.classes should be `dataset` or `coco` or a list of names, is 'cats'",
    "model: {classes: [cat, '']}": "a list of names",
    "model: {classes: [Traffic_Light, traffic light]}": "model.classes has a name twice",
    "training: {steps: soon}": "training.steps should be a whole number or `auto`, is 'soon'",
    "training: {steps: false}": "training.steps should be a whole number or `auto`, is 'false'",
    "training: {steps: 1.5}": "training.steps should be a whole number or `auto`",
    "training: {patience: auto}": "training.patience should be a whole number, is 'auto'",
    "training: {initial_weights: }": "training.initial_weights should be text, is ''",
    "training: {batch_norm: on}": "training.batch_norm should be `auto` or `live` or `frozen`, is 'on'",
    "training: {precision: float16}": "training.precision should be `float32` or `bfloat16`",
    "training: {frozen_until: block_6_expnad}": "did you mean `block_6_expand`?",
    "training: {frozen_until: ''}": "training.frozen_until should be text, is ''",
    "optimizer: {type: adam}": "optimizer.type should be `sgd` or `rmsprop`, is 'adam'",
    "optimizer: {type: {sgd: 1}}": "optimizer.type should be",
    "loss: {classification: focal}": "should be `varifocal` or `hard_negatives` or `auto`, is 'focal'",
    "runtime: {gpus: all}": "runtime.gpus should be a whole number or `auto`, is 'all'",
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.items(), ids=lambda text: text[:40])
def test_mistakes_are_named(load, tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert message in str(caught.value)
    assert str(tmp_path / "experiment.yaml") in str(caught.value)


def test_a_file_that_nests_without_end(load):
    with pytest.raises(ConfigError, match="cannot be read as YAML"):
        load("[" * 20_000)


def test_files_that_are_none(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"model: {classes: [\xe9t\xe9]}")
    for name, said in (("absent.yaml", "Cannot read"), ("latin.yaml", "as YAML"), ("", "no.* regular file")):
        with pytest.raises(ConfigError, match=said) as caught:
            load_config(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


# Section, key, least and greatest value; and one beyond each.
RANGES = [
    ("model.width_multiplier", 0.1, 4, 0.09, 4.1),
    ("training.batch_size", 1, 65_536, 0, 65_537),
    ("training.steps", 0, 10**9, -1, 10**9 + 1),
    ("training.epochs", 1, 10**6, 0, 10**6 + 1),
    ("training.minutes", 0.1, 10**6, 0, 10**6 + 1),
    ("training.evaluate_every", 1, 10**9, 0, 10**9 + 1),
    ("training.validation_images", 1, 10**9, 0, 10**9 + 1),
    ("training.batch_norm_momentum", 0, 0.99999, -0.1, 1),
    ("training.patience", 1, 10**6, 0, 10**6 + 1),
    ("training.seed", 0, 2**31, -1, 2**31 + 1),
    ("optimizer.learning_rate", 0, 100, -1e-9, 101),
    ("optimizer.momentum", 0, 0.9999, -0.1, 1),
    ("optimizer.rho", 0, 0.9999, -0.1, 1),
    ("optimizer.epsilon", 1e-12, 100, 0, 101),
    ("optimizer.decay_rate", 1e-6, 1, 0, 1.1),
    ("optimizer.decay_steps", 1, 10**9, 0, 10**9 + 1),
    ("optimizer.warmup_steps", 0, 10**9, -1, 10**9 + 1),
    ("optimizer.weight_decay", 0, 1, -0.1, 1.1),
    ("optimizer.clip_norm", 0, 10**6, -1, 10**6 + 1),
    ("optimizer.ema_decay", 0, 0.999999, -0.1, 1),
    ("loss.classification_weight", 0, 1000, -1, 1001),
    ("loss.localization_weight", 0, 1000, -1, 1001),
    ("loss.distillation_weight", 0, 1000, -1, 1001),
    ("loss.match_iou", 0.1, 0.95, 0, 1),
    ("loss.negatives_per_positive", 0, 1000, -1, 1001),
    ("loss.min_negatives", 0, 2000, -1, 2001),
    ("classifier.label_smoothing", 0, 0.9, -0.1, 1),
    ("classifier.dropout", 0, 0.9, -0.1, 1),
    ("augmentation.flip", 0, 1, -0.1, 1.1),
    ("augmentation.expand", 0, 1, -0.1, 1.1),
    ("augmentation.expand_up_to", 1, 8, 0.9, 8.1),
    ("augmentation.crop", 0, 1, -0.1, 1.1),
    ("augmentation.crop_least_covered", 0, 1, -0.1, 1.1),
    ("augmentation.crop_least_area", 0.01, 1, 0, 1.1),
    ("augmentation.colours", 0, 1, -0.1, 1.1),
    ("runtime.gpus", 0, 64, -1, 65),
    ("runtime.virtual_cpus", 1, 64, 0, 65),
    ("runtime.cache_gib", 0, 4096, -1, 4097),
]


@pytest.mark.parametrize(("key", "least", "greatest", "below", "above"), RANGES, ids=lambda value: str(value))
def test_ranges(key, least, greatest, below, above):
    section, name = key.split(".")
    for value in (least, greatest):
        assert getattr(getattr(load_config(None, [f"{key}={value}"]), section), name) == value
    for value in (below, above):
        with pytest.raises(ConfigError, match=re.escape(f"<= {key} <=")) as caught:
            load_config(None, [f"{key}={value}"])
        assert f"is {value}" in str(caught.value)


def test_every_number_has_a_range():
    numbers = {
        f"{section}.{key}"
        for section, values in DEFAULTS.items()
        for key, value in values.items()
        if (isinstance(value, int | float) and not isinstance(value, bool)) or value == AUTO
    }
    words = {"training.frozen_until", "training.batch_norm", "model.input_size", "training.initial_weights"}
    words.add("loss.classification")
    assert numbers - words == {key for key, *_ in RANGES}


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "1.0e-3", "0.001", "'1e-3'", ".001"])
def test_numbers_in_any_notation(load, text):
    for config in (
        load(f"optimizer: {{learning_rate: {text}}}"),
        load_config(None, [f"optimizer.learning_rate={text}"]),
    ):
        assert config.optimizer.learning_rate == 0.001
        assert isinstance(config.optimizer.learning_rate, float)


def test_whole_numbers_do_for_numbers():
    rate = load_config(None, ["optimizer.learning_rate=1"]).optimizer.learning_rate
    assert rate == 1
    assert isinstance(rate, float)


def test_settings_go_over_the_file(load):
    text = "training: {steps: 7, seed: 1}\noptimizer: {type: rmsprop}"
    config = load(text, ["training.steps=9", "training.steps=11", " augmentation.flip = 0.25 "])
    assert config.training == TrainingConfig(steps=11, seed=1)
    assert config.optimizer == OptimizerConfig(type="rmsprop")
    assert config.augmentation.flip == 0.25


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("training.steps=auto", "training.steps", AUTO),
        ("model.classes=[cat, 'traffic light']", "model.classes", ["cat", "traffic light"]),
        ("model.classes=coco", "model.classes", "coco"),
        ("training.initial_weights=runs/a=b/weights.npz", "training.initial_weights", "runs/a=b/weights.npz"),
        ("training.frozen_until=none", "training.frozen_until", "none"),
        ("training.frozen_until=Conv_1", "training.frozen_until", "Conv_1"),
        ("training.precision=bfloat16", "training.precision", "bfloat16"),
    ],
)
def test_settings_are_read_as_yaml(setting, key, value):
    section, name = key.split(".")
    config = load_config(None, [setting])
    assert getattr(getattr(config, section), name) == value
    assert config == replace(
        ExperimentConfig(),
        **{section: replace(getattr(ExperimentConfig(), section), **{name: value})},
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.steps", "expected section.key=value, for example training.steps=500"),
        ("steps=5", "expected section.key=value"),
        ("training.=5", "expected section.key=value"),
        ("=5", "expected section.key=value"),
        ("", "expected section.key=value"),
        ("training.steps=[", "'[' is not a value"),
        ("training.steps=2020-99-99", "training.steps should be a whole number or `auto`, is '2020-99-99'"),
        ("training.steps=", "training.steps should be a whole number or `auto`, is ''"),
        ("training.stesp=5", "unknown key `training.stesp`; did you mean `training.steps`?"),
        ("trainign.steps=5", "unknown key `trainign`; did you mean `training`?"),
        ("training.steps.x=5", "unknown key `training.steps.x`"),
        ("training.steps=yes", "training.steps should be a whole number or `auto`, is 'yes'"),
        (".steps=5", "unknown key ``"),
    ],
)
def test_mistakes_in_settings_are_named(setting, message):
    with pytest.raises(ConfigError) as caught:
        load_config(None, [setting])
    assert "--set" in str(caught.value)
    assert message in str(caught.value)


def test_layers_are_those_of_the_backbone_whichever_is_set_first():
    settings = ["training.frozen_until=conv_pw_11", "model.backbone=mobilenet_v1"]
    for order in (settings, settings[::-1]):
        assert load_config(None, order).training.frozen_until == "conv_pw_11"
    with pytest.raises(ConfigError, match="layer of MobileNetV2 such as `block_3_expand`, is 'conv_pw_11'"):
        load_config(None, settings[:1])
    with pytest.raises(ConfigError, match=r"layer of MobileNetV1 such as `conv_pw_4`, is 'block_6_expand'"):
        load_config(None, ["training.frozen_until=block_6_expand", "model.backbone=mobilenet_v1"])
    with pytest.raises(
        ConfigError, match=r"--set: model.backbone should be `mobilenet_v2` or `mobilenet_v1`"
    ):
        load_config(None, ["model.backbone=mobilenet"])


@pytest.mark.parametrize("key", ["negatives_per_positive", "min_negatives"])
def test_what_one_loss_alone_reads_is_refused_with_the_other(load, key):
    for kind in ("auto", "hard_negatives"):
        assert getattr(load_config(None, [f"loss.{key}=5", f"loss.classification={kind}"]).loss, key) == 5
    settings = [f"loss.{key}=5", "loss.classification=varifocal"]
    for order in (settings, settings[::-1]):
        with pytest.raises(ConfigError, match=f"loss.{key} is 5.* varifocal, which takes all"):
            load_config(None, order)
    with pytest.raises(ConfigError, match=rf"experiment\.yaml: loss\.{key}"):
        load(f"loss: {{{key}: 5, classification: varifocal}}")
    assert load_config(None, [f"loss.{key}=3", settings[1]]).loss.classification == "varifocal"


def test_a_mistake_in_a_setting_is_not_blamed_on_the_file(load):
    for setting in ("training.steps=soon", "training.stesp=1", "training.steps=-1"):
        with pytest.raises(ConfigError, match="--set"):
            load("training: {seed: 1}", [setting])


def test_the_classes_of_the_data_of_coco_and_of_the_config():
    size = ModelConfig(input_size=64, width_multiplier=0.5)
    spec = size.build_spec("mine", ["cat", "dog"])
    assert (spec.name, spec.classes, spec.input_hw, spec.width_multiplier) == (
        "mine",
        ("cat", "dog"),
        (64, 64),
        0.5,
    )
    assert ModelConfig(classes="coco").build_spec("x", ["cat"]).classes == COCO_CLASSES
    assert ModelConfig(classes=["b", "a"]).build_spec("x").classes == ("b", "a")
    with pytest.raises(ConfigError, match="takes its classes from a dataset"):
        ModelConfig().build_spec("x")
