"""The installed packages: their versions against those that are asked for, and which OpenCV is at work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from detector import __version__
from detector.doctor.line import Line

_OPENCV = (
    "opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless",
)  # fmt: skip
_SYSTEM_LIBRARIES = (
    "the system lacks a library that OpenCV needs; on Debian and Ubuntu: apt-get install libgl1 libglib2.0-0"
)


@dataclass(frozen=True)
class Requirement:
    """A package that this one asks for: its least version, or the series that it has to be of."""

    package: str
    least: str
    series: str
    extra: str

    def accepts(self, installed: str) -> bool:
        """Whether an installed version will do."""
        if self.series:
            return installed.startswith(f"{self.series}.")
        return _numbers(installed) >= _numbers(self.least)

    def __str__(self) -> str:
        return f"{self.package}=={self.series}.*" if self.series else f"{self.package}>={self.least}"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:3]))


def parse_requirement(text: str) -> Requirement | None:
    """A requirement as the package's metadata has it; None for what is of no use here.

    Understood is what pyproject.toml uses: ``NAME>=VERSION`` and ``NAME==SERIES.*``, with an extra.
    """
    match = re.match(r"([\w.-]+)\s*(?:>=\s*([\d.]+)|==\s*([\d.]+)\.\*)", text)
    if match is None:
        return None
    extra = re.search(r"extra\s*==\s*['\"](\w+)['\"]", text)
    return Requirement(match[1], match[2] or "", match[3] or "", extra[1] if extra else "")


def check_packages() -> Iterator[Line]:
    """A line for the base install, and one for each extra of which something is installed."""
    try:
        entries = requires("ssdlite") or []
    except PackageNotFoundError:
        yield Line(
            "packages",
            "broken",
            f"ssdlite {__version__} runs from files that were never installed, so nothing says what it needs",
            "in the folder with pyproject.toml: pip install .",
        )
        return
    wanted = [requirement for requirement in map(parse_requirement, entries) if requirement]
    yield _check_group("packages", [each for each in wanted if not each.extra], needed=True)
    for extra in dict.fromkeys(each.extra for each in wanted if each.extra):
        yield _check_group(f"extra {extra}", [each for each in wanted if each.extra == extra], needed=False)


def _check_group(title: str, wanted: list[Requirement], *, needed: bool) -> Line:
    installed = {each.package: _version(each.package) for each in wanted}
    good = [f"{name} {known}" for name, known in installed.items() if known]
    if not needed and not good:
        return Line(title, "absent", "not installed", f"pip install '.[{title.split()[1]}]'")
    bad = [
        f"{each} is needed, {installed[each.package] or 'nothing'} is installed"
        for each in wanted
        if not each.accepts(installed[each.package])
    ]
    if bad:
        names = " ".join(f"'{each}'" for each in wanted if not each.accepts(installed[each.package]))
        return Line(title, "broken", "; ".join(bad), f"pip install {names}")
    return Line(title, "works", ", ".join(good))


def _version(package: str) -> str:
    """The installed version; "" where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def check_opencv() -> Line:
    """Whether OpenCV can be imported, was built with windows, and is the only one that is installed."""
    wheels = [name for name in _OPENCV if _version(name)]
    try:
        import cv2

        from detector.opencv_build import REPAIR, has_gui
    except ImportError as error:
        repair = _SYSTEM_LIBRARIES if ".so" in str(error) else "pip install --force-reinstall opencv-python"
        return Line("OpenCV", "broken", f"cannot be imported ({error})", repair)
    names = " and ".join(wheels) or "no wheel that is known by name"
    if not has_gui():
        return Line(
            "OpenCV",
            "broken",
            f"{cv2.__version__}, the headless build, which opens no window; installed: {names}",
            REPAIR,
        )
    if len(wheels) > 1:
        return Line(
            "OpenCV",
            "broken",
            f"{cv2.__version__} can open windows, but {names} are installed and write the same files: the "
            "next update of one of them breaks the other",
            REPAIR,
        )
    return Line("OpenCV", "works", f"{cv2.__version__}, built with windows ({names})")
