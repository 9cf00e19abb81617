"""An experiment written out to be read: every key with its meaning."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from textwrap import wrap

import yaml

from detector.training.config import ExperimentConfig

_WIDTH = 90
_ATTRIBUTE = re.compile(r"^    (\w+(?:, \w+)*): (.*(?:\n     +.*)*)", re.MULTILINE)


def describe_config(config: ExperimentConfig) -> str:
    """The config as YAML that ``load_config`` reads, with the meaning of each key above it."""
    lines: list[str] = []
    for section in fields(config):
        values = getattr(config, section.name)
        text = inspect.getdoc(type(values)) or ""
        lines += ["", f"# {text.splitlines()[0]}", f"{section.name}:"]
        meanings = _meanings(text)
        for key in fields(values):
            written = yaml.safe_dump([getattr(values, key.name)], default_flow_style=True, width=1 << 20)
            lines += [f"  # {line}" for line in wrap(meanings[key.name], _WIDTH)]
            lines.append(f"  {key.name}: {written.strip()[1:-1]}")
    return "\n".join(lines[1:])


def _meanings(docstring: str) -> dict[str, str]:
    """What each attribute of a docstring means; those that are explained together share the text."""
    found = _ATTRIBUTE.findall(docstring)
    return {
        name: " ".join(text.replace("``", "").split()) for names, text in found for name in names.split(", ")
    }
