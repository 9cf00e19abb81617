"""The variables of a TensorFlow checkpoint (``model.ckpt.index`` and ``model.ckpt.data-...``).

The index is a sorted string table of LevelDB's format: blocks of key-value pairs in which a key shares
a prefix with the one before it. A value says where in the data file the variable's bytes lie.

Source: tensorflow/core/util/tensor_bundle, tensorflow/core/lib/io/format.cc.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import numpy as np

from detector.boxes import FloatArray
from detector.system.protobuf import DTYPES, parse_message, parse_shape, read_varint

_FOOTER_SIZE = 48
_MOST_KEY = 4096  # bytes; each name repeats the start of the one before it
_MAGIC = 0xDB4775248B80FB57


def read_tf1_checkpoint(index: bytes, data: bytes) -> dict[str, FloatArray]:
    """Every float variable of a checkpoint with one data file, by name.

    Raises:
        ValueError: not a checkpoint's index, compressed, or data that is cut short.
    """
    footer = index[-_FOOTER_SIZE:]
    if len(footer) < _FOOTER_SIZE or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("the checkpoint's index does not end as an index does")
    _, _, position = _read_handle(footer, 0)  # the meta index, which is empty
    offset, size, _ = _read_handle(footer, position)
    tensors = {}
    for _, handle in _read_block(index, offset, size):
        block_offset, block_size, _ = _read_handle(handle, 0)
        for key, value in _read_block(index, block_offset, block_size):
            if not key:  # the bundle's header
                continue
            entry = parse_message(value)
            dtype = DTYPES.get(next(iter(entry[1]), 0))
            if dtype is None or dtype.kind != "f":
                continue
            shape = parse_shape(entry[2][0]) if entry[2] else ()
            start, count = next(iter(entry[4]), 0), math.prod(shape)
            if start + count * dtype.itemsize > len(data):
                raise ValueError(f"the checkpoint's data ends before the variable {key.decode()}")
            tensors[key.decode()] = np.frombuffer(data, dtype, count, start).reshape(shape)
    return tensors


def _read_handle(data: bytes, position: int) -> tuple[int, int, int]:
    offset, position = read_varint(data, position)
    size, position = read_varint(data, position)
    return offset, size, position


def _read_block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    block = index[offset : offset + size]
    if index[offset + size] != 0:
        raise ValueError("the checkpoint's index is compressed, which is not supported")
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = read_varint(block, position)
        fresh, position = read_varint(block, position)
        length, position = read_varint(block, position)
        if fresh > _MOST_KEY or shared > len(key) or len(key) > _MOST_KEY:
            raise ValueError("the checkpoint's index has a name without end")
        key = key[:shared] + block[position : position + fresh]
        position += fresh
        yield key, block[position : position + length]
        position += length
