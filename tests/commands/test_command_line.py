"""What holds for every command: options that are given once, and streams that are not as usual."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from detector.commands.cli import cli
from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import Run, assert_mistake

PHOTO = SAMPLE_FOLDER / "astronaut.jpg"


def _commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


OPTIONS = [
    (path, option)
    for path, command in _commands(cli)
    for option in command.params
    if isinstance(option, click.Option) and not option.is_flag
]


@pytest.mark.parametrize(
    ("path", "option"), OPTIONS, ids=[f"{' '.join(path)} {option.opts[0]}" for path, option in OPTIONS]
)
def test_an_option_with_one_value_is_given_once(
    run: Run, path: tuple[str, ...], option: click.Option
) -> None:
    command = dict(_commands(cli))[path]
    values = ["x"] * sum(isinstance(one, click.Argument) and one.required for one in command.params)
    twice = [option.opts[0], "x", option.opts[-1], "x"]  # by two of its names, where it has them
    if option.multiple:
        assert "give it once" not in run(*path, *values, *twice, "--nonsense").err
    else:
        assert f"{option.opts[0]} is given 2 times" in assert_mistake(run(*path, *values, *twice))


def test_a_flag_may_be_repeated_but_not_contradicted(run: Run) -> None:
    assert "--baselines/--no-baselines" in assert_mistake(run("bench", "--no-baselines", "--baselines"))
    assert "Cannot read the source" in assert_mistake(run("demo", "--source", "nowhere", "--web", "--web"))


def _start(
    arguments: list[object], closed: tuple[int, ...] = (), **environment: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "detector.commands.cli", *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: [os.close(number) for number in closed],
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows numbers its streams otherwise")
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_streams_may_be_closed(closed: tuple[int, ...], model: Path, tmp_path: Path) -> None:
    lines = tmp_path / "out.jsonl"
    options = ["--headless", "--model", model, "--jsonl", lines]
    process = _start(["demo", "--source", PHOTO, *options], closed)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert lines.read_text().count("\n") == 2
    process = _start(["demo", "--source", "nowhere", *options], closed)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert 2 in closed or err.startswith(b"Error: Cannot read the source nowhere")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp932", "utf-8"])
def test_a_name_that_the_stream_cannot_encode(encoding: str, model: Path, tmp_path: Path) -> None:
    place = tmp_path / "Fußgänger 猫 \udcff.jpg"
    place.write_bytes(PHOTO.read_bytes())
    output = tmp_path / "out"
    process = _start(
        ["detect", tmp_path, "--model", model, "--output", output], PYTHONIOENCODING=encoding, PYTHONUTF8="0"
    )
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert (output / "detections.json").exists()
    process = _start(["detect", tmp_path / "猫 \udcff.png", "--model", model], PYTHONIOENCODING=encoding)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.count(b"Error: "), b"Traceback" in err) == (2, 1, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_is_full(stream: str) -> None:
    arguments = ["weights", "list"] if stream == "stdout" else ["demo", "--source", "nowhere"]
    with Path("/dev/full").open("wb") as full:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        ended = subprocess.run(
            [sys.executable, "-m", "detector.commands.cli", *arguments], **streams, check=False, timeout=60
        )
    assert ended.returncode == 2
    if stream == "stdout":
        assert ended.stderr.startswith(b"Error: ")
        assert ended.stderr.count(b"\n") == 1
