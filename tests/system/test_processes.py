"""Modules in the current folder that are called as those that are needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from detector.data.sample import SAMPLE_FOLDER
from detector.system.processes import code_command, module_command

ROOT = Path(__file__).parents[2]
WRITES = "import pathlib; pathlib.Path(__file__).with_name('imported').touch(); raise SystemExit(7)\n"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder whose modules leave a trace when they are imported."""
    names = ("cv2", "numpy", "runpy", "tqdm", "click", "pathlib", "encodings", "subprocess", "json")
    for name in names:
        (tmp_path / f"{name}.py").write_text(WRITES)
    (tmp_path / "detector").mkdir()
    (tmp_path / "detector" / "__init__.py").write_text(WRITES)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        code_command("import cv2, numpy, detector.images"),
        module_command("detector.commands.cli", "weights", "list"),
    ],
    ids=["code", "module"],
)
@pytest.mark.parametrize("safe", ["", "1"])
def test_our_processes_import_nothing_from_the_current_folder(
    hostile: Path, command: list[str], safe: str
) -> None:
    environment = {**os.environ, "PYTHONSAFEPATH": safe}
    subprocess.run(command, cwd=hostile, check=True, capture_output=True, env=environment)
    assert not (hostile / "imported").exists()


def test_python_code_of_ours_is_started_with_these_commands_alone() -> None:
    for path in (ROOT / "detector").rglob("*.py"):
        started = 'sys.executable, "-c"' in path.read_text() or 'sys.executable, "-m"' in path.read_text()
        assert not started or path.name == "processes.py", path


def test_the_command_is_immune(hostile: Path) -> None:
    program = Path(sys.executable).with_name("ssdlite")
    if not program.exists():
        pytest.skip("the command is not installed beside this Python")
    command = [program, "detect", SAMPLE_FOLDER / "absent.jpg"]
    done = subprocess.run(command, cwd=hostile, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.startswith("Error: There is no image")) == (2, True), done.stderr
    assert not (hostile / "imported").exists()


@pytest.mark.parametrize("name", ["cv2", "numpy"])
@pytest.mark.parametrize(
    "start", ["from detector import Detector", "from detector.commands.cli import main; main([])"]
)
def test_a_file_that_hides_a_package_is_named(tmp_path: Path, name: str, start: str) -> None:
    (tmp_path / f"{name}.py").write_text(WRITES)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": ""}
    command = [sys.executable, "-c", start]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode in (1, 2)
    assert f"{tmp_path / name}.py hides the package {name}" in done.stderr
    assert not (tmp_path / "imported").exists()
