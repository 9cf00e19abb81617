"""Files that come from outside: opened without waiting, bounded in size, and parsed with one set of errors.

Whatever is read was perhaps cut short, damaged or made to do harm. Every reader opens its file here and
parses inside ``parsing``, so that what its parser raises ends in one sentence and never in a traceback.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from detector.errors import DetectorError

# What parsers raise for bytes that are not what they expect; xml.etree's ParseError is a SyntaxError, yaml's
# errors are made ValueErrors where YAML is read, zipfile raises RuntimeError for what is encrypted.
PARSE_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    EOFError,
    OSError,
    SyntaxError,
    expat.ExpatError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)

_LEAST_ROOM = 1 << 16
_CHUNK = 1 << 20


@contextmanager
def parsing(sentence: str, kind: type[DetectorError] = DetectorError) -> Iterator[None]:
    """Turn whatever a parser raises inside the block into one error.

    Args:
        sentence: what was expected and what to do; the parser's own words follow it in parentheses.
        kind: the class of the error.

    Raises:
        DetectorError: of that kind; those raised inside pass unchanged.
    """
    try:
        yield
    except PARSE_ERRORS as error:
        raise kind(f"{sentence} ({_in_one_line(error)}).") from error


def open_regular(path: Path, kind: type[DetectorError] = DetectorError) -> BinaryIO:
    """A file opened for reading in binary; a pipe, a device or a socket is refused and never waited for.

    Raises:
        DetectorError: of that kind; absent, unreadable, or not a regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        _refuse(path, error, kind)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise kind(f"{path} is not a regular file; name one that is.")
    return os.fdopen(descriptor, "rb")


def read_head(path: Path, count: int) -> bytes:
    """The first bytes of a file, to recognise it by; empty where it cannot be read or is no regular file."""
    try:
        with open_regular(path) as file:
            return file.read(count)
    except (DetectorError, OSError):
        return b""


def read_whole(path: Path, limit: int, kind: type[DetectorError] = DetectorError) -> bytes:
    """The content of a regular file of at most ``limit`` bytes.

    Raises:
        DetectorError: of that kind; absent, unreadable, not a regular file, or larger.
    """
    try:
        with open_regular(path, kind) as file:
            # Room is made for as much as is asked for; files of the system say that they are empty.
            size = max(os.fstat(file.fileno()).st_size, _LEAST_ROOM)
            content = file.read(min(size, limit) + 1)
    except OSError as error:
        _refuse(path, error, kind)
    if len(content) > limit:
        raise kind(f"{path} is larger than {limit / 1e6:,.0f} MB, too large for what it should be.")
    return content


def sha256(path: Path, kind: type[DetectorError] = DetectorError) -> str:
    """SHA-256 of a file, in hexadecimal.

    Raises:
        DetectorError: of that kind; absent, unreadable, or not a regular file.
    """
    digest = hashlib.sha256()
    with open_regular(path, kind) as file, parsing(f"Cannot read {path}", kind):
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _refuse(path: Path, error: Exception, kind: type[DetectorError]) -> NoReturn:
    raise kind(f"Cannot read {path} ({getattr(error, 'strerror', None) or error}).") from error


def _in_one_line(error: BaseException) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 200 else f"{words[:200]} ..."
