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

# tensorflow/core/framework/types.proto
DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 3: np.dtype("<i4"), 9: np.dtype("<i8")}


def read_varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """(value, position after it) of the variable-length integer that starts at a position."""
    value = shift = 0
    while True:
        if position >= len(data):
            raise ValueError("a protocol buffer message is cut short")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, position


def parse_message(data: bytes | memoryview) -> Message:
    """The fields of a message: number -> values, integers or views of bytes, in order.

    Raises:
        ValueError: not such a message, or cut short.
    """
    fields: Message = defaultdict(list)
    view = memoryview(data)
    position = 0
    while position < len(view):
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
    return fields


def parse_shape(data: memoryview) -> tuple[int, ...]:
    """The dimensions of a ``TensorShapeProto``."""
    return tuple(next(iter(parse_message(dim)[1]), 0) for dim in parse_message(data)[2])


def parse_tensor(data: memoryview) -> NDArray[Any] | None:
    """The array of a ``TensorProto``, or None for a type that holds no weights.

    Source: tensorflow/core/framework/tensor.proto.
    """
    message = parse_message(data)
    dtype: np.dtype[Any] | None = DTYPES.get(next(iter(message[1]), 0))
    if dtype is None:
        return None
    shape = parse_shape(message[2][0]) if message[2] else ()
    if message[4]:
        return np.frombuffer(message[4][0], dtype).reshape(shape)
    if dtype.kind != "f":
        return None
    values = np.concatenate(
        [np.frombuffer(v if isinstance(v, memoryview) else struct.pack("<I", v), dtype) for v in message[5]]
        or [np.zeros(1, dtype)]
    )
    # Of a number that fills the rest of the tensor only the first is written.
    missing = math.prod(shape) - len(values)
    if missing > 0:
        values = np.concatenate([values, np.broadcast_to(values[-1:], missing)])
    return values[: math.prod(shape)].reshape(shape)
