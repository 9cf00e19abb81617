"""Where conversions go, and what is said where nothing can be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from detector import Detector
from detector.commands.cli import main
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DetectorError, WeightsError
from detector.pretrained.releases import DEFAULT_MODEL, source_path, weights_path
from detector.system.cache import cache_folder
from detector.system.conversions import conversion_name, find_conversions, keep_conversion

CAT = SAMPLE_FOLDER / "chelsea.jpg"


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that nobody can write to, not even root."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path / "file" / "cache"))
    return tmp_path


def test_a_home_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSDLITE_CACHE", "~there-is-no-such-user/cache")
    with pytest.raises(WeightsError, match=r"no home folder.*SSDLITE_CACHE"):
        cache_folder()


def test_weights_that_cannot_be_kept_are_not_fetched(no_cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"Cannot write to .*SSDLITE_CACHE"):
        weights_path(DEFAULT_MODEL)


@pytest.mark.parametrize("named", ["file", "~there-is-no-such-user/cache"])
def test_a_conversion_that_cannot_be_kept_is_made_for_the_process(
    released_weights: Path, no_cache: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    if named != "file":
        monkeypatch.setenv("SSDLITE_CACHE", named)
    detector = Detector.load(released_weights, classes=["cat"], say=None)
    assert detector.detect(CAT).names == ["cat"]
    assert [found.names for found in detector.detect_batch([CAT] * 2)] == [["cat"]] * 2


PROCESS = """
import os, sys
from detector.system.conversions import find_conversions, keep_conversion
path = keep_conversion("a.tflite", b"parent")
child = os.fork() if hasattr(os, "fork") else 1
if child == 0:
    assert not find_conversions("a.tflite")
    assert keep_conversion("a.tflite", b"child").read_bytes() == b"child"
    sys.exit(0)
assert child == 1 or os.waitpid(child, 0)[1] == 0
assert find_conversions("a.tflite") == [path]
assert path.read_bytes() == b"parent"
"""


def test_what_is_made_for_a_process_goes_with_it(no_cache: Path) -> None:
    (no_cache / "temporary").mkdir()
    environment = {**os.environ, "TMPDIR": str(no_cache / "temporary"), "TMP": str(no_cache / "temporary")}
    subprocess.run([sys.executable, "-c", PROCESS], check=True, env=environment)
    assert not list((no_cache / "temporary").iterdir())


def test_neither_cache_nor_temporary_folder(no_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    monkeypatch.setattr("detector.system.conversions._own_folders", {})
    assert not find_conversions("a.tflite")
    with pytest.raises(DetectorError, match=r"Neither the cache nor a temporary folder.*SSDLITE_CACHE"):
        keep_conversion("a.tflite", b"")


@pytest.mark.parametrize("folder", ["a" * 255, "猫" * 85, "runs\n\x1b[31m", "b\udcff", "a b:c", ".."])
def test_a_conversions_name_suits_every_system(folder: str) -> None:
    name = conversion_name(folder, "0123456789abcdef", ".tflite")
    assert len(name.encode()) <= 130
    assert name.isprintable()
    assert Path(name).name == name
    assert not set(name) & set('\\/:*?"<>|')


def test_weights_in_a_folder_of_a_long_name_are_converted(
    released_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / ("x" * 250)
    folder.mkdir()
    (folder / "model.npz").write_bytes(released_weights.read_bytes())
    assert Detector.load(folder, say=None).detect(CAT).names == ["cat"]
    assert len(list((tmp_path / "cache" / "converted").glob("*.tflite"))) == 1


def test_fetching_leaves_nothing_to_be_written_later(
    released_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = source_path(DEFAULT_MODEL)
    if not published.exists():
        pytest.skip("the published file is not in the cache")
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path))
    main(["weights", "fetch", "--from", str(published)])
    monkeypatch.setattr("detector.runtime.convertible.keep_conversion", pytest.fail)
    assert Detector.load(say=None).detect(CAT).names == ["cat"]
