"""Lines for a terminal: what names from outside may do there, and what becomes of them when nobody reads."""

from __future__ import annotations

import os
import sys
import unicodedata
from contextlib import suppress
from typing import TextIO

_JOINERS = "\u200c\u200d"  # within words of Persian and Hindi, and between parts of an emoji


def printable(text: object) -> str:
    """A text in one line that a terminal shows and does not obey, for names that come from outside.

    Control characters, line breaks, marks that turn the writing direction and bytes that are no UTF-8 become
    escapes (``\\n``, ``\\x1b``, ``\\u202e``, ``\\xff``); every script and emoji stays as it is.
    """
    return "".join(each if _is_harmless(each) else _escape(each) for each in str(text))


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def ignore(_: object) -> None:
    """Take what nobody wants to know: for callers that want silence."""


def counted(count: int, singular: str, plural: str = "") -> str:
    """A number and what it counts: ``1 image``, ``2,000 images``."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def write_line(line: str, *, to_errors: bool = False) -> None:
    """Print a line to standard output, or to standard error, above a progress bar if there is one; what is
    in it is shown and not obeyed, see ``printable``.

    Where nobody reads it any more (``| head -1``), this and all later lines are dropped: the work goes on.
    """
    stream = sys.stderr if to_errors else sys.stdout
    if stream is None or stream.closed:  # there is none: pythonw, services
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    from tqdm import tqdm  # late, so that ``--help`` is quick

    try:
        tqdm.write(printable(line).encode(encoding, "backslashreplace").decode(encoding), file=stream)
        stream.flush()
    except OSError as error:
        _drop(stream)
        if not (to_errors or isinstance(error, BrokenPipeError)):
            note = f"Note: standard output cannot be written ({error.strerror}); going on without."
            write_line(note, to_errors=True)


def _drop(stream: TextIO) -> None:
    """Let a stream go nowhere, also what is still in its buffer."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
