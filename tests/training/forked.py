"""Commands in processes of their own, forked from one that has TensorFlow: to import it takes seconds."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from detector.commands.cli import main

# Elsewhere TensorFlow, or the system, does not survive a fork.
_CONTEXT = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
_MODULES = ("detector.model", "detector.training.run", "detector.training.record_writer", "detector.runtime")
if sys.platform == "linux":
    _CONTEXT.set_forkserver_preload([*_MODULES, "detector.commands.cli", __name__])


class Forked:
    """A process that calls a function with its arguments, as ``subprocess.Popen`` is one.

    Args:
        function: one that can be imported.
        arguments: what it is called with, as text.
        environment: more environment variables.
    """

    def __init__(
        self, function: Callable[[list[str]], object], *arguments: object, **environment: str
    ) -> None:
        self._streams = TemporaryDirectory()
        out, err = (Path(self._streams.name, name) for name in ("out", "err"))
        self._paths = (out, err)
        words = [str(argument) for argument in arguments]
        self._process = _CONTEXT.Process(
            target=_call, args=(function, words, out, err, {**os.environ, **environment}, os.getcwd())
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """Wait for its end; what it has printed, and its errors."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self.kill()
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        out, err = (path.read_text() for path in self._paths)
        self._streams.cleanup()
        return out, err


def run_forked(
    function: Callable[[list[str]], object], *arguments: object, **environment: str
) -> subprocess.CompletedProcess[str]:
    """What a function does in a process of its own."""
    process = Forked(function, *arguments, **environment)
    out, err = process.communicate()
    assert process.returncode is not None
    return subprocess.CompletedProcess([], process.returncode, out, err)


def ssdlite(arguments: list[str]) -> None:
    """The command."""
    main(arguments)


def _call(
    function: Callable[[list[str]], object],
    arguments: list[str],
    out: Path,
    err: Path,
    environment: Mapping[str, str],
    folder: str,
) -> None:
    """Call a function as if this process had just begun, and end as a process does."""
    for path, descriptor in ((out, 1), (err, 2)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, descriptor)
        os.close(opened)
    # Ctrl-C reaches it, also where the parent of the tests ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    try:
        function(arguments)
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()
