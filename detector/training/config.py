"""Experiment files: YAML in ``configs/``, read strictly, each a whole experiment.

The dataclasses below are the reference: every key that a file leaves out has the default that stands here,
and no other key is allowed. Their defaults fine-tune the released weights.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from reprlib import Repr
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from detector.architecture import build_architecture
from detector.errors import DetectorError
from detector.labels import COCO_CLASSES, normalise_name
from detector.spec import ModelSpec
from detector.system.reading import read_whole
from detector.system.yaml_text import LARGEST_YAML, load_yaml

_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_WHOLE_NUMBER = re.compile(r"[-+]?[0-9]{1,3}(_?[0-9]{1,3}){0,9}")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")

AUTO: Final = "auto"
Auto = Literal["auto"]


class ConfigError(DetectorError):
    """A config file with an unknown key, a wrong type or an impossible value."""


@dataclass(frozen=True)
class ModelConfig:
    """The network.

    Attributes:
        classes: ``dataset`` for those of the data, ``coco`` for COCO's 80, or a list of names.
        input_size: side of the square input in pixels. Released weights are bound to 300.
        width_multiplier: MobileNetV2's multiplier of channels.
    """

    classes: Literal["dataset", "coco"] | list[str] = "dataset"
    input_size: int = 300
    width_multiplier: float = 1.0

    def build_spec(self, name: str, dataset_classes: Iterable[str] | None = None) -> ModelSpec:
        """The spec of the network, with the classes of a dataset where the config leaves them to it.

        Raises:
            ConfigError: the config leaves the classes to a dataset and there is none.
        """
        if self.classes == "dataset":
            if dataset_classes is None:
                raise ConfigError("The config takes its classes from a dataset (`model.classes: dataset`).")
            classes = tuple(dataset_classes)
        else:
            classes = COCO_CLASSES if self.classes == "coco" else tuple(self.classes)
        size = (self.input_size, self.input_size)
        return ModelSpec(name, classes, input_hw=size, width_multiplier=float(self.width_multiplier))


@dataclass(frozen=True)
class TrainingConfig:
    """Where training starts, what it trains, and for how long.

    Attributes:
        initial_weights: ``released`` (COCO), ``imagenet`` (the backbone alone), ``none``, or a ``.npz`` file.
        batch_size: images a step, over all devices and workers together.
        steps: steps in all; ``auto`` by the size of the dataset.
        frozen_until: first layer that is trained, ``none`` for all, ``heads`` for the heads and the extra
            maps; ``auto`` by the dataset.
        batch_norm: ``live`` normalises by each batch's statistics, ``frozen`` by those of the initial
            weights; ``auto`` by the batch size.
        batch_norm_momentum: decay of the moving statistics where they are live.
        evaluate_every: steps between evaluations; ``auto`` spreads some over the run.
        patience: training ends after so many evaluations without a better AP.
        precision: what layers compute in; weights are float32 always.
        seed: of the order of the images, the augmentation and new weights.
    """

    initial_weights: str = "released"
    batch_size: int = 8
    steps: int | Auto = AUTO
    frozen_until: str = AUTO
    batch_norm: Literal["auto", "live", "frozen"] = AUTO
    batch_norm_momentum: float = 0.99
    evaluate_every: int | Auto = AUTO
    patience: int = 10
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0


@dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer and its schedule.

    Attributes:
        type: ``sgd`` or ``rmsprop``.
        momentum: of either.
        rho, epsilon: of RMSProp alone.
        learning_rate: the greatest; per step, for the whole batch.
        schedule: ``cosine`` falls to 0 at the last step; ``exponential`` multiplies by ``decay_rate`` every
            ``decay_steps`` steps; ``constant`` stays.
        warmup_steps: the rate rises linearly from 0 over these.
        weight_decay: L2 on the kernels of convolutions that are not depthwise (half the squared norm).
        clip_norm: greatest norm of the gradient of all weights; 0 for none.
        ema_decay: of the moving average of the weights, which is what is evaluated and kept; 0 for none.
    """

    type: Literal["sgd", "rmsprop"] = "sgd"
    momentum: float = 0.9
    rho: float = 0.9
    epsilon: float = 1.0
    learning_rate: float = 0.002
    schedule: Literal["cosine", "exponential", "constant"] = "cosine"
    decay_rate: float = 0.95
    decay_steps: int = 800_720
    warmup_steps: int = 50
    weight_decay: float = 4e-5
    clip_norm: float = 10.0
    ema_decay: float = 0.998


