"""All that the doctor looks at, in order, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from detector.doctor.backends import BASE, TITLES, backend_lines, gpu_line, started_probes, wait_for
from detector.doctor.line import Line
from detector.doctor.machine import check_cameras, check_cpu, check_disk, check_python, check_screen
from detector.doctor.packages import check_opencv, check_packages
from detector.errors import DetectorError
from detector.version import __version__

# The lines that have to work for each job; what is absent hinders none but those that need it.
_BASE = ("Python", "packages", "OpenCV", "CPU", TITLES[BASE], "cache", "weights", "disk")
_JOBS = {
    "detecting in pictures and evaluating": ("Python", "packages", "CPU", TITLES[BASE], "cache", "disk"),
    "windows": ("OpenCV", "screen"),
    "cameras": ("OpenCV", "cameras"),
    "the OpenVINO backend": (TITLES["openvino"],),
    "the ONNX Runtime backend": (TITLES["onnxruntime"],),
    "training": ("extra train", TITLES["tensorflow"]),
    "training on a GPU": ("extra train", TITLES["tensorflow"], "GPU"),
}
_MARKS = {"works": "ok", "absent": "-", "broken": "BAD"}


def examine(say: Callable[[str], None]) -> None:
    """Say what works on this machine and what does not, each with what to do.

    Raises:
        DetectorError: something that the base install promises does not work.
    """
    say(f"ssdlite {__version__}\n")
    lines: list[Line] = []

    def show(title: str, check: Callable[[], Line | Iterable[Line]]) -> None:
        for line in guard(title, check):
            lines.append(line)
            _say_line(line, say)

    with started_probes(_released_weights()) as probes:  # they run while the rest is looked at
        show("Python", check_python)
        show("packages", check_packages)
        show("OpenCV", check_opencv)
        show("CPU", check_cpu)
        show("screen", check_screen)
        show("cameras", check_cameras)
        show("cache", _check_cache)
        show("weights", _check_weights)
        show("disk", _check_disk)
        wait_for(probes)
    show("backends", lambda: backend_lines(probes))
    show("GPU", lambda: gpu_line(probes))
    _say_jobs(lines, say)
    broken = [line.title for line in lines if line.state == "broken" and line.title in _BASE]
    if broken:
        raise DetectorError(
            f"The base install does not work as it should: {', '.join(broken)}; see what to do above."
        )


def guard(title: str, check: Callable[[], Line | Iterable[Line]]) -> list[Line]:
    """The lines of a check; one that fails by itself is a line too: a doctor has to reach the end."""
    try:
        found = check()
        return [found] if isinstance(found, Line) else list(found)
    except Exception as error:
        return [Line(title, "broken", f"could not be looked at ({type(error).__name__}: {error})")]


# The following need numpy, and a machine on which that is broken is one that needs the doctor.


def _released_weights() -> Path | None:
    """The weights that the backends are tried with; None where they are absent or damaged."""
    with suppress(Exception):
        from detector.doctor.stored import weights_file
        from detector.pretrained.releases import DEFAULT_MODEL, is_cached, is_intact

        if is_cached(DEFAULT_MODEL) and is_intact(DEFAULT_MODEL):
            return weights_file(DEFAULT_MODEL)
    return None


def _check_cache() -> Line:
    from detector.doctor.stored import check_cache

    return check_cache()


def _check_weights() -> Iterable[Line]:
    from detector.doctor.stored import check_weights

    return check_weights()


def _check_disk() -> Line:
    from detector.system.cache import cache_folder

    return check_disk(cache_folder())


def _say_line(line: Line, say: Callable[[str], None]) -> None:
    say(f"  {_MARKS[line.state]:5}{line.title:16}{line.found}")
    if line.repair:
        say(f"{'':23}-> {line.repair}")


def _say_jobs(lines: Sequence[Line], say: Callable[[str], None]) -> None:
    """What can be done here, and what cannot and for want of what."""
    working = {line.title for line in lines if line.state == "works"}
    # Weights that were not fetched yet are fetched when they are needed; damaged ones hinder.
    damaged = {line.title for line in lines if line.state == "broken" and line.title == "weights"}
    missing = {
        job: [title for title in needed if title not in working] + sorted(damaged)
        for job, needed in _JOBS.items()
    }
    say(f"\nWorks: {', '.join(job for job, lack in missing.items() if not lack) or 'nothing'}")
    absent = {line.title for line in lines if line.state == "absent"}
    for job, lack in missing.items():
        if lack:  # an extra that nobody asked for is not broken
            state = "Not here" if absent.issuperset(lack) else "Does not work"
            say(f"{state}: {job} (see {', '.join(lack)})")
