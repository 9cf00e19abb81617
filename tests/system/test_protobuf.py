from __future__ import annotations

import struct
from itertools import accumulate

import pytest

from detector.system.protobuf import parse_message, parse_shape, read_varint


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x00", 0),
        (b"\x01", 1),
        (b"\x7f", 127),
        (b"\x80\x01", 128),
        (b"\x96\x01", 150),  # the example of the Protocol Buffers documentation
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 2**64 - 1),
    ],
)
def test_varint(data: bytes, value: int) -> None:
    assert read_varint(b"before" + data + b"after", 6) == (value, 6 + len(data))


FIELDS = [
    b"\x08\x96\x01",  # 1: the varint 150
    b"\x12\x07testing",  # 2: bytes
    b"\x19" + struct.pack("<d", 2.5),  # 3: 64 bits
    b"\x25" + struct.pack("<f", 2.5),  # 4: 32 bits
    b"\x12\x00",  # 2 again: no bytes
    b"\xa2\x06\x01x",  # 100: bytes
]


def test_every_kind_of_field() -> None:
    fields = parse_message(b"".join(FIELDS))
    assert {
        number: [v if isinstance(v, int) else bytes(v) for v in values] for number, values in fields.items()
    } == {
        1: [150],
        2: [b"testing", b""],
        3: [struct.unpack("<Q", struct.pack("<d", 2.5))[0]],
        4: [struct.unpack("<I", struct.pack("<f", 2.5))[0]],
        100: [b"x"],
    }


def test_an_empty_message_has_no_fields() -> None:
    assert parse_message(b"") == {}


ENDS = [0, *accumulate(len(field) for field in FIELDS)]


def test_a_message_that_is_cut_short() -> None:
    whole = b"".join(FIELDS)
    for size in range(len(whole)):
        if size in ENDS:
            parse_message(whole[:size])
        else:
            with pytest.raises(ValueError, match="cut short"):
                parse_message(whole[:size])


@pytest.mark.parametrize("wire_type", [3, 4, 6, 7])
def test_other_wire_types_are_refused(wire_type: int) -> None:
    with pytest.raises(ValueError, match=f"wire type {wire_type}"):
        parse_message(bytes([8 | wire_type, 0]))


def test_shape() -> None:
    # Of a dimension of size 0 the field is left out, as of any number that is 0.
    assert parse_shape(memoryview(b"\x12\x02\x08\x03\x12\x00\x12\x03\x08\x80\x04")) == (3, 0, 512)
    assert parse_shape(memoryview(b"")) == ()


@pytest.mark.parametrize("size", [10, 11, 3_000_000])
def test_a_number_without_end_is_refused_at_once(size: int) -> None:
    with pytest.raises(ValueError, match="no end"):
        parse_message(b"\xff" * size)


def test_a_message_of_too_many_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="fields"):
        parse_message(b"\x08\x00" * 1_000_001)


def test_the_largest_number_is_read() -> None:
    assert read_varint(b"\xff" * 9 + b"\x01rest", 0) == ((1 << 64) - 1, 10)
