"""Libraries that print what they do, silenced in the calls that come from here, and only in them.

To send standard output elsewhere meanwhile would do so for all threads of the program, and for callbacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType

_SILENT: ContextVar[bool] = ContextVar("libraries are silent", default=False)


def make_silenceable(*modules: ModuleType) -> None:
    """Give modules a ``print`` that prints nothing within ``silenced``."""
    for module in modules:
        vars(module)["print"] = _print


@contextmanager
def silenced() -> Iterator[None]:
    """A block in which those modules print nothing, as far as this thread calls them."""
    before = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(before)


def _print(*values: object) -> None:
    if not _SILENT.get():
        print(*values)
