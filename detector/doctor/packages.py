"""The installed packages: their versions against those that are asked for, and which OpenCV is at work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement

from detector.doctor.line import Line
from detector.system.invocation import install, with_extra
from detector.system.machine import installed_version
from detector.version import __version__

_OPENCV = (
    "opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless",
)  # fmt: skip
_SYSTEM_LIBRARIES = (
    "the system lacks a library that OpenCV needs; on Debian and Ubuntu: apt-get install libgl1 libglib2.0-0"
)


def accepts(requirement: Requirement, installed: str) -> bool:
    """Whether an installed version will do; "" is none."""
    return bool(installed) and requirement.specifier.contains(installed, prereleases=True)


def check_packages() -> Iterator[Line]:
    """A line for the base install, and one for each extra of which something is installed."""
    try:
        entries = requires("ssdlite") or []
    except PackageNotFoundError:
        yield Line(
            "packages",
            "broken",
            f"ssdlite {__version__} runs from files that were never installed, so nothing says what it needs",
            f"in the folder with pyproject.toml: {install('.')}",
        )
        return
    wanted = list(map(Requirement, entries))
    base = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    yield _check_group("packages", base, needed=True)
    for extra in extras_of(wanted):
        own = [each for each in wanted if each.marker and each.marker.evaluate({"extra": extra})]
        yield _check_group(f"extra {extra}", [each for each in own if each not in base], needed=False)


def extras_of(wanted: Iterable[Requirement]) -> list[str]:
    """The extras that requirements belong to, in their order."""
    names = (re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", str(each.marker)) for each in wanted)
    return list(dict.fromkeys(name[1] for name in names if name))


def _check_group(title: str, wanted: list[Requirement], *, needed: bool) -> Line:
    installed = {each.name: installed_version(each.name) for each in wanted}
    good = [f"{name} {known}" for name, known in installed.items() if known]
    missing = [name for name, known in installed.items() if not known]
    if not needed and missing:  # what is there of it may be there for others
        found = f"not complete: {', '.join(missing)} missing" if good else "not installed"
        return Line(title, "absent", found, with_extra(title.split()[1]))
    bad = [each for each in wanted if not accepts(each, installed[each.name])]
    if bad:
        found = "; ".join(
            f"{each.name}{each.specifier} is needed, {installed[each.name] or 'nothing'} is installed"
            for each in bad
        )
        return Line(title, "broken", found, install(*(f"{each.name}{each.specifier}" for each in bad)))
    return Line(title, "works", ", ".join(good))


def check_opencv() -> Line:
    """Whether OpenCV can be imported, was built with windows, and is the only one that is installed."""
    wheels = [name for name in _OPENCV if installed_version(name)]
    try:
        import cv2

        from detector.system.opencv_build import has_gui, repair
    except ImportError as error:
        again = install("--force-reinstall", "opencv-python")
        what = _SYSTEM_LIBRARIES if ".so" in str(error) else again
        return Line("OpenCV", "broken", f"cannot be imported ({error})", what)
    names = " and ".join(wheels) or "no wheel that is known by name"
    if not has_gui():
        return Line(
            "OpenCV",
            "broken",
            f"{cv2.__version__}, the headless build, which opens no window; installed: {names}",
            repair(),
        )
    if len(wheels) > 1:
        return Line(
            "OpenCV",
            "broken",
            f"{cv2.__version__} can open windows, but {names} are installed and write the same files: the "
            "next update of one of them breaks the other",
            repair(),
        )
    return Line("OpenCV", "works", f"{cv2.__version__}, built with windows ({names})")
