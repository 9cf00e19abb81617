"""constraints.txt: one version of all that pyproject.toml asks for, and no address."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
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
