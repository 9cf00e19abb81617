"""``ssdlite licenses``: everything that is installed, with its licence, for people and for programs."""

from __future__ import annotations

import json
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from detector.doctor.licenses import find_parts
from detector.errors import DetectorError
from tests.commands.running import Run


class Installed(Distribution):
    """A package as the installer has left it."""

    def __init__(self, name: str, requires: tuple[str, ...] = (), files: tuple[str, ...] = (), **fields: str):
        self._files = files
        self._metadata = Message()
        self._metadata["Name"], self._metadata["Version"] = name, "1.0"
        for requirement in requires:
            self._metadata["Requires-Dist"] = requirement
        for key, value in fields.items():
            self._metadata[key.replace("_", "-")] = value

    def read_text(self, filename: str) -> str | None:
        if filename == "METADATA":
            return self._metadata.as_string()
        return "".join(f"{file},,\n" for file in self._files) if filename == "RECORD" else None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = {
        each.metadata["Name"]: each
        for each in (
            Installed(
                "app",
                ("one>=1", "two[more]; extra == 'fast'", "gone; extra == 'fast'"),
                License_Expression="MIT",
            ),
            Installed("one", ("shared",), License="BSD 3-Clause\nand the whole text of it"),
            Installed("two", ("shared", "three; extra == 'more'", "four; extra == 'less'")),
            Installed("three", License_Expression="GPL-3.0-only"),
            Installed("four"),
            Installed("shared", License_Expression="MIT OR GPL-2.0-only"),
        )
    }

    def find(name: str) -> Distribution:
        try:
            return packages[name]
        except KeyError:
            from importlib.metadata import PackageNotFoundError

            raise PackageNotFoundError(name) from None

    monkeypatch.setattr("detector.doctor.licenses.distribution", find)


@pytest.mark.usefixtures("installed")
def test_what_extras_bring_along_is_listed_with_who_asks_for_it() -> None:
    parts = {part.name: part for part in find_parts("app")}
    assert {name: part.groups for name, part in parts.items()} == {
        "app": ("base",),
        "one": ("base",),
        "shared": ("base",),
        "two": ("fast",),
        "three": ("fast",),
    }
    assert [parts[name].licence for name in ("one", "two")] == ["BSD 3-Clause", "unknown"]
    assert [name for name, part in parts.items() if part.reciprocal] == ["three"]


@pytest.mark.parametrize(
    ("file", "found", "reciprocal"),
    [
        ("av.libs/libx264-1a2b3c.so.164", {"x264": "GPL-2.0-or-later"}, True),
        ("pkg/x265.dll", {"x265": "GPL-2.0-or-later"}, True),
        ("cv2/libavcodec-59c.so.59.37.100", {"avcodec": "LGPL-2.1-or-later"}, False),
        ("x264/notes.txt", {}, False),
        ("pkg/libx264x.so", {}, False),
    ],
)
def test_libraries_inside_of_wheels(
    file: str, found: dict[str, str], reciprocal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = Installed("wheel", files=(file,), License_Expression="BSD-3-Clause")
    monkeypatch.setattr("detector.doctor.licenses.distribution", lambda name: wheel)
    (part,) = find_parts("wheel")
    assert part.bundled == found
    assert part.reciprocal is reciprocal


@pytest.mark.usefixtures("installed")
def test_what_was_never_installed() -> None:
    with pytest.raises(DetectorError, match=r"pip install \."):
        find_parts("absent")


def test_the_file_for_programs_is_valid_and_holds_the_same(run: Run, tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    outcome = run("licenses", "--sbom", tmp_path / "sbom.json")
    assert outcome.code == 0, outcome
    text = (tmp_path / "sbom.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    names = {component["name"].lower() for component in bom["components"]}
    from importlib.metadata import requires

    base = [
        requirement for requirement in map(Requirement, requires("ssdlite") or ()) if not requirement.marker
    ]
    assert {requirement.name.lower() for requirement in base} <= names | {"cv2-enumerate-cameras"}
    for component in bom["components"]:
        assert any(component["name"] in line for line in outcome.out.splitlines())
