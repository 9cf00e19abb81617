"""What a bundle is: model files for another program, and all that the program needs beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal

from detector.spec import ModelSpec

Format = Literal["tflite", "openvino"]


@dataclass(frozen=True)
class BundleModel:
    """A model file of a bundle; all of them have post-processing inside.

    Attributes:
        format: of the file.
        name: of the file in the bundle's folder. An OpenVINO model's ``.bin`` lies beside its ``.xml``.
        integer: everything before the post-processing is integer, the heads too.
    """

    format: Format
    name: str
    integer: bool = False


def _take_any(spec: ModelSpec) -> None:
    """Every model will do."""


@dataclass(frozen=True)
class Bundle:
    """What goes into a folder for another program.

    Attributes:
        program: what it is for, in words.
        models: the files that have to lie in the folder already.
        write: adds the other files to a folder; takes the folder, the spec and the path of each model by its
            format.
        check: raises ModelError where the program cannot use a model of that spec.
    """

    program: str
    models: tuple[BundleModel, ...]
    write: Callable[[Path, ModelSpec, Mapping[str, Path]], None]
    check: Callable[[ModelSpec], None] = _take_any


def render(name: str, **values: object) -> str:
    """The text of a template, with each ``$name`` in it replaced."""
    text = files("detector.exports").joinpath("templates", name).read_text(encoding="utf-8")
    return Template(text).substitute({key: str(value) for key, value in values.items()})


def write_text(path: Path, text: str) -> None:
    """Write a text as it is, on every platform."""
    path.write_text(text, encoding="utf-8", newline="\n")


def numbered_lines(names: Mapping[int, str]) -> str:
    """A line of number and name for each class.

    With the number before it, as Frigate and pycoral would take a name's own first digits for one.
    """
    return "".join(f"{number} {name}\n" for number, name in names.items())
