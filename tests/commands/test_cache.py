"""The cache is shown, cleared, and does not grow without end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from detector.system import conversions
from detector.system.cache import converted_folder
from tests.commands.running import Run, assert_mistake


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path / "cache"))
    return converted_folder()


def keep(name: str, size: int, *, days: float = 0) -> Path:
    """A conversion that was used so many days ago."""
    path = conversions.keep_conversion(name, bytes(size))
    used = time.time() - 86_400 * days
    os.utime(path, (used, path.stat().st_mtime))
    return path


def test_an_empty_cache(run: Run, cache: Path) -> None:
    assert run("cache").out.startswith("0 models, 0 MB of at most 1,000 MB, in ")
    assert run("cache", "--clear").out.startswith("Removed 0 models")
    assert not cache.exists()


def test_it_is_listed_and_cleared(run: Run, cache: Path) -> None:
    keep("older.tflite", 2_000_000, days=3)
    keep("newer.tflite", 1_000_000)
    first, second, total = run("cache").out.splitlines()
    assert first.split()[0] == "1.0"
    assert first.endswith("newer.tflite")
    assert second.endswith("older.tflite")
    assert total.startswith("2 models, 3 MB")
    assert run("cache", "--clear").out.startswith("Removed 2 models, 3 MB")
    assert not list(cache.iterdir())


def test_what_was_not_used_for_longest_goes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversions, "MOST_KEPT", 2_500)
    for days in (3, 2, 1):
        keep(f"{days}.tflite", 1000, days=days)
    assert conversions.find_conversions("3.tflite") == []  # it went for the third
    assert conversions.find_conversions("2.tflite")  # and is used now
    keep("new.tflite", 1000)
    left = {path.name for path in cache.iterdir() if path.suffix == ".tflite"}
    assert left == {"2.tflite", "new.tflite"}
    assert len(list(cache.iterdir())) == 4  # each with its digest


def test_what_is_in_use_stays(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversions, "MOST_KEPT", 10)
    for name in ("a.tflite", "b.tflite"):
        keep(name, 1000)
    assert {each.path.name for each in conversions.list_conversions()} == {"a.tflite", "b.tflite"}


def test_a_cache_that_is_read_only(run: Run, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep("a.tflite", 10)

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    assert "Cannot remove" in assert_mistake(run("cache", "--clear"))


def test_what_others_are_writing_is_no_model(run: Run, cache: Path) -> None:
    keep("a.tflite", 1_000_000)
    (cache / ".1a2b3c4d.tflite").write_bytes(bytes(10))
    assert run("cache").out.splitlines()[-1].startswith("1 model, 1 MB")
    run("cache", "--clear")
    assert [path.name for path in cache.iterdir()] == [".1a2b3c4d.tflite"]
