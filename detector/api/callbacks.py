"""What ``train`` calls while it trains: objects of a program's own, as loggers are."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from detector.errors import ArgumentError
from detector.system.bounds import shown
from detector.training.job import Progress, StopError

if TYPE_CHECKING:
    from detector.api.training import TrainedRun

_METHODS = ("on_step", "on_evaluation", "on_end")
_EXPECTED = "Expected callbacks to be a list of objects with on_step, on_evaluation or on_end"


class OnStep(Protocol):
    """What wants to know how the losses fall."""

    def on_step(self, progress: Progress, /) -> object:
        """Take the ``losses``; called every few seconds, after a step."""


class OnEvaluation(Protocol):
    """What wants to know how good the weights are."""

    def on_evaluation(self, progress: Progress, /) -> object:
        """Take the ``metrics``; called after each evaluation."""


class OnEnd(Protocol):
    """What wants to have the trained model."""

    def on_end(self, run: TrainedRun, /) -> object:
        """Take the run; called once, when it has come to its end."""


Callback = OnStep | OnEvaluation | OnEnd


class Callbacks:
    """The methods of the callbacks of a run, checked.

    Args:
        callbacks: the objects, in the order in which they are called.

    Attributes:
        failure: what one of them raised while the run was trained; None as long as none did.

    Raises:
        ArgumentError: one has none of the methods, or one that cannot be called with one argument.
    """

    def __init__(self, callbacks: Iterable[Callback]) -> None:
        if not isinstance(callbacks, Iterable):
            raise ArgumentError(f"{_EXPECTED}, not {shown(callbacks)}.")
        self._callbacks = tuple(callbacks)
        for callback in self._callbacks:
            _check(callback)
        self.failure: BaseException | None = None

    def tell(self, progress: Progress) -> None:
        """Call ``on_evaluation`` of all for metrics, ``on_step`` for losses.

        Raises:
            StopError: one of them raised something, which is ``failure`` now.
        """
        try:
            self._call("on_evaluation" if progress.metrics else "on_step", progress)
        except BaseException as error:  # Ctrl-C, too, and sys.exit()
            self.failure = error
            raise StopError from error

    def end(self, run: TrainedRun) -> None:
        """Call ``on_end`` of all."""
        self._call("on_end", run)

    def _call(self, method: str, argument: object) -> None:
        for callback in self._callbacks:
            if hasattr(callback, method):
                getattr(callback, method)(argument)


def _check(callback: object) -> None:
    if isinstance(callback, type):
        raise ArgumentError(f"{_EXPECTED}; {callback.__name__} is a class: give {callback.__name__}().")
    methods = [method for method in _METHODS if hasattr(callback, method)]
    if not methods:
        raise ArgumentError(f"{_EXPECTED}; {shown(callback)} has none of them.")
    for method in methods:
        if not _takes_one_argument(getattr(callback, method)):
            raise ArgumentError(
                f"Expected {method} of {shown(callback)} to be a method that takes one argument, "
                f"{'the run' if method == 'on_end' else 'the progress'}."
            )


def _takes_one_argument(method: object) -> bool:
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind(None)
    except TypeError:
        return False
    except ValueError:  # a built-in one need not have a signature
        return True
    return True
