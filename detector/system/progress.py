"""Whether progress bars are shown: at a terminal, unless whoever calls wants silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm

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


def byte_bar(title: str, total: int | None, *, initial: int = 0) -> tqdm[NoReturn]:
    """A bar that counts bytes; none without a title."""
    from tqdm import tqdm  # late, so that ``--help`` is quick

    return tqdm(
        total=total,
        initial=initial,
        desc=title,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        disable=bars_hidden() if title else True,
    )
