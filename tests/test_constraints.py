"""constraints.txt: one version of all that pyproject.toml asks for, and no address."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

FILE = Path(__file__).parents[1] / "constraints.txt"


def pinned() -> Iterator[Requirement]:
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield Requirement(line)


def test_every_requirement_has_versions_that_it_takes() -> None:
    versions: dict[str, list[str]] = {}
    for each in pinned():
        (specifier,) = each.specifier
        assert specifier.operator == "==", each
        assert each.url is None
        versions.setdefault(canonicalize_name(each.name), []).append(specifier.version)
    asked = [Requirement(text) for text in requires("ssdlite") or ()]
    assert len(asked) > 15
    for requirement in asked:
        known = versions[canonicalize_name(requirement.name)]
        assert any(requirement.specifier.contains(version) for version in known), requirement


def test_pip_takes_each_version_in_this_python() -> None:
    tried = 0
    for each in pinned():
        try:
            found = version(each.name)
        except PackageNotFoundError:
            continue
        if each.specifier.contains(found) and (each.marker is None or each.marker.evaluate()):
            pythons = metadata(each.name).get("Requires-Python") or ""
            assert SpecifierSet(pythons).contains(platform.python_version(), prereleases=True), each
            tried += 1
    if not tried:
        pytest.skip("none of these versions is installed here")
