"""Terminals, pipes, encodings and folders that are not as they should be; and Ctrl-C at any moment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from detector.commands.cli import cli
from detector.data.sample import SAMPLE_FOLDER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="shells, signals and /dev are those of Unix"),
    pytest.mark.usefixtures("released_weights"),
]
COMMAND = f"{sys.executable} -m detector"
COMMANDS = cli.list_commands(click.Context(cli))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a cup, in whose name there are letters beyond ASCII."""
    shutil.copy(SAMPLE_FOLDER / "coffee.jpg", tmp_path / "Tasse ü 猫.jpg")
    return tmp_path


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        ["bash", "-c", line.replace("ssdlite", COMMAND)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
    )
    assert b"Traceback" not in done.stdout + done.stderr, done.stderr.decode(errors="replace")
    assert b"Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"COLUMNS": "12", "LINES": "3"},
        {"TERM": "dumb", "NO_COLOR": "1"},
    ],
    ids=lambda environment: next(iter(environment.items()))[1],
)
def test_encodings_and_terminals(here: Path, environment: dict[str, str]) -> None:
    done = shell("ssdlite detect *.jpg", here, **environment)
    assert done.returncode == 0, done.stderr
    assert b"1 cup" in done.stdout
    assert shell("ssdlite detect --help", here, **environment).returncode == 0


@pytest.mark.parametrize(
    "command", ["--help", "eval", "detect *.jpg", "train --show-config", "cache", "weights list"]
)
def test_a_reader_that_has_enough(here: Path, command: str) -> None:
    done = shell(f"set -o pipefail; ssdlite {command} | head -c 1", here)
    assert done.returncode == 0
    assert done.stderr.count(b"\n") <= 1


@pytest.mark.parametrize("command", ["--help", "eval", "detect *.jpg"])
@pytest.mark.parametrize("where", [">/dev/full", ">&-", "2>&-", ">&- 2>&-", "</dev/null", "<&-"])
def test_streams_that_cannot_be_written(here: Path, command: str, where: str) -> None:
    code = shell(f"ssdlite {command} {where}", here).returncode
    # What detect finds is in its files: that nobody sees the lines is no failure.
    assert code == (2 if "full" in where and "detect" not in command else 0)


@pytest.mark.parametrize(
    ("line", "environment", "code", "said"),
    [
        (
            "ssdlite detect *.jpg",
            {"HOME": "/proc/nobody", "XDG_CACHE_HOME": "/proc/nobody"},
            2,
            "SSDLITE_CACHE",
        ),
        ("ssdlite weights fetch", {"SSDLITE_CACHE": "/proc/nobody"}, 2, "/proc/nobody"),
        ("ssdlite detect *.jpg", {"TMPDIR": "/proc/nobody"}, 0, ""),
        ("mkdir gone; cd gone; rmdir ../gone; ssdlite detect", {}, 2, ""),
        ("mkdir gone; cd gone; rmdir ../gone; ssdlite --help", {}, 0, ""),
        ("cd /proc; ssdlite detect", {}, 2, "output"),
        ("cd /proc; ssdlite eval", {}, 0, ""),
        ("cd /proc; ssdlite train /proc/1", {}, 2, ""),
        ("ulimit -f 1; ssdlite detect *.jpg", {}, 2, "Cannot write"),
    ],
)
def test_places(here: Path, line: str, environment: dict[str, str], code: int, said: str) -> None:
    environment = {"SSDLITE_CACHE": ""} | environment if "HOME" in environment else environment
    done = shell(line, here, **environment)
    assert done.returncode == code, done.stderr
    assert said in done.stderr.decode()


@pytest.mark.parametrize("delay", [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5])
@pytest.mark.parametrize("command", ["detect", "eval", "bench --seconds 1 --starts 1"])
def test_ctrl_c_in_the_first_half_second(here: Path, command: str, delay: float) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*COMMAND.split(), *command.split()], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    # While Python itself starts nobody can answer, and a run that was quicker is over.
    assert b"detector/commands" not in err, err.decode(errors="replace")
    assert process.returncode in (130, -signal.SIGINT, 0) or b"KeyboardInterrupt" in err
    assert not [path for path in here.rglob(".*") if path.is_file()]  # temporary names


def test_the_help_of_every_command_on_a_narrow_terminal(here: Path) -> None:
    for command in COMMANDS:
        assert shell(f"ssdlite {command} --help", here, COLUMNS="20").returncode == 0
