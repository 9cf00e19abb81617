"""One network for any number of threads, in the process that opened it and in those that are forked."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from detector.errors import BackendError
from detector.input_sizes import SizeHW
from detector.runtime.backend import NOT_FORKED, Backend, ModelOpener, open_backend
from detector.runtime.model_file import ModelFile
from detector.spec import ModelSpec


class Splitting(Protocol):
    """A backend, of a detector or of a classifier."""

    def split(self, count: int) -> Sequence[Any]:
        """``count`` backends of the same model, for as many callers at once, with one thread for each."""
        ...


B = TypeVar("B", bound=Splitting)


class SharedNetwork(Generic[B]):
    """A backend that threads use in turns, and backends of the same model for the workers of batches.

    A runtime's threads do not survive a fork: in the child, a network waits for them for ever, and so does
    its end. There the inherited backends are left alone, and the first use opens the model again.

    Args:
        backend: runs the network, for one caller at a time.
        open_again: opens another such backend, also in a process of its own.
        name: of the backend, if it has one.
    """

    def __init__(self, backend: B, open_again: Callable[[], B] | None = None, name: str = "") -> None:
        self._backend: B | None = backend
        self._open_again = open_again
        self.name = name
        self._idle: list[B] = []
        self._workers: weakref.WeakSet[B] = weakref.WeakSet()
        self._taking = threading.Lock()
        self._turn = threading.Lock()
        _networks.add(self)

    @property
    def backend(self) -> B:
        """The backend, for a caller that knows that nobody else uses it."""
        with self._taking:
            if self._backend is None:
                self._backend = self._open_in_fork()
            return self._backend

    def resized(self: SharedNetwork[Backend], input_hw: SizeHW) -> tuple[SharedNetwork[Backend], ModelSpec]:
        """The same network for another input size, opened anew, and its spec.

        Raises:
            ModelError: the model has one size, is gone, or is another one by now.
            BackendError: it was not made by ``Detector.load``.
        """
        if not isinstance(self._open_again, ModelOpener):
            raise BackendError("A Detector that was not made by Detector.load has one input size.")
        opener = self._open_again.resized(input_hw)
        return SharedNetwork(opener(), opener, self.name), opener.spec

    @contextmanager
    def turn(self) -> Iterator[B]:
        """The backend, nobody else's until the block ends. Its outputs may be its own memory: keep none."""
        with self._turn:
            yield self.backend

    def take_workers(self, count: int) -> Sequence[B]:
        """So many backends with a thread each: those that are idle, and new ones if they are too few."""
        backend = self.backend
        with self._taking:
            taken, self._idle = self._idle[:count], self._idle[count:]
        if len(taken) < count:
            made = backend.split(count - len(taken))
            self._workers.update(made)
            taken = [*taken, *made]
        return taken

    def give_back(self, workers: Sequence[B]) -> None:
        """Keep workers for the next batch: as many as one batch has, however many batches ran at once."""
        with self._taking:
            if all(worker in self._workers for worker in workers):  # none is from before a fork
                self._idle = max(self._idle, list(workers), key=len)

    def leave_inherited(self) -> None:
        """Forget, in a forked process, what was opened before the fork, without ending it."""
        for inherited in (self._backend, *self._workers):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))  # for ever: ending it would never end
        self._backend = None
        self._idle = []
        self._workers = weakref.WeakSet()
        self._taking = threading.Lock()  # others may have held them when the process was forked
        self._turn = threading.Lock()

    def _open_in_fork(self) -> B:
        not_forked = NOT_FORKED.get(self.name)
        if not_forked or self._open_again is None:
            reason = not_forked or "it was not made by Detector.load"
            raise BackendError(f"What was opened before a fork cannot be used in the child here: {reason}.")
        return self._open_again()

    def __reduce__(self) -> tuple[Callable[..., SharedNetwork[B]], tuple[Callable[[], B], str]]:
        if self._open_again is None:
            raise BackendError("A Detector that was not made by Detector.load cannot be copied or pickled.")
        return _open, (self._open_again, self.name)


def open_network(model: ModelFile, backend: str | None, threads: int) -> SharedNetwork[Backend]:
    """A network that is opened again after a fork.

    Raises:
        DetectorError: see ``open_backend``.
    """
    name, opened = open_backend(model, backend, threads)
    return SharedNetwork(opened, ModelOpener.of(model, name, threads), name)


def _open(open_again: Callable[[], B], name: str) -> SharedNetwork[B]:
    return SharedNetwork(open_again(), open_again, name)


_networks: weakref.WeakSet[SharedNetwork[Any]] = weakref.WeakSet()


def _leave_inherited() -> None:
    for network in _networks:
        network.leave_inherited()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_leave_inherited)
