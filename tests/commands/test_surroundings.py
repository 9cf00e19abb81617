"""Terminals, pipes, encodings and folders that are not as they should be; and Ctrl-C at any moment."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from detector.commands.cli import cli
from detector.data.sample import SAMPLE_FOLDER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="shells, signals, /dev and /proc are those of Linux"),
    pytest.mark.usefixtures("released_weights"),
]
COMMAND = f"{shlex.quote(sys.executable)} -m detector"
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


# Sends Ctrl-C to itself when it imports a module, and then goes on.
INTERRUPTED = """
import os, signal, sys
wanted = sys.argv[1]
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == wanted and self in sys.meta_path:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
from detector.commands.entry import main
sys.argv[:2] = ["ssdlite"]
main()
"""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("click", "detect"),
        ("detector.commands.cli", "eval"),
        ("detector.commands.detect", "detect"),
        ("numpy", "detect"),
        ("cv2", "eval"),
        ("tqdm", "detect"),
        ("detector.runtime.model_file", "bench"),
        ("ai_edge_litert", "detect"),
        ("pycocotools", "eval"),
        ("detector.evaluation.coco_results", "detect"),
        ("aiohttp", "demo --source {folder} --web --port 0"),
    ],
)
def test_ctrl_c_at_any_import(here: Path, module: str, command: str) -> None:
    words = command.format(folder=here).split()
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, *words], cwd=here, capture_output=True, timeout=120
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    early = module in ("click", "detector.commands.cli")  # before there is a command that could answer
    assert done.returncode == (-signal.SIGINT if early else 130)
    assert done.stderr.endswith(b"" if early else b"Stopped.\n")
    assert not [path for path in here.rglob(".*") if path.is_file()]  # temporary names


def test_the_help_of_every_command_on_a_narrow_terminal(here: Path) -> None:
    for command in COMMANDS:
        assert shell(f"ssdlite {command} --help", here, COLUMNS="20").returncode == 0
