"""Damage to files, at random and the same for the same seed."""

from __future__ import annotations

import random
import re

# What readers stumble over: ends of ranges, signs, markers and brackets; numbers that no format can hold.
_BYTES = b"\x00\x01\x7f\x80\xfe\xff\xc0\xd8\xd9\xda-.,:;<>[]{}()\"'&*#!\n\r\t "
_NUMBERS = (
    b"0", b"-1", b"-0", b"1e308", b"1e999", b"NaN", b"Infinity", b"true", b'"1"', b"[]", b"{}",
    b"9" * 400, b"null", b"2147483648", b"18446744073709551616", b"0.1", b"\xc2\xb2", b"1_0", b"1:30",
)  # fmt: skip
_LARGEST = 1 << 20


def mutate(seed: bytes, others: list[bytes], generator: random.Random) -> bytes:
    """The bytes with one to five kinds of damage; parts of the others may be put in."""
    data = bytearray(seed)
    for _ in range(generator.randint(1, 5)):
        _damage(data, generator.choice(others), generator)
        del data[_LARGEST:]
    return bytes(data)


def _damage(data: bytearray, other: bytes, generator: random.Random) -> None:
    # Headers are short and matter most.
    reach = min(len(data), generator.choice((16, 64, 512, _LARGEST)))
    at = generator.randrange(reach) if reach else 0
    length = generator.choice((1, 1, 2, 4, 16, 300))
    match generator.randrange(9):
        case 0 if data:
            data[at] ^= 1 << generator.randrange(8)
        case 1:
            data[at : at + 1] = bytes([generator.choice(_BYTES)])
        case 2:
            data[at : at + length] = generator.randbytes(length)
        case 3:
            del data[at : at + length]
        case 4:
            del data[at:]
        case 5:
            start = generator.randrange(len(other)) if other else 0
            data[at:at] = other[start : start + length]
        case 6:
            data[at:at] = bytes(data[at : at + length]) * generator.choice((1, 2, 100))
        case 7:
            data[at : at + 4] = generator.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0"))
        case _:
            _replace_number(data, generator)


def _replace_number(data: bytearray, generator: random.Random) -> None:
    found = [match.span() for match in re.finditer(rb"-?[0-9][0-9.]*", data[:_LARGEST])]
    if found:
        start, end = generator.choice(found)
        data[start:end] = generator.choice(_NUMBERS)
