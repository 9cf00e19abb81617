"""Fetching, verifying and caching the released weights, from servers on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.errors import DetectorError, WeightsError
from detector.pretrained import releases as pretrained
from detector.pretrained.releases import DEFAULT_MODEL, RELEASES, Release
from detector.system.cache import cache_folder, converted_folder
from detector.system.reading import sha256
from detector.weights import load_weights
from tests.pretrained.conftest import ARCHIVE
from tests.system.file_server import FileServer, unused_address

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def server(published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with FileServer() as server:
        server.files[f"/{ARCHIVE}"] = published.read_bytes()
        yield server


def files(folder: Path) -> list[str]:
    """Every file below a folder, hidden ones and empty folders of temporary files included."""
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or ".fetch" in path.name
    )


def quiet(_: str) -> None:
    pass


CACHED = [f"{DEFAULT_MODEL}/{name}" for name in ("source.tar.gz", "weights.npz", "weights.npz.sha256")]


def test_a_release_is_fetched_imported_and_cached(
    server: FileServer, offer: Any, cache: Path, released_weights: Path, published: Path
) -> None:
    offer(server.url)
    said: list[str] = []
    path = pretrained.weights_path(DEFAULT_MODEL, say=said.append)
    assert files(cache) == CACHED
    assert path == cache / CACHED[1]
    assert sha256(pretrained.source_path(DEFAULT_MODEL)) == sha256(published)
    assert said[0] == f"Fetching {DEFAULT_MODEL} from source 1."

    weights, spec = load_weights(path)
    expected, expected_spec = load_weights(released_weights)
    assert spec == expected_spec
    assert weights.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_array_equal(weights[key], values, err_msg=key)

    asked = len(server.requests)
    assert pretrained.weights_path(DEFAULT_MODEL, say=said.append) == path
    assert len(server.requests) == asked


def test_the_second_source_stands_in_for_the_first(server: FileServer, offer: Any, cache: Path) -> None:
    offer(unused_address(), server.url)
    said: list[str] = []
    pretrained.fetch(DEFAULT_MODEL, say=said.append)
    assert files(cache) == CACHED
    assert "source 1 cannot be had" in said[1]
    assert said[2] == f"Fetching {DEFAULT_MODEL} from source 2."


@pytest.mark.parametrize("cut", [True, False], ids=["breaks off", "says nothing"])
def test_the_second_source_stands_in_for_one_that_fails(
    server: FileServer, offer: Any, cache: Path, cut: bool
) -> None:
    with FileServer() as broken:
        broken.files = server.files
        if cut:
            broken.cuts[f"/{ARCHIVE}"] = [1000] + [0] * 99
        else:
            broken.raw = b""
        offer(broken.url, server.url)
        pretrained.fetch(DEFAULT_MODEL, say=quiet)
    assert files(cache) == CACHED


def test_without_any_source_the_way_without_a_network_is_named(
    server: FileServer, offer: Any, cache: Path
) -> None:
    server.files.clear()
    offer(unused_address(), server.url)
    with pytest.raises(WeightsError, match=r"and run `ssdlite weights fetch --from FILE`") as error:
        pretrained.weights_path(DEFAULT_MODEL, say=quiet)
    assert "source 1: Cannot reach" in str(error.value)
    assert "source 2: The server answers 404" in str(error.value)
    assert not cache.exists()


@pytest.mark.parametrize("damage", ["tampered", "cut short"])
def test_a_file_that_is_not_the_published_one_is_refused(
    server: FileServer, offer: Any, cache: Path, damage: str
) -> None:
    content = bytearray(server.files[f"/{ARCHIVE}"])
    content[len(content) // 2] ^= 1
    server.files[f"/{ARCHIVE}"] = bytes(content if damage == "tampered" else content[:-1])
    offer(server.url)
    with pytest.raises(WeightsError, match=rf"{ARCHIVE} is not the published file"):
        pretrained.weights_path(DEFAULT_MODEL, say=quiet)
    assert files(cache) == []


def test_a_published_file_that_is_already_here(
    server: FileServer, offer: Any, cache: Path, published: Path
) -> None:
    offer(server.url)
    pretrained.fetch(DEFAULT_MODEL, from_file=published, say=quiet)
    assert files(cache) == CACHED
    assert pretrained.is_intact(DEFAULT_MODEL)
    assert server.requests == []
    assert published.exists()


def test_the_cached_source_can_be_imported_again(published: Path) -> None:
    path = pretrained.fetch(DEFAULT_MODEL, from_file=published, say=quiet)
    before = sha256(path)
    path.write_bytes(b"damaged")
    pretrained.fetch(DEFAULT_MODEL, from_file=pretrained.source_path(DEFAULT_MODEL), say=quiet)
    assert sha256(path) == before
    assert pretrained.is_intact(DEFAULT_MODEL)


@pytest.mark.parametrize("kind", ["absent", "a folder", "another file", "empty"])
def test_a_wrong_file_is_refused(cache: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "given.tar.gz"
    if kind == "a folder":
        path.mkdir()
    elif kind != "absent":
        path.write_bytes(b"" if kind == "empty" else b"another file")
    expected = {"absent": r"Cannot read .*given\.tar\.gz", "a folder": "not a regular file"}.get(
        kind, "not the published file"
    )
    with pytest.raises(WeightsError, match=expected):
        pretrained.fetch(DEFAULT_MODEL, from_file=path, say=quiet)
    assert files(cache) == []


@pytest.mark.parametrize(
    "moment", ["detector.pretrained.releases.slim_to_weights", "detector.weights.np.savez"]
)
@pytest.mark.parametrize("cached", [False, True], ids=["first time", "again"])
def test_an_interruption_leaves_what_was_there(
    cache: Path, published: Path, monkeypatch: pytest.MonkeyPatch, moment: str, cached: bool
) -> None:
    if cached:
        pretrained.fetch(DEFAULT_MODEL, from_file=published, say=quiet)

    def interrupt(target: Any, *_: Any, **__: Any) -> None:
        if moment.endswith("savez"):
            target.write(b"half of the weights")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(moment, interrupt)
        with pytest.raises(KeyboardInterrupt):
            pretrained.fetch(DEFAULT_MODEL, from_file=published, say=quiet)
    assert pretrained.is_cached(DEFAULT_MODEL) == cached
    assert pretrained.is_intact(DEFAULT_MODEL) == cached
    assert set(files(cache)) <= set(CACHED)


def test_changed_weights_are_noticed(server: FileServer, offer: Any, published: Path) -> None:
    offer(server.url)
    path = pretrained.fetch(DEFAULT_MODEL, from_file=published, say=quiet)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert pretrained.is_cached(DEFAULT_MODEL)
    assert not pretrained.is_intact(DEFAULT_MODEL)
    with pytest.raises(WeightsError, match=f"run `ssdlite weights fetch {DEFAULT_MODEL}`"):
        pretrained.weights_path(DEFAULT_MODEL, say=quiet)
    assert server.requests == []
    pretrained.fetch(DEFAULT_MODEL, say=quiet)
    assert pretrained.is_intact(DEFAULT_MODEL)


def test_remove(cache: Path, published: Path) -> None:
    pretrained.fetch(DEFAULT_MODEL, from_file=published, say=quiet)
    converted = converted_folder()
    converted.mkdir()
    (converted / f"{DEFAULT_MODEL}-0123.tflite").write_bytes(b"")
    (converted / "mine-0123.tflite").write_bytes(b"")
    pretrained.remove(DEFAULT_MODEL)
    assert not pretrained.is_cached(DEFAULT_MODEL)
    assert files(cache) == ["converted/mine-0123.tflite"]
    pretrained.remove(DEFAULT_MODEL)


def test_remove_without_a_cache(cache: Path) -> None:
    pretrained.remove(DEFAULT_MODEL)
    assert not cache.exists()


@pytest.mark.parametrize(
    "function", ["weights_path", "fetch", "is_cached", "is_intact", "source_path", "remove"]
)
def test_an_unknown_name(cache: Path, function: str) -> None:
    with pytest.raises(WeightsError, match=f"no released model '../up'; there is {DEFAULT_MODEL}"):
        getattr(pretrained, function)("../up")
    assert not cache.exists()


def test_nothing_is_cached_at_first(cache: Path) -> None:
    assert not pretrained.is_cached(DEFAULT_MODEL)
    assert not pretrained.is_intact(DEFAULT_MODEL)
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_to(
    offer: Any, cache: Path, published: Path, server: FileServer
) -> None:
    offer(server.url)
    cache.write_bytes(b"a file in the place of the folder")
    assert not pretrained.is_cached(DEFAULT_MODEL)
    with pytest.raises(DetectorError, match="Cannot write"):
        pretrained.fetch(DEFAULT_MODEL, from_file=published, say=quiet)
    with pytest.raises(DetectorError, match="Cannot write"):
        pretrained.weights_path(DEFAULT_MODEL, say=quiet)


def test_the_cache_is_the_platforms_unless_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == cache
    for value in ("", None):
        if value is None:
            monkeypatch.delenv("SSDLITE_CACHE")
        else:
            monkeypatch.setenv("SSDLITE_CACHE", value)
        assert cache_folder().name == "ssdlite"
        assert cache_folder().is_absolute()


def test_weights_that_another_version_imported_are_imported_again_from_the_cached_file(
    server: FileServer, offer: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(server.url)
    pretrained.weights_path(DEFAULT_MODEL, say=quiet)
    requests = len(server.requests)
    release = RELEASES[DEFAULT_MODEL]
    newer = Release(replace(release.spec, iou_threshold=0.5), pretrained.RELEASES[DEFAULT_MODEL].sources)
    monkeypatch.setattr(pretrained, "RELEASES", {DEFAULT_MODEL: newer})
    path = pretrained.weights_path(DEFAULT_MODEL, say=quiet)
    assert load_weights(path)[1].iou_threshold == 0.5
    assert len(server.requests) == requests
    assert files(cache) == CACHED
