"""The tensors of a PyTorch checkpoint (``.pth``), read without PyTorch and without running what is in it.

Such a file is a pickle: a program that builds objects by calling what it names. Here that program is read by
an interpreter that knows a state dict's few instructions and calls nothing: all that it can build are
numbers, texts, tuples, lists, dicts and references to stretches of bytes. All else is refused.

Source: torch/serialization.py, ``save`` (since 1.6 a zip archive) and ``_legacy_save``.
"""

from __future__ import annotations

import math
import os
import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.system.reading import parsing, read_whole
from detector.system.zip_files import opened_zip, read_member

_MOST_BYTES = 1 << 28
_MOST_PICKLE = 1 << 22  # that of MobileNetV2 has 50 kB
_MOST_VALUES = 1 << 24  # of one tensor
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_REBUILD, _DICT = "torch._utils _rebuild_tensor_v2", "collections OrderedDict"
_STORAGES: dict[str, np.dtype[Any]] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch DoubleStorage": np.dtype("<f8"),
    "torch LongStorage": np.dtype("<i8"),
}
_PASSIVE = ("PROTO", "FRAME")


@dataclass(frozen=True)
class _Name:
    """A function or a class that the pickle names; it is never looked up."""

    text: str


@dataclass(frozen=True)
class _Storage:
    dtype: np.dtype[Any]
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]


def read_torch_tensors(path: Path) -> dict[str, FloatArray]:
    """The tensors of float type of a state dict, by name, in their order.

    Raises:
        WeightsError: no such file, damaged, or with anything in it but tensors.
    """
    data = read_whole(path, _MOST_BYTES, WeightsError)
    sentence = f"{path} is damaged or is no state dict of PyTorch with tensors alone"
    if data.startswith(b"PK"):
        with opened_zip(BytesIO(data), sentence, WeightsError) as archive:
            (program,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            folder = os.path.dirname(program)
            order = f"{folder}/byteorder"
            if order in archive.namelist() and read_member(archive, order, 9) != b"little":
                raise ValueError("its numbers are big-endian")
            state = _run(BytesIO(read_member(archive, program, _MOST_PICKLE)))
            tensors = _tensors_of(state)
            keys = {tensor.storage.key for tensor in tensors.values()}
            stored = {key: read_member(archive, f"{folder}/data/{key}", _MOST_BYTES) for key in keys}
            return {name: _values(tensor, stored) for name, tensor in tensors.items() if _is_float(tensor)}
    with parsing(sentence, WeightsError):
        state, stored = _read_legacy(data)
        return {
            name: _values(tensor, stored) for name, tensor in _tensors_of(state).items() if _is_float(tensor)
        }


def _read_legacy(data: bytes) -> tuple[object, dict[str, bytes]]:
    """The state dict, and the bytes of each storage, of a file from before PyTorch 1.6."""
    position, pickles = 0, []
    for _ in range(5):
        stream = BytesIO(data[position : position + _MOST_PICKLE])
        pickles.append(_run(stream))
        position += stream.tell()
    magic, protocol, system, state, keys = pickles
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise ValueError("it does not start as a file of PyTorch does")
    if not isinstance(system, dict) or system.get("little_endian") is not True or not isinstance(keys, list):
        raise ValueError("its numbers are big-endian")
    storages = {tensor.storage.key: tensor.storage for tensor in _tensors_of(state).values()}
    stored = {}
    for key in keys:
        count = int.from_bytes(data[position : position + 8], "little")
        storage = storages[key]
        size = count * storage.dtype.itemsize
        if count != storage.count or position + 8 + size > len(data):
            raise ValueError("it is cut short")
        stored[key] = data[position + 8 : position + 8 + size]
        position += 8 + size
    return state, stored


def _tensors_of(state: object) -> dict[str, _Tensor]:
    if not isinstance(state, dict) or not state:
        raise ValueError("it holds no dict of tensors")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, _Tensor):
            raise ValueError(f"{name!r:.60} in it is no tensor")
    return state


def _is_float(tensor: _Tensor) -> bool:
    return tensor.storage.dtype.kind == "f"


def _values(tensor: _Tensor, stored: dict[str, bytes]) -> FloatArray:
    storage = tensor.storage
    data = stored[storage.key]
    count = math.prod(tensor.shape)
    if len(data) != storage.count * storage.dtype.itemsize or tensor.offset + count > storage.count:
        raise ValueError("a tensor lies outside of its storage")
    values = np.frombuffer(data, storage.dtype, count, tensor.offset * storage.dtype.itemsize)
    return np.asarray(values.reshape(tensor.shape), np.float32)


