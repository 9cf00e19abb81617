"""Zip archives from outside: weights files, and what lies behind the bytes of a TFLite file.

What an archive says of itself is held to bounds before anything in it is expanded: a few megabytes may
claim to be terabytes.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from detector.errors import DetectorError
from detector.system.reading import parsing

# A directory entry takes some 100 bytes, and a weights file has some 250.
_MOST_DIRECTORY = 1 << 20
# Weights do not shrink to a tenth; a spec and names of classes may, and are small.
_MOST_RATIO, _ALWAYS_FIT = 100, 1 << 24
_END, _END_SIZE, _MOST_COMMENT = b"PK\x05\x06", 22, 1 << 16
_LOCATOR_64, _LOCATOR_64_SIZE = b"PK\x06\x07", 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def opened_zip(file: BinaryIO, sentence: str, kind: type[DetectorError]) -> Iterator[zipfile.ZipFile]:
    """An archive whose directory is reasonable; what fails inside the block becomes one error.

    Args:
        file: the archive, open for reading from anywhere in it.
        sentence: what the error says first; see ``parsing``.
        kind: the class of the error.

    Raises:
        DetectorError: of that kind; no archive, damaged, or one that expands to more than it should.
    """
    with parsing(sentence, kind):
        size = file.seek(0, os.SEEK_END)
        _check_directory(file, size)
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len({member.filename for member in members}) != len(members):
                raise ValueError("a member is there twice")
            if any(member.compress_type not in _METHODS for member in members):
                raise ValueError("a member is compressed in an unknown way")
            if sum(member.file_size for member in members) > _MOST_RATIO * size + _ALWAYS_FIT:
                raise ValueError("it would expand to more than it can hold")
            yield archive


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """The content of a member of at most so many bytes.

    Raises:
        ValueError: it is larger.
        KeyError: there is no such member.
    """
    if archive.getinfo(name).file_size > most:
        raise ValueError(f"{name:.60} is larger than {most / 1e6:,.0f} MB")
    return archive.read(name)


def read_array(
    archive: zipfile.ZipFile, key: str, check: Callable[[tuple[int, ...], np.dtype[np.generic]], None]
) -> NDArray[np.generic]:
    """An array that ``numpy.savez`` wrote under a key, without pickle.

    Args:
        archive: the weights file.
        key: of the array.
        check: is given shape and type before anything is read, and raises what is to be raised.

    Raises:
        ValueError: no array, one of Python objects, or with more or fewer bytes than its shape takes.

    Source: numpy.lib.format; version 1.0, whose header is at most 64 kB long, holds all that is written here.
    """
    member = archive.getinfo(f"{key}.npy")
    with archive.open(member) as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{key} is of an unknown format")
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != member.file_size - stream.tell():
            raise ValueError(f"{key} has not the bytes of its shape")
        check(shape, dtype)
        values = np.frombuffer(stream.read(), dtype)
    return values.reshape(shape, order="F" if fortran_order else "C")


def _check_directory(file: BinaryIO, size: int) -> None:
    """Raise ValueError unless the directory is small; zipfile reads all of it at once."""
    file.seek(max(0, size - _END_SIZE - _MOST_COMMENT - _LOCATOR_64_SIZE))
    tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) - end < _END_SIZE:
        raise zipfile.BadZipFile("it does not end as an archive does")
    if tail[max(0, end - _LOCATOR_64_SIZE) : end].startswith(_LOCATOR_64):
        raise ValueError("it is of the kind for more than 4 GB")
    if int.from_bytes(tail[end + 12 : end + 16], "little") > _MOST_DIRECTORY:
        raise ValueError("its directory is too large")
    file.seek(0)
