"""Help, options, and what is refused before any work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from detector.commands.cli import cli
from detector.data.sample import SAMPLE_FOLDER
from detector.version import __version__
from tests.commands.running import (
    Run,
)


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(_commands(cli)), ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(run: Run, path: tuple[str, ...], option: str) -> None:
    outcome = run(*path, option)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"Usage: {' '.join(('ssdlite', *path))} ")


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("script", ["eval_coco.py", "demo_webcam.py"])
def test_help_of_the_scripts(script: str, option: str) -> None:
    path = Path(__file__).parents[2] / script
    done = subprocess.run([sys.executable, path, option], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: {script} ")


def test_version(run: Run) -> None:
    outcome = run("--version")
    assert outcome.code == 0
    assert __version__ in outcome.out


def test_help_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "detector.commands.cli", "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "eval" in done.stdout


def test_help_needs_no_heavy_import() -> None:
    program = (
        "import sys; from detector.commands.cli import main; main(['eval', '--help'])\n"
        "print(sorted({'numpy', 'cv2', 'ai_edge_litert', 'pycocotools'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_help_of_no_command_needs_a_heavy_import() -> None:
    heavy = {"numpy", "cv2", "tqdm", "yaml", "aiohttp", "ai_edge_litert", "pycocotools", "importlib.metadata"}
    program = (
        "import contextlib, sys; from detector.commands.cli import main\n"
        f"for path in {[list(path) for path in _commands(cli)]}:\n"
        "    with contextlib.suppress(SystemExit): main([*path, '--help'])\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("eval", "--nonsense"), ("weights", "nonsense")])
def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments)
    assert outcome.code == 2
    assert "Usage: ssdlite" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("command", ["eval", "detect"])
def test_nan_is_no_threshold(run: Run, model: Path, command: str) -> None:
    sources = [SAMPLE_FOLDER] if command == "detect" else []
    outcome = run(command, *sources, "--model", model, "--score-threshold", "nan")
    assert outcome.code == 2
    assert "not nan" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("detect", "/dev/zero"),
        ("eval", "--threads", "99999"),
        ("eval", "--max-detections", "999999999"),
        ("data", "coco", "folder", "--server", "foo"),
    ],
)
def test_what_would_never_end_or_crash_is_refused(
    run: Run, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run(*arguments)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


def test_names_that_the_command_repeats_to_start_quickly_are_the_real_ones() -> None:
    from detector.commands import demo_options, options
    from detector.commands.demo import demo_command
    from detector.commands.detect import detect_command
    from detector.pretrained.releases import DEFAULT_MODEL
    from detector.runtime import BACKENDS
    from detector.spec import DEFAULT_SCORE_THRESHOLD
    from detector.video import settings

    assert (demo_options.AUTO, demo_options.DEFAULT_FPS) == (settings.AUTO, settings.DEFAULT_FPS)
    assert options.DEFAULT_MODEL == DEFAULT_MODEL
    assert tuple(BACKENDS) == options.BACKEND_NAMES
    thresholds = {option.name: option.default for option in demo_command.params}
    assert thresholds["score_threshold"] == DEFAULT_SCORE_THRESHOLD
    helps = {option.name: getattr(option, "help", None) for option in detect_command.params}
    assert f"else {DEFAULT_SCORE_THRESHOLD}]" in str(helps["score_threshold"])
