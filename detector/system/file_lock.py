"""Files and folders that one process at a time has; the lock ends with the process, however that ends."""

from __future__ import annotations

import errno
import os
from pathlib import Path

# What file systems say that have no locks, or none of folders.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)


def lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; False where the system or its file system has no locks.

    Raises:
        BlockingIOError: another process has it, or this one by another descriptor.
        OSError: it cannot be locked.
    """
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def lock_folder(path: Path) -> int | None:
    """The descriptor of a folder, locked until it is closed; None where there are no such locks.

    Raises:
        BlockingIOError: another process has it.
        OSError: it cannot be opened or locked.
    """
    if os.name == "nt":  # where a folder cannot be opened
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        lock(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