def _run(stream: BytesIO) -> object:
    """What a pickle builds; the stream is after its end then.

    Raises:
        ValueError: an instruction or a name that no state dict has.
    """
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "STOP":
            return machine.pop()
        machine.step(opcode.name, argument)
    raise ValueError("it has no end")


class _Machine:
    """The stack machine of pickles, without what calls, imports or sets anything.

    Source: Python's ``pickletools``, which describes each instruction.
    """

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def pop(self) -> Any:
        """The uppermost value."""
        if not self._stack or (self._marks and len(self._stack) <= self._marks[-1]):
            raise ValueError("it takes what is not there")
        return self._stack.pop()

    def step(self, name: str, argument: Any) -> None:
        """Follow one instruction."""
        if name in _PASSIVE:
            return
        if name in _PUSHED:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name == "MARK":
            self._marks.append(len(self._stack))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = self._top()
        elif name in ("BINGET", "LONG_BINGET"):
            self._stack.append(self._memo[argument])
        elif name == "GLOBAL":
            self._stack.append(_allowed(argument))
        elif name in ("EMPTY_DICT", "EMPTY_LIST"):
            self._stack.append({} if name == "EMPTY_DICT" else [])
        elif name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
            count = None if name == "TUPLE" else int(name[-1])
            values = self._to_mark() if count is None else [self.pop() for _ in range(count)][::-1]
            self._stack.append(tuple(values))
        elif name in ("SETITEM", "SETITEMS"):
            values = self._to_mark() if name == "SETITEMS" else [self.pop(), self.pop()][::-1]
            self._container(dict).update(zip(values[::2], values[1::2], strict=True))
        elif name in ("APPEND", "APPENDS"):
            values = self._to_mark() if name == "APPENDS" else [self.pop()]
            self._container(list).extend(values)
        elif name == "BINPERSID":
            self._stack.append(_storage(self.pop()))
        elif name == "REDUCE":
            arguments, function = self.pop(), self.pop()
            self._stack.append(_build(function, arguments))
        elif name == "BUILD":  # of a state dict: the versions of its modules
            self.pop()
            self._container(dict)
        else:
            raise ValueError(f"the instruction {name} in it")

    def _top(self) -> Any:
        value = self.pop()
        self._stack.append(value)
        return value

    def _container(self, kind: type) -> Any:
        value = self._top()
        if type(value) is not kind:
            raise ValueError(f"it fills a {type(value).__name__} as if it were a {kind.__name__}")
        return value

    def _to_mark(self) -> list[Any]:
        if not self._marks:
            raise ValueError("it takes what is not there")
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values


_PUSHED = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE")
_CONSTANTS: dict[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}


def _allowed(text: str) -> _Name:
    if text not in (_REBUILD, _DICT, *_STORAGES):
        raise ValueError(f"it would call {text.replace(' ', '.')!r:.90}")
    return _Name(text)


def _storage(reference: Any) -> _Storage:
    """What a state dict says of a stretch of bytes: a tuple of "storage", type, key, device and count."""
    word, kind, key, _, count, *_ = reference
    if word != "storage" or not isinstance(kind, _Name) or not isinstance(key, str):
        raise ValueError("it refers to something that is no storage")
    return _Storage(_STORAGES[kind.text], key, _count(count))


def _build(function: Any, arguments: Any) -> object:
    if function == _Name(_DICT) and arguments == ():
        return {}
    if function != _Name(_REBUILD):
        raise ValueError("it would call something with arguments of its own")
    storage, offset, shape, strides, *_ = arguments
    shape = tuple(_count(size) for size in shape)
    if not isinstance(storage, _Storage) or math.prod(shape) > _MOST_VALUES:
        raise ValueError("a tensor in it is too large")
    if math.prod(shape) and tuple(strides) != tuple(_row_by_row(shape)):
        raise ValueError("a tensor in it does not lie row by row")
    return _Tensor(storage, _count(offset), shape)


def _row_by_row(shape: tuple[int, ...]) -> Iterator[int]:
    for axis in range(len(shape)):
        yield math.prod(shape[axis + 1 :])


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ValueError("a size in it is none")
    return value
