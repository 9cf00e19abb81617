"""One process at a time trains in a run's folder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from detector.errors import DetectorError
from detector.system.file_lock import lock
from detector.system.files import cannot_write

LOCK_NAME = ".lock"


class RunInUseError(DetectorError):
    """A run that another process trains at this moment."""


@contextmanager
def locked(root: Path, say: Callable[[str], None]) -> Iterator[None]:
    """A block in which no other process, of this machine or of another that shares the folder, has the run.

    The lock is the operating system's: it ends with the process, however that ends. Its file stays.

    Args:
        root: the run's folder, which exists.
        say: takes a line where the file system has no locks and the block runs without.

    Raises:
        RunInUseError: another process has it.
        DetectorError: the folder cannot be written to.
    """
    path = root / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o666)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        _lock(descriptor, root, say)
        with suppress(OSError):  # it is told to others, no more; the disk may be full
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, root: Path, say: Callable[[str], None]) -> None:
    try:
        if not lock(descriptor):
            say(f"Note: the file system of {root} has no locks; start no second training in this folder.")
    except BlockingIOError as error:
        raise RunInUseError(
            f"The run in {root} is being trained by {_holder(descriptor)}: wait until it has ended, or "
            "stop it, and resume then."
        ) from error
    except OSError as error:
        raise cannot_write(root / LOCK_NAME, error) from error


def _holder(descriptor: int) -> str:
    """The process that holds the lock, in words."""
    try:
        content = json.loads(os.pread(descriptor, 1000, 0))
        return f"process {int(content['pid'])} on {str(content['host'])[:100]}"
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return "another process"
