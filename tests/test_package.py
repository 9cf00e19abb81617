"""The sdist and the wheel: built, installed into a fresh environment, and used with no checkout near."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path

import pytest

from tests.conftest import absent

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
EXECUTABLES = "Scripts" if os.name == "nt" else "bin"

Call = Callable[..., str]


def uv() -> list[str]:
    """The program, or the module of this name."""
    if shutil.which("uv"):
        return ["uv"]
    if subprocess.run([sys.executable, "-m", "uv", "--version"], capture_output=True).returncode == 0:
        return [sys.executable, "-m", "uv"]
    absent("uv is not here")
    raise AssertionError


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both files. They are built from what git knows, so that nothing lies about by chance."""
    if not (shutil.which("git") and shutil.which("ffmpeg") and (ROOT / ".git").exists()):
        absent("git, ffmpeg and a checkout are needed")
    copy, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    done = subprocess.run([*uv(), "build", "--out-dir", folder, copy], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_what_is_in_the_wheel(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(about).decode())
    assert {name.split("/")[0] for name in names} == {"detector", about.split("/")[0]}
    for name in (
        "py.typed",
        "data/sample/instances.json",
        "data/minival_ids.txt",
        "video/web/page/index.html",
    ):
        assert f"detector/{name}" in names
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert metadata["Requires-Python"] == ">=3.10"
    assert {url.split(",")[0] for url in metadata.get_all("Project-URL") or ()} > {"Homepage", "Issues"}
    assert "Typing :: Typed" in (metadata.get_all("Classifier") or ())


def test_what_is_in_the_sdist(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"pyproject.toml", "README.md", "LICENSE", "NOTICE", "detector/py.typed", "eval_coco.py"} < names
    assert "tests/test_package.py" in names
    assert not {name for name in names if name.startswith((".git/", ".venv", "output", "runs", "uv.lock"))}


@pytest.fixture(scope="module", params=["*.whl", "*.tar.gz"], ids=["wheel", "sdist"])
def call(
    request: pytest.FixtureRequest,
    built: Path,
    tmp_path_factory: pytest.TempPathFactory,
    released_weights: Path,
) -> Call:
    """Runs ``ssdlite`` of a fresh environment in an empty folder."""
    (file,) = built.glob(request.param)
    folder = tmp_path_factory.mktemp("fresh")
    venv, empty = folder / "venv", folder / "empty"
    empty.mkdir()
    environment = {**os.environ, "PATH": f"{venv / EXECUTABLES}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    for command in (
        [*uv(), "venv", "--quiet", "--python", sys.executable, venv],
        [*uv(), "pip", "install", "--quiet", "--python", venv / EXECUTABLES / "python", file],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def run(*arguments: object) -> str:
        done = subprocess.run(
            [str(venv / EXECUTABLES / "ssdlite"), *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=empty,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    return run


def test_the_three_jobs_from_the_built_file_alone(call: Call, tmp_path: Path) -> None:
    assert "coffee.jpg: 1 cup" in call("detect", "--output", tmp_path / "found")
    evaluated = call("eval")
    assert "AP50" in evaluated
    assert "\n  ssdlite data coco coco --clean" in evaluated
    clip = tmp_path / "clip.mp4"
    picture = ROOT / "detector/data/sample/coffee.jpg"
    encode = ["-t", "1", "-r", "5", "-pix_fmt", "yuv420p", str(clip)]
    subprocess.run(["ffmpeg", "-v", "error", "-loop", "1", "-i", str(picture), *encode], check=True)
    assert "5 frames" in call("demo", "--source", clip, "--headless", "--jsonl", tmp_path / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 6


def test_every_command_has_its_help(call: Call) -> None:
    for command in (
        "bench",
        "compare",
        "data",
        "demo",
        "detect",
        "doctor",
        "eval",
        "export",
        "train",
        "weights",
    ):
        assert "Usage: ssdlite" in call(command, "--help")
