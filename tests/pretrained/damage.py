"""Damage to files, for readers that must not be surprised by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def damage_each_byte(path: Path) -> Iterator[None]:
    """Write the file anew with one byte changed, for each byte and several changes in turn."""
    content = path.read_bytes()
    for position in range(len(content)):
        for flip in (0x01, 0x07, 0x80, 0xFF):
            damaged = bytearray(content)
            damaged[position] ^= flip
            path.write_bytes(damaged)
            yield
