"""Whether progress bars are shown: at a terminal, unless whoever calls wants silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_WANTED: ContextVar[bool] = ContextVar("progress bars are wanted", default=True)


def bars_hidden() -> bool | None:
    """What tqdm takes as ``disable``: True for silence, None for bars that show at a terminal alone."""
    return None if _WANTED.get() else True


@contextmanager
def bars_wanted(wanted: bool) -> Iterator[None]:
    """Show progress bars within, or none."""
    token = _WANTED.set(wanted)
    try:
        yield
    finally:
        _WANTED.reset(token)
