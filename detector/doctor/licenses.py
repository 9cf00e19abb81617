"""``ssdlite licenses``: what is installed for the base install and for each extra, and under which licence.

The same as CycloneDX 1.6, a format for a software bill of materials, for programs that look for known faults
and unwanted licences. Source: https://cyclonedx.org/docs/1.6/json/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from detector.doctor.packages import extras_of
from detector.errors import DetectorError
from detector.system.invocation import install

# Licences whose terms reach those who pass the program on; of a choice the other one may be taken.
_RECIPROCAL = re.compile(r"\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)
# Libraries that wheels carry along under another licence than their own, by what their files are called.
_BUNDLED = {
    "x264": "GPL-2.0-or-later",
    "x265": "GPL-2.0-or-later",
    "xvidcore": "GPL-2.0-or-later",
    "postproc": "GPL-2.0-or-later",
    "avcodec": "LGPL-2.1-or-later",
    "Qt5Core": "LGPL-3.0-only",
    "Qt6Core": "LGPL-3.0-only",
    "gfortran": "GPL-3.0-with-GCC-exception",
    "quadmath": "LGPL-2.1-or-later",
}
_GPL_ALONE = ("GPL-2.0-or-later",)
_LIBRARY = re.compile(r"\.(so|dylib|dll|pyd)\b")


@dataclass(frozen=True)
class Part:
    """An installed package.

    Attributes:
        name, version: of the package.
        licence: as its metadata has it; ``unknown`` where it says nothing.
        groups: ``base`` and extras that ask for it, itself or by way of another package.
        bundled: libraries inside it that have another licence, with that licence.
    """

    name: str
    version: str
    licence: str
    groups: tuple[str, ...]
    bundled: Mapping[str, str]

    @property
    def reciprocal(self) -> bool:
        """Whether something in it is under the GPL without a choice."""
        own = bool(_RECIPROCAL.search(self.licence)) and " OR " not in self.licence
        return own or any(licence in _GPL_ALONE for licence in self.bundled.values())


def find_parts(package: str = "ssdlite") -> list[Part]:
    """All that is installed because a package asks for it, by name, the package itself first.

    Raises:
        DetectorError: the package was never installed.
    """
    try:
        root = distribution(package)
    except PackageNotFoundError as error:
        raise DetectorError(
            f"{package} runs from files that were never installed, so nothing says what belongs to it; in "
            f"the folder with pyproject.toml: {install('.')}"
        ) from error
    groups: dict[str, set[str]] = {}
    found: dict[str, Distribution] = {}
    extras = extras_of(map(Requirement, root.requires or ()))
    for group, extra in [("base", ""), *((name, name) for name in extras)]:
        for each in _walk(root, extra):
            name = canonicalize_name(each.metadata["Name"])
            found[name] = each
            if name not in groups or "base" not in groups[name]:
                groups.setdefault(name, set()).add(group)
    parts = [_describe(each, tuple(sorted(groups[name]))) for name, each in sorted(found.items())]
    return sorted(parts, key=lambda part: part.name != package)


def _walk(root: Distribution, extra: str) -> Iterator[Distribution]:
    """A package and all that it and its requirements ask for and that is installed."""
    waiting = [(root, frozenset({extra}))]
    seen = set()
    while waiting:
        package, extras = waiting.pop()
        key = canonicalize_name(package.metadata["Name"]), extras
        if key in seen:
            continue
        seen.add(key)
        yield package
        for text in package.requires or ():
            wanted = Requirement(text)
            if wanted.marker and not any(wanted.marker.evaluate({"extra": each}) for each in extras or {""}):
                continue
            try:
                waiting.append((distribution(wanted.name), frozenset(wanted.extras) or frozenset({""})))
            except PackageNotFoundError:  # an extra that is not installed
                continue


def _describe(package: Distribution, groups: tuple[str, ...]) -> Part:
    files = [Path(str(file)).name for file in package.files or ()]
    libraries = [name for name in files if _LIBRARY.search(name)]
    bundled = {
        library: licence
        for library, licence in _BUNDLED.items()
        if any(re.match(rf"(lib)?{library}(?![a-z])", name, re.IGNORECASE) for name in libraries)
    }
    return Part(package.metadata["Name"], package.version, _licence(package), groups, bundled)


def _licence(package: Distribution) -> str:
    metadata = package.metadata
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    classifiers = metadata.get_all("Classifier") or []
    names = [
        each.rsplit(" :: ", 1)[-1] for each in classifiers if each.startswith("License :: OSI Approved :: ")
    ]
    if names:
        return ", ".join(names)  # classifiers do not say whether several are a choice
    text = metadata["License"].strip() if "License" in metadata else ""
    return text.splitlines()[0][:60] if text else "unknown"


def build_sbom(parts: list[Part]) -> dict[str, object]:
    """The parts as a CycloneDX document; the first one is what they are parts of."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component(parts[0], "application")},
        "components": [_component(part, "library") for part in parts[1:]],
    }


def _component(part: Part, kind: str) -> dict[str, object]:
    reference = f"pkg:pypi/{canonicalize_name(part.name)}@{part.version}"
    return {
        "type": kind,
        "bom-ref": reference,
        "name": part.name,
        "version": part.version,
        "purl": reference,
        "licenses": [{"license": {"name": part.licence}}],
        "properties": [
            {"name": "ssdlite:groups", "value": ", ".join(part.groups)},
            *(
                {"name": f"ssdlite:bundled:{name}", "value": licence}
                for name, licence in part.bundled.items()
            ),
        ],
    }
