"""Processes of our own, and modules that a folder of the user's hides from them and from us."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from detector.errors import DetectorError

_ROOT = str(Path(__file__).resolve().parents[2])
# Python looks for modules in the current folder first ("" in its path), where a user's own ``cv2.py`` or
# ``detector.py`` may lie; in the place of that comes the folder that this package is in.
_START = f"import sys; sys.path[:] = [{_ROOT!r}, *filter(None, sys.path)]; "
# Packages, every one; a single file of such a name is something else.
_NEEDED = ("aiohttp", "cv2", "flatbuffers", "numpy", "platformdirs", "pycocotools", "tqdm", "yaml")


def code_command(code: str, *arguments: str) -> list[str]:
    """The command that runs code in a new Python which imports nothing from the current folder."""
    return [sys.executable, "-c", _START + code, *arguments]


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package in such a Python."""
    return code_command(f"import runpy; runpy.run_module({module!r}, run_name='__main__')", *arguments)


def check_not_hidden() -> None:
    """Raise DetectorError when a file such as ``cv2.py`` lies where Python finds it before the package."""
    for name in _NEEDED:
        try:
            found = importlib.util.find_spec(name)
        except ValueError:  # a module that was put in its place by hand
            continue
        is_file = found is not None and found.submodule_search_locations is None
        if found is not None and is_file and str(found.origin).endswith(".py"):
            raise DetectorError(
                f"{found.origin} hides the package {name}, which is needed here; rename that file, or "
                "run from another folder."
            )
