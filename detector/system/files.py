"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from detector.errors import DetectorError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name to write to; it becomes ``path`` when the block ends well and is gone otherwise.

    The temporary file lies beside ``path``; missing folders are made. A symbolic link stays one: what it
    points to is replaced. The content is on the disk before the name is, so that a power cut leaves either
    the old file or the new one.

    Raises:
        DetectorError: the folder cannot be written to, or the disk is full.
    """
    temporary: Path | None = None
    try:
        path = path.resolve() if path.is_symlink() else path
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{secrets.token_hex(4)}{path.suffix}")
        yield temporary
        flush_to_disk(temporary)
        temporary.replace(path)
        flush_to_disk(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to write into; it becomes ``path`` when the block ends well and is gone otherwise.

    Raises:
        DetectorError: ``path`` exists and is no empty folder, or cannot be written.
    """
    refuse_occupied(path)
    temporary = path.with_name(f".{secrets.token_hex(4)}")
    made = [folder for folder in path.absolute().parents if not folder.exists()]
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for written in (*temporary.rglob("*"), temporary):
            flush_to_disk(written)
        if path.exists():
            path.rmdir()
        temporary.replace(path)
        flush_to_disk(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        for folder in made if not path.exists() else ():
            with suppress(OSError):  # somebody else's file is in it by now
                folder.rmdir()


@contextmanager
def no_empty_folders(*folders: Path) -> Iterator[None]:
    """Of these folders and those that they lie in, leave none that was made in the block and is empty when it
    fails.
    """
    places = {place for folder in folders for place in (folder.absolute(), *folder.absolute().parents)}
    made = sorted((place for place in places if not place.exists()), reverse=True)
    try:
        yield
    except BaseException:
        for folder in made:  # those within others come first
            with suppress(OSError):
                folder.rmdir()
        raise


def files_below(
    folder: str | Path,
    enter: Callable[[Path, list[str]], bool] = lambda folder, names: True,
    on_error: Callable[[OSError], None] | None = None,
) -> Iterator[Path]:
    """What lies in a folder and below and is no folder; links to folders are followed, each folder once.

    Args:
        folder: where to begin.
        enter: whether a folder, with the names of its files, is looked into.
        on_error: called for a folder that cannot be read; such folders are passed over without it.
    """
    entered = set()
    for place, subfolders, names in os.walk(folder, followlinks=True, onerror=on_error):
        real = os.path.realpath(place)  # a link to a folder above would go round for ever
        if real in entered or not enter(Path(place), names):
            subfolders.clear()
            continue
        entered.add(real)
        yield from (Path(place, name) for name in names)


def flush_to_disk(path: Path) -> None:
    """Wait until what was written to a file, or the names in a folder, would survive a power cut.

    What cannot be flushed (a folder on Windows, some network file systems) is left to the system.
    """
    if path.is_symlink():
        return
    try:
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):  # known only now: it was not written
            raise


def refuse_occupied(folder: Path) -> None:
    """Raise DetectorError when something is there already, be it a file or a folder with content."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DetectorError(f"{folder} exists already; name a folder that does not, or remove it.")
    except OSError as error:
        raise cannot_write(folder, error) from error


def check_writable(folder: Path) -> None:
    """Raise DetectorError unless the folder can be written to, or be made where it is missing."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from error


def free_folder(path: Path) -> Path:
    """The folder itself, or the first of ``path-2``, ``path-3`` ..., of which nothing is there yet."""
    names = (path.name if number == 1 else f"{path.name}-{number}" for number in itertools.count(1))
    return next(folder for name in names if not (folder := path.with_name(name)).exists())


def size_in_bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder; raises OSError where there is none."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def cannot_write(path: Path, error: OSError) -> DetectorError:
    """The sentence for a file or folder that could not be written."""
    if error.errno == errno.ENOSPC:
        return DetectorError(f"The disk is full: {path} was not written; free some space and run it again.")
    return DetectorError(f"Cannot write {path} ({error.strerror or error}); choose another folder.")
