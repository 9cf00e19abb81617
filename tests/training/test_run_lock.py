"""One process at a time has a run, and none has it once it is gone."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from detector.errors import DetectorError
from detector.training.run_lock import LOCK_NAME, RunInUseError, locked

fcntl = pytest.importorskip("fcntl")
HOLD = """
import sys, pathlib
from detector.training.run_lock import locked
with locked(pathlib.Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the run."""
    command = [sys.executable, "-c", HOLD, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        expected = f"is being trained by process {process.pid} on {socket.gethostname()}"
        with pytest.raises(RunInUseError, match=expected), locked(tmp_path, print):
            pytest.fail("two had it")


def test_kill_releases_it(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with locked(tmp_path, print):
            assert json.loads((tmp_path / LOCK_NAME).read_text())["pid"] == os.getpid()


def test_it_can_be_had_again_and_again_but_not_twice_at_once(tmp_path: Path) -> None:
    for _ in range(2):
        with (
            locked(tmp_path, print),
            pytest.raises(RunInUseError, match=str(os.getpid())),
            locked(tmp_path, print),
        ):
            pytest.fail("it was had twice")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "x", "host": 1}', "\x00" * 50, "[" * 5000])
def test_whatever_an_old_lock_says_it_is_taken_and_refused_in_a_sentence(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / LOCK_NAME
    path.write_text(content)
    with locked(tmp_path, print):
        path.write_text(content)
        with (
            pytest.raises(RunInUseError, match="is being trained by another process"),
            locked(tmp_path, print),
        ):
            pytest.fail("it was had twice")


def test_a_lock_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).mkdir()
    with pytest.raises(DetectorError, match="Cannot write"), locked(tmp_path, print):
        pytest.fail("it was had")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    said: list[str] = []
    with locked(tmp_path, said.append):
        assert len(said) == 1
    assert "has no locks; start no second training" in said[0]
