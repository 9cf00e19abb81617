"""Processes of our own."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[1])


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package in a new Python.

    ``python -m`` would look for packages in the current folder first, where a user's own ``detector.py`` may
    lie.
    """
    start = f"import runpy, sys; sys.path[0] = {_ROOT!r}; runpy.run_module({module!r}, run_name='__main__')"
    return [sys.executable, "-c", start, *arguments]
