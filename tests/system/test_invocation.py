"""What people are told to type is in the way in which they started the program."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from detector.system import invocation

ROOT = Path(__file__).parents[2]
URL = ROOT.as_uri()


class Installed:
    """A distribution with what installers write beside it."""

    def __init__(self, installer: str | None, url: str | None) -> None:
        self._texts = {"INSTALLER": installer, "direct_url.json": json.dumps({"url": url}) if url else None}

    def read_text(self, name: str) -> str | None:
        return self._texts[name]


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The programs of an environment that is not on the path, started from an empty folder."""
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    for name in ("python", "ssdlite"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setattr(sys, "prefix", str(folder.parent))
    monkeypatch.setenv("PATH", "/usr/bin")
    for name in ("UV", "UV_RUN_RECURSION_DEPTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(invocation, "_distribution", lambda: Installed("pip", URL))
    monkeypatch.chdir(tmp_path)
    return folder


def start(monkeypatch: pytest.MonkeyPatch, program: object, **environment: str) -> None:
    monkeypatch.setattr(sys, "argv", [str(program), "eval"])
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_an_environment_that_is_activated(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, bin_folder / "ssdlite", PATH=f"{bin_folder}:/usr/bin")
    assert invocation.command("train", "my photos", "--set", "a=1") == "ssdlite train 'my photos' --set a=1"
    assert invocation.with_extra("train") == f"`pip install '{ROOT}[train]'`"
    monkeypatch.chdir(ROOT)
    assert invocation.with_extra("train") == "`pip install '.[train]'`"


def test_another_program_of_the_environment(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bin_folder / "tensorboard").write_text("#!/bin/sh\n")
    (bin_folder / "tensorboard").chmod(0o755)
    start(monkeypatch, bin_folder / "ssdlite")
    assert invocation.program("tensorboard", "--logdir", "a b") == f"{bin_folder}/tensorboard --logdir 'a b'"
    monkeypatch.setenv("PATH", str(bin_folder))
    assert invocation.program("tensorboard") == "tensorboard"
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    assert invocation.program("tensorboard") == "uv run tensorboard"


def test_a_command_by_its_path(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, "venv/bin/ssdlite")
    assert invocation.command("doctor") == "venv/bin/ssdlite doctor"


def test_another_installation_on_the_path_is_not_taken_for_this(
    bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "ssdlite").write_text("#!/bin/sh\n")
    (other / "ssdlite").chmod(0o755)
    start(monkeypatch, bin_folder / "ssdlite", PATH=str(other))
    assert invocation.command("doctor") == f"{bin_folder / 'ssdlite'} doctor"


@pytest.mark.parametrize("program", ["", "notebook.py", "eval_coco.py"])
def test_from_a_python_program(bin_folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    start(monkeypatch, program)
    assert invocation.command("doctor") == f"{bin_folder / 'python'} -m detector doctor"
    monkeypatch.setenv("PATH", str(bin_folder))
    assert invocation.command("doctor") == "ssdlite doctor"


def test_as_a_module(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, ROOT / "detector" / "__main__.py", PATH=str(bin_folder))
    assert invocation.command("doctor") == "python -m detector doctor"


@pytest.mark.parametrize(
    ("program", "inside", "expected"),
    [
        (".venv/bin/ssdlite", True, "uv run ssdlite"),
        ("eval_coco.py", True, "uv run ssdlite"),
        (f"{ROOT}/demo_webcam.py", False, f"uv run --project {ROOT} ssdlite"),
    ],
)
def test_by_uv_run(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, inside: bool, expected: str
) -> None:
    start(monkeypatch, program, UV="/bin/uv", UV_RUN_RECURSION_DEPTH="1")
    if inside:
        monkeypatch.chdir(ROOT)
    assert invocation.command("doctor") == f"{expected} doctor"
    with_extra = expected.replace(" ssdlite", " --extra live ssdlite")
    assert invocation.with_extra("live") == f"start it as `{with_extra} ...`"


def test_by_uvx(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/cache/uv/archive-v0/zndld")
    start(monkeypatch, "/cache/uv/archive-v0/zndld/bin/ssdlite", UV="/bin/uv")
    assert invocation.command("doctor") == f"uvx --from {ROOT} ssdlite doctor"
    assert invocation.with_extra("live") == f"start it as `uvx --from '{ROOT}[live]' ssdlite ...`"
    monkeypatch.setattr(invocation, "_distribution", lambda: Installed("uv", None))
    assert invocation.command("doctor") == "uvx ssdlite doctor"


@pytest.mark.parametrize(
    ("installer", "url", "expected"),
    [
        ("pip", None, "pip install 'ssdlite[onnx]'"),
        ("uv", None, "uv pip install 'ssdlite[onnx]'"),
        ("pip", "file:///a/ssdlite-1-py3-none-any.whl", None),
        ("pip", "git+https://host/x/y", "pip install 'ssdlite[onnx] @ git+https://host/x/y'"),
    ],
)
def test_extras_come_from_where_the_package_came_from(
    bin_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    installer: str,
    url: str | None,
    expected: str | None,
) -> None:
    start(monkeypatch, bin_folder / "ssdlite")
    monkeypatch.setattr(invocation, "_distribution", lambda: Installed(installer, url))
    wheel = f"pip install 'ssdlite[onnx] @ {url}'"
    assert invocation.with_extra("onnx") == f"`{expected or wheel}`"