@dataclass(frozen=True)
class LossConfig:
    """SSD's losses.

    Attributes:
        classification_weight, localization_weight: factors of the two.
        match_iou: least overlap of an anchor with its object.
        negatives_per_positive: hard negatives for each positive in an image.
        min_negatives: hard negatives of an image at least.
    """

    classification_weight: float = 1.0
    localization_weight: float = 1.0
    match_iou: float = 0.5
    negatives_per_positive: float = 3.0
    min_negatives: int = 3


@dataclass(frozen=True)
class AugmentationConfig:
    """What is done to training images.

    Attributes:
        flip: probability of mirroring.
        expand: probability of placing the image on a larger grey ground.
        expand_up_to: how many times as wide and high that ground is at most.
        crop: probability of SSD's random crop; ``auto`` crops where objects are small in their images.
        crop_least_covered: objects that keep a smaller share of themselves than this are dropped from a crop;
            SSD draws the share anew each time, from 0 on.
        crop_least_area: smallest crop, as a fraction of the image's area; SSD's is 0.1.
        crop_keeps_aspect: crops have the shape of the image, so that objects are not stretched; SSD's do not.
        colours: strength of SSD's photometric distortion, from 0 to SSD's 1; ``auto`` goes with the crop.
    """

    flip: float = 0.5
    expand: float = 0.0
    expand_up_to: float = 2.0
    crop: float | Auto = AUTO
    crop_least_covered: float = 0.7
    crop_least_area: float = 0.3
    crop_keeps_aspect: bool = True
    colours: float | Auto = AUTO


@dataclass(frozen=True)
class RuntimeConfig:
    """Which devices train.

    Attributes:
        strategy: ``one_device``, ``mirrored`` (all GPUs of this machine) or ``multi_worker_mirrored``
            (several machines, described by the environment variable TF_CONFIG).
        gpus: how many GPUs of this machine; ``auto`` takes one for ``one_device``, else all.
        virtual_cpus: split the CPU into so many devices, to try a strategy without GPUs.
        cache_gib: decoded images up to this size are kept in memory.
    """

    strategy: Literal["one_device", "mirrored", "multi_worker_mirrored"] = "one_device"
    gpus: int | Auto = AUTO
    virtual_cpus: int = 1
    cache_gib: float = 2.0


@dataclass(frozen=True)
class ExperimentConfig:
    """A whole experiment."""

    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def to_yaml(self) -> str:
        """The config as the YAML that ``load_config`` reads."""
        import yaml

        return yaml.safe_dump(asdict(self), sort_keys=False)


def load_config(path: Path | None = None, settings: Iterable[str] = ()) -> ExperimentConfig:
    """The experiment that a file describes, with single keys set anew.

    Args:
        path: a YAML file; without one the defaults hold.
        settings: ``section.key=value``, each over what the file says.

    Raises:
        ConfigError: names file, key and what was expected.
    """
    content: Any = {}
    if path is not None:
        whole = read_whole(path, LARGEST_YAML, ConfigError)
        content = load_yaml(whole, f"{path} cannot be read as YAML", ConfigError)
        if not isinstance(content, dict) or not content:
            raise ConfigError(f"{path}: expected sections such as `model` and `training`.")
    config = _check_values(_build(ExperimentConfig, content, str(path), ""), str(path))
    for setting in settings:
        _apply_setting(content, setting)
        config = _check_values(_build(ExperimentConfig, content, "--set", ""), "--set")
    return config


def _apply_setting(content: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    section, dot, name = key.strip().partition(".")
    if not (equals and dot and name):
        raise ConfigError(f"--set {setting}: expected section.key=value, for example training.steps=500.")
    value = load_yaml(text, f"--set {setting}: {text!r} is not a value", ConfigError)
    values = content.setdefault(section, {})
    if isinstance(values, dict):  # otherwise the section itself is refused later
        values[name] = value


def _build(kind: Any, values: Any, origin: str, prefix: str) -> Any:
    """A dataclass from a mapping, every key and type checked."""
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{origin}: `{prefix.rstrip('.')}` should be a section with keys, is {_shown(values)}."
        )
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            near = get_close_matches(key[:80], hints, n=1, cutoff=0) or list(hints)
            raise ConfigError(f"{origin}: unknown key `{prefix}{key:.80}`; did you mean `{prefix}{near[0]}`?")
    built = {}
    for key, value in values.items():
        hint = hints[key]
        if is_dataclass(hint):
            built[key] = _build(hint, value, origin, f"{prefix}{key}.")
        else:
            built[key] = _convert(hint, value, origin, prefix + key)
    return kind(**built)


