"""Enough of the protocol buffer wire format to read TensorFlow's files without TensorFlow.

Source: Protocol Buffers documentation, "Encoding".
"""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

Message = dict[int, list[Any]]

_MOST_VARINT = 10  # bytes; 64 bits in groups of 7
_MOST_FIELDS = 1_000_000  # of one message; a network's graph has some thousand nodes
_MOST_VALUES = 1 << 27  # of a tensor: 0.5 GB

# tensorflow/core/framework/types.proto
DTYPES: dict[int, np.dtype[np.generic]] = {1: np.dtype("<f4"), 3: np.dtype("<i4"), 9: np.dtype("<i8")}


def read_varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """(value, position after it) of the variable-length integer that starts at a position."""
    value = 0
    for index, byte in enumerate(data[position : position + _MOST_VARINT]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, position + index + 1
    if position + _MOST_VARINT <= len(data):
        raise ValueError("a number in a protocol buffer message has no end")
    raise ValueError("a protocol buffer message is cut short")


def parse_message(data: bytes | memoryview) -> Message:
    """The fields of a message: number -> values, integers or views of bytes, in order.

    Raises:
        ValueError: not such a message, or cut short.
    """
    fields: Message = defaultdict(list)
    view = memoryview(data)
    position = 0
    for _ in range(_MOST_FIELDS):
        if position == len(view):
            return fields
        key, position = read_varint(view, position)
        value: int | memoryview
        match key & 7:
            case 0:
                value, position = read_varint(view, position)
            case 1:
                value, position = int.from_bytes(view[position : position + 8], "little"), position + 8
            case 2:
                size, position = read_varint(view, position)
                value, position = view[position : position + size], position + size
            case 5:
                value, position = int.from_bytes(view[position : position + 4], "little"), position + 4
            case wire_type:
                raise ValueError(f"not a protocol buffer message: wire type {wire_type}")
        if position > len(view):
            raise ValueError("a protocol buffer message is cut short")
        fields[key >> 3].append(value)
    raise ValueError(f"a protocol buffer message with more than {_MOST_FIELDS:,} fields")


def parse_varints(value: int | memoryview) -> list[int]:
    """The integers of a field, of which several may be packed into one run of bytes."""
    if isinstance(value, int):
        return [value]
    position, values = 0, []
    while position < len(value):
        each, position = read_varint(value, position)
        values.append(each)
    return values


def parse_shape(data: memoryview) -> tuple[int, ...]:
    """The dimensions of a ``TensorShapeProto``.

    Raises:
        ValueError: more values than a network's weights have.
    """
    shape = tuple(next(iter(parse_message(dim)[1]), 0) for dim in parse_message(data)[2])
    if not all(isinstance(size, int) for size in shape) or math.prod(shape) > _MOST_VALUES:
        raise ValueError("a tensor has too many values")
    return shape


def parse_tensor(data: memoryview) -> NDArray[np.generic] | None:
    """The array of a ``TensorProto``, or None for a type that holds no weights.

    Source: tensorflow/core/framework/tensor.proto.
    """
    message = parse_message(data)
    dtype: np.dtype[np.generic] | None = DTYPES.get(next(iter(message[1]), 0))
    if dtype is None:
        return None
    shape = parse_shape(message[2][0]) if message[2] else ()
    if message[4]:
        return np.frombuffer(message[4][0], dtype).reshape(shape)
    if dtype.kind == "f":
        values = np.concatenate(
            [
                np.frombuffer(v if isinstance(v, memoryview) else struct.pack("<I", v), dtype)
                for v in message[5]
            ]
            or [np.zeros(1, dtype)]
        )
    else:
        integers = [each for v in message[7 if dtype.itemsize == 4 else 10] for each in parse_varints(v)]
        values = np.array(integers or [0], np.uint64).astype(np.int64).astype(dtype)
    # Of a number that fills the rest of the tensor only the first is written.
    missing = math.prod(shape) - len(values)
    if missing > 0:
        values = np.concatenate([values, np.broadcast_to(values[-1:], missing)])
    return values[: math.prod(shape)].reshape(shape)
