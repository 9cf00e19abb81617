"""Experiment files: YAML in ``configs/``, read strictly."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from detector.errors import DetectorError
from detector.labels import COCO_CLASSES, normalise_name
from detector.spec import ModelSpec


class ConfigError(DetectorError):
    """A config file with an unknown key, a wrong type or an impossible value."""


def load_model_config(path: Path) -> ModelSpec:
    """The network that a config's ``model`` section describes.

    Keys: ``classes`` (a list of names, or ``coco``), ``input_size`` (pixels), ``width_multiplier``.

    Raises:
        ConfigError: names file, key and what was expected.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML ({error}).") from error
    model = _section(path, content, "model")
    _check_keys(path, model, ("classes", "input_size", "width_multiplier"))
    classes = _value(path, model, "classes", str | list)
    if classes == "coco":
        classes = list(COCO_CLASSES)
    if not isinstance(classes, list) or not classes or not all(isinstance(name, str) for name in classes):
        raise ConfigError(f"{path}: model.classes should be `coco` or a list of names.")
    if len({normalise_name(name) for name in classes}) < len(classes):
        raise ConfigError(f"{path}: model.classes has a name twice.")
    size = _value(path, model, "input_size", int)
    width = _value(path, model, "width_multiplier", int | float)
    if not (32 <= size <= 2048 and 0.1 <= width <= 4):
        raise ConfigError(
            f"{path}: expected 32 <= model.input_size <= 2048 and 0.1 <= model.width_multiplier <= 4."
        )
    return ModelSpec(
        name=path.stem, classes=tuple(classes), input_hw=(size, size), width_multiplier=float(width)
    )


def _section(path: Path, content: Any, name: str) -> dict[str, Any]:
    if not isinstance(content, dict) or not isinstance(content.get(name), dict):
        raise ConfigError(f"{path}: expected a section `{name}`.")
    _check_keys(path, content, (name,))
    section: dict[str, Any] = content[name]
    return section


def _check_keys(path: Path, section: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in section:
        if key not in known:
            near = get_close_matches(str(key), known, n=1, cutoff=0) or [known[0]]
            raise ConfigError(f"{path}: unknown key `{key}`; did you mean `{near[0]}`?")


def _value(path: Path, section: dict[str, Any], key: str, kind: Any) -> Any:
    value = section.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ConfigError(f"{path}: model.{key} should be {kind}, is {value!r}.")
    return value
