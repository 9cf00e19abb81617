"""What comes with an extra of this package, and may not be there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from detector.errors import BackendError
from detector.system.invocation import with_extra


@contextmanager
def installed(library: str, extra: str) -> Iterator[None]:
    """A block that imports a library; BackendError with the extra to install where that is not there."""
    try:
        yield
    except ImportError as error:
        raise BackendError(f"{library} is not installed here ({error}): {with_extra(extra)}.") from error
