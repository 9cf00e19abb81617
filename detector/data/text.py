"""Text files as they were written: UTF-8, or UTF-16 and UTF-32 with or without a byte order mark.

Any other encoding is refused by the file's name. It could only be guessed, and the few short words of a list
of classes are too little for that: of 111 such lists in twenty code pages charset-normalizer read 27 right,
chardetng 79 and chardet 97, and their confidence does not tell which. A wrong guess is a class that nobody
named.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from detector.errors import DatasetError
from detector.system.reading import read_whole

LARGEST_TEXT = 500_000_000  # bytes; millions of lines

# The longer marks first: that of UTF-16 starts that of UTF-32.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_OLD_END_OF_FILE = "\x1a"  # DOS wrote one
_LINE_END = re.compile(r"\r\n|\r|\n")


def read_text(path: Path, limit: int = LARGEST_TEXT) -> str:
    """The content of a text file; a byte order mark is no part of it.

    Raises:
        DatasetError: the file cannot be read, is larger than ``limit`` bytes, or is no text in Unicode.
    """
    return decode_text(read_whole(path, limit, DatasetError), str(path))


def read_lines(path: Path, limit: int = LARGEST_TEXT) -> list[str]:
    """The lines of a text file, whatever ends them, stripped, empty ones included; see ``read_text``."""
    return [line.strip() for line in _LINE_END.split(read_text(path, limit))]


def decode_text(data: bytes, name: str) -> str:
    """The text that bytes are in one of Unicode's encodings; ``name`` is what an error calls them.

    Raises:
        DatasetError: they are in none of them, or have control characters, which no text has.
    """
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    encoding = encoding or (_wide_encoding(data) if 0 in data else "utf-8")
    try:
        text = data.decode(encoding).rstrip(_OLD_END_OF_FILE)
    except UnicodeDecodeError as error:
        raise DatasetError(not_unicode(data, error, name)) from error
    if found := _NO_TEXT.search(text):
        raise DatasetError(
            f"{name} is no text file: it has the control character {found[0]!r} in line "
            f"{text.count(chr(10), 0, found.start()) + 1}; save it as UTF-8 text, or remove it."
        )
    return text.replace("\ufeff", "")  # also inside, where files were put together


def _wide_encoding(data: bytes) -> str:
    """What UTF-16 or UTF-32 without a mark can be told by: which bytes of most characters are zero."""
    if len(data) % 4 == 0:
        for encoding in ("utf-32-le", "utf-32-be"):
            try:
                data.decode(encoding)
            except UnicodeDecodeError:  # as of any text that is none: no character is above 0x10FFFF
                continue
            return encoding
    even, odd = data[::2].count(0), data[1::2].count(0)
    stray = data.replace(b"\0", b"").isascii() and 2 * (even + odd) != len(data)
    if stray or even == odd or len(data) % 2:
        return "utf-8"  # where zeros are refused
    return "utf-16-le" if odd > even else "utf-16-be"


def not_unicode(data: bytes, error: UnicodeDecodeError, name: str) -> str:
    """The sentence about bytes that are no text in UTF-8: where they are not, and what to do."""
    line = data.count(b"\n", 0, error.start) + 1
    shown = data[max(0, error.start - 8) : error.start + 8]
    return (
        f"{name} is not stored as UTF-8 (line {line}: {str(shown)[1:]}), and its encoding cannot be known "
        'for certain; save it as UTF-8, for example with an editor\'s "Save as" or `iconv -t UTF-8`.'
    )