def _convert(hint: Any, value: Any, origin: str, key: str) -> Any:
    """What YAML's text stands for, as one of the types that the hint allows."""
    for option in _options(hint):
        if get_origin(option) is list:
            if isinstance(value, list) and value and all(isinstance(each, str) and each for each in value):
                return value
        elif isinstance(value, str) and (found := _read_as(option, value)) is not None:
            return found
    expected = " or ".join(_describe(option) for option in _options(hint))
    raise ConfigError(f"{origin}: {key} should be {expected}, is {_shown(value)}.")


def _read_as(option: Any, text: str) -> Any:
    """A text as what the option asks for: one of some words, a number, true or false, text; None if none."""
    if get_origin(option) is Literal:
        return text if text in get_args(option) else None
    if option is bool:
        return _TRUTH.get(text.lower())
    if option is int:
        return int(text) if _WHOLE_NUMBER.fullmatch(text) else None
    if option is float:
        return float(text) if _NUMBER.fullmatch(text) and math.isfinite(float(text)) else None
    return text or None


def _shown(value: Any) -> str:
    """A value for an error, cut short wherever it is long."""
    short = Repr()
    short.maxstring = short.maxother = 80
    return short.repr(value)


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _describe(option: Any) -> str:
    if get_origin(option) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(option))
    if get_origin(option) is list:
        return "a list of names"
    return {int: "a whole number", float: "a number", str: "text", bool: "true or false"}.get(
        option, str(option)
    )


# (section, key, least, greatest)
_RANGES = (
    ("model", "input_size", 32, 2048),
    ("model", "width_multiplier", 0.1, 4),
    ("training", "batch_size", 1, 65_536),
    ("training", "steps", 0, 10**9),
    ("training", "evaluate_every", 1, 10**9),
    ("training", "batch_norm_momentum", 0, 0.99999),
    ("training", "patience", 1, 10**6),
    ("training", "seed", 0, 2**31),
    ("optimizer", "learning_rate", 0, 100),
    ("optimizer", "momentum", 0, 0.9999),
    ("optimizer", "rho", 0, 0.9999),
    ("optimizer", "epsilon", 1e-12, 100),
    ("optimizer", "decay_rate", 1e-6, 1),
    ("optimizer", "decay_steps", 1, 10**9),
    ("optimizer", "warmup_steps", 0, 10**9),
    ("optimizer", "weight_decay", 0, 1),
    ("optimizer", "clip_norm", 0, 10**6),
    ("optimizer", "ema_decay", 0, 0.999999),
    ("loss", "classification_weight", 0, 1000),
    ("loss", "localization_weight", 0, 1000),
    ("loss", "match_iou", 0.1, 0.95),
    ("loss", "negatives_per_positive", 0, 1000),
    ("loss", "min_negatives", 0, 2000),
    ("augmentation", "flip", 0, 1),
    ("augmentation", "expand", 0, 1),
    ("augmentation", "expand_up_to", 1, 8),
    ("augmentation", "crop", 0, 1),
    ("augmentation", "crop_least_covered", 0, 1),
    ("augmentation", "crop_least_area", 0.01, 1),
    ("augmentation", "colours", 0, 1),
    ("runtime", "gpus", 0, 64),
    ("runtime", "virtual_cpus", 1, 64),
    ("runtime", "cache_gib", 0, 4096),
)


def _check_values(config: ExperimentConfig, origin: str) -> ExperimentConfig:
    """The config, its values within their ranges."""
    for section, key, least, greatest in _RANGES:
        value = getattr(getattr(config, section), key)
        if value != AUTO and not least <= value <= greatest:
            raise ConfigError(f"{origin}: expected {least} <= {section}.{key} <= {greatest}, is {value}.")
    classes = config.model.classes
    if isinstance(classes, list) and len({normalise_name(name) for name in classes}) < len(classes):
        raise ConfigError(f"{origin}: model.classes has a name twice.")
    layers = [layer.name for layer in build_architecture(config.model.build_spec("", ("object",))).layers]
    first = config.training.frozen_until
    if first not in (AUTO, "none", "heads", *layers):
        near = get_close_matches(first, layers, n=1, cutoff=0)[0]
        raise ConfigError(
            f"{origin}: training.frozen_until should be `auto`, `none`, `heads` or a layer such as "
            f"`block_6_expand`, is {first!r}; did you mean `{near}`?"
        )
    return config
