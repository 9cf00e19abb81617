"""The cache and the released weights in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from detector.doctor.line import Line
from detector.errors import DetectorError
from detector.pretrained.releases import (
    RELEASES,
    is_cached,
    is_intact,
    source_path,
)
from detector.system.cache import cache_folder, converted_folder
from detector.system.files import check_writable
from detector.system.invocation import command
from detector.system.reading import sha256


def check_cache() -> Line:
    """Whether the cache can be written to, and what it holds."""
    folder = cache_folder()
    try:
        check_writable(folder)
    except DetectorError:
        return Line(
            "cache",
            "broken",
            f"{folder} cannot be written to",
            "correct its owner or rights, or name another folder in the environment variable SSDLITE_CACHE",
        )
    converted = list(converted_folder().glob("*.tflite"))
    size = sum(path.stat().st_size for path in converted) / 1e6
    return Line("cache", "works", f"{folder}, {len(converted)} converted models ({size:.0f} MB)")


def check_weights() -> Iterator[Line]:
    """A line for each release: whether its weights are in the cache, and unchanged."""
    for name in RELEASES:
        repair = command("weights", "fetch", name)
        path = weights_file(name)
        if not is_cached(name):
            state = (
                "fetched by another version, imported anew when needed"
                if path.exists()
                else "not fetched yet"
            )
            yield Line("weights", "absent", f"{name}: {state}", repair)
        elif not is_intact(name):
            yield Line("weights", "broken", f"{name}: {path} was changed or cut short", repair)
        else:
            yield Line("weights", "works", f"{name}: SHA-256 {sha256(path)} as imported{_origin(name)}")


def _origin(name: str) -> str:
    published = source_path(name)
    if not published.exists():
        return ""
    digest = sha256(published)
    titles = [source.title for source in RELEASES[name].sources if source.sha256 == digest]
    return f" from {titles[0]}, SHA-256 {digest}" if titles else ""


def weights_file(name: str) -> Path:
    """Where the weights of a release are once they have been fetched."""
    return source_path(name).with_name("weights.npz")
