"""Experiment files: YAML in ``configs/``, read strictly, each a whole experiment."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from reprlib import Repr
from types import UnionType
from typing import Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from detector.architecture import LOGITS, build_architecture
from detector.backbones import BACKBONES
from detector.errors import ArgumentError
from detector.input_sizes import describe_size
from detector.labels import normalise_name
from detector.system.reading import read_whole
from detector.system.yaml_text import LARGEST_YAML, load_yaml
from detector.training.config import AUTO, ConfigError, ExperimentConfig

_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_WHOLE_NUMBER = re.compile(r"[-+]?[0-9]{1,3}(_?[0-9]{1,3}){0,9}")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")

_Section = TypeVar("_Section")


def load_config(path: Path | None = None, settings: Iterable[str] = ()) -> ExperimentConfig:
    """The experiment that a file describes, with single keys set anew.

    Args:
        path: a YAML file; without one the defaults hold.
        settings: ``section.key=value``, each over what the file says.

    Raises:
        ConfigError: names file, key and what was expected.
    """
    content: dict[str, object] = {}
    if path is not None:
        whole = read_whole(path, LARGEST_YAML, ConfigError)
        found = load_yaml(whole, f"{path} cannot be read as YAML", ConfigError)
        if not isinstance(found, dict) or not found:
            raise ConfigError(f"{path}: expected sections such as `model` and `training`.")
        content.update(found)
    config = _check_values(_build(ExperimentConfig, content, str(path), ""), str(path))
    _check_together(config, str(path))
    for setting in settings:
        _apply_setting(content, setting)
        config = _check_values(_build(ExperimentConfig, content, "--set", ""), "--set")
    _check_together(config, "--set")  # when all are known: the backbone may come after one of its layers
    return config


def _apply_setting(content: dict[str, object], setting: str) -> None:
    key, equals, text = setting.partition("=")
    section, dot, name = key.strip().partition(".")
    if not (equals and dot and name):
        raise ConfigError(f"--set {setting}: expected section.key=value, for example training.steps=500.")
    value = load_yaml(text, f"--set {setting}: {text!r} is not a value", ConfigError)
    values = content.setdefault(section, {})
    if isinstance(values, dict):  # otherwise the section itself is refused later
        values[name] = value


def _build(kind: Callable[..., _Section], values: object, origin: str, prefix: str) -> _Section:
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
    built: dict[str, object] = {}
    for key, value in values.items():
        hint = hints[key]
        if isinstance(hint, type) and is_dataclass(hint):
            built[key] = _build(hint, value, origin, f"{prefix}{key}.")
        else:
            built[key] = _convert(hint, value, origin, prefix + key)
    return kind(**built)


def _convert(hint: object, value: object, origin: str, key: str) -> object:
    """What YAML's text stands for, as one of the types that the hint allows."""
    for option in _options(hint):
        if get_origin(option) is list:
            if isinstance(value, list) and value and all(isinstance(each, str) and each for each in value):
                return value
        elif isinstance(value, str) and (found := _read_as(option, value)) is not None:
            return found
    expected = " or ".join(_describe(option) for option in _options(hint))
    raise ConfigError(f"{origin}: {key} should be {expected}, is {_shown(value)}.")


def _read_as(option: object, text: str) -> object:
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


def _shown(value: object) -> str:
    """A value for an error, cut short wherever it is long."""
    short = Repr()
    short.maxstring = short.maxother = 80
    return short.repr(value)


def _options(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _describe(option: object) -> str:
    if get_origin(option) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(option))
    if get_origin(option) is list:
        return "a list of names"
    names: dict[object, str] = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names.get(option, str(option))


# (section, key, least, greatest)
_RANGES = (
    ("model", "width_multiplier", 0.1, 4),
    ("training", "batch_size", 1, 65_536),
    ("training", "steps", 0, 10**9),
    ("training", "epochs", 1, 10**6),
    ("training", "minutes", 0.1, 10**6),
    ("training", "evaluate_every", 1, 10**9),
    ("training", "validation_images", 1, 10**9),
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
    ("loss", "distillation_weight", 0, 1000),
    ("loss", "match_iou", 0.1, 0.95),
    ("loss", "negatives_per_positive", 0, 1000),
    ("loss", "min_negatives", 0, 2000),
    ("classifier", "label_smoothing", 0, 0.9),
    ("classifier", "dropout", 0, 0.9),
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
    if AUTO not in (config.training.steps, config.training.epochs):
        raise ConfigError(
            f"{origin}: training.steps and training.epochs both say how long; leave one `auto`."
        )
    try:
        size = describe_size(config.model.input_hw)
    except ArgumentError as error:
        raise ConfigError(f"{origin}: model.input_size should be `{AUTO}` or a size: {error}.") from error
    if config.model.input_size != AUTO:
        config = replace(
            config, model=replace(config.model, input_size=int(size) if size.isdecimal() else size)
        )
    classes = config.model.classes
    if isinstance(classes, list) and len({normalise_name(name) for name in classes}) < len(classes):
        raise ConfigError(f"{origin}: model.classes has a name twice.")
    return config


def _check_together(config: ExperimentConfig, origin: str) -> None:
    """Raise ConfigError where values do not go together."""
    _check_first_layer(config, origin)
    if config.loss.classification == "varifocal" and (keys := config.loss.set_for_hard_negatives):
        raise ConfigError(
            f"{origin}: loss.{keys[0]} is {getattr(config.loss, keys[0])} and loss.classification is "
            "varifocal, which takes all negatives: leave one of the two out."
        )


def _check_first_layer(config: ExperimentConfig, origin: str) -> None:
    """Raise ConfigError unless the first layer that is trained is one of the network's."""
    layers = [layer.name for layer in build_architecture(config.model.build_spec("", ("object",))).layers]
    backbone = BACKBONES[config.model.backbone]
    first = config.training.frozen_until
    if first not in (AUTO, "none", "heads", LOGITS, *layers):
        near = get_close_matches(first, layers, n=1, cutoff=0)[0]
        raise ConfigError(
            f"{origin}: training.frozen_until should be `auto`, `none`, `heads` or a layer of "
            f"{backbone.title} such as `{backbone.much}`, is {first!r}; did you mean `{near}`?"
        )
