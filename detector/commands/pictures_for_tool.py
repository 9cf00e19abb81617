"""Copies of pictures in a folder for a labelling tool: names, files, and how they come into it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from detector.errors import DetectorError
from detector.system.invocation import quoted
from detector.system.terminal import write_line

if TYPE_CHECKING:
    from detector.data.writers.tools import Tool
    from detector.images import Image


def refuse_names(classes: Iterable[str], name: str, tool: Tool) -> None:
    """Raise DetectorError for a class whose name the tool's format cannot hold."""
    for each in classes if tool.unfit else ():
        if tool.unfit and tool.unfit.search(each):
            raise DetectorError(f"The format {name} cannot hold the class name {each!r}; take another one.")


def stems_for(names: Sequence[str], *, flat: bool) -> list[str]:
    """What the copies are called, without suffix; ``flat`` puts all of them into one folder."""
    from detector.commands.picture_names import picture_names
    from detector.data.writers.pictures import fitting_name

    return picture_names([os.path.splitext(fitting_name(name, flat=flat))[0] for name in names])


def store_picture(folder: Path, name: str, stem: str, data: bytes, image: Image) -> str:
    """Write a copy that every tool shows, and return its path below the folder, with forward slashes.

    Args:
        folder: of the copies.
        name: of the picture itself.
        stem: of the copy, as ``stems_for`` gives it.
        data: the picture's file.
        image: (H, W, 3) uint8, BGR: the upright image in it.
    """
    from detector.data.writers.pictures import stored_picture

    content, suffix = stored_picture(data, image, os.path.splitext(name)[1])
    stored = f"{Path(stem).as_posix()}{suffix}"
    path = folder / stored
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return stored


def tell_steps(tool: Tool, output: Path) -> None:
    """Print how what was written comes into the tool."""
    whole = output.absolute()
    places = {"folder": quoted(output), "absolute": whole, "parent": quoted(whole.parent)}
    for number, step in enumerate(tool.steps):
        write_line(f"{' ' * 6 if number else 'Next: '}{step.format(**places)}")
