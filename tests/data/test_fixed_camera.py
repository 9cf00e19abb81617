"""``ssdlite data check`` on the frames of a fixed camera; many of them by hand:

FIXED_CAMERA_FRAMES=50000 uv run pytest -s tests/data/test_fixed_camera.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.fixed_camera import write_fixed_camera

FRAMES = int(os.environ.get("FIXED_CAMERA_FRAMES", "250"))
MOST_MEMORY = 2_000_000  # kilobytes

_RUN = """
import resource, sys, time
from detector.commands.cli import main
start = time.perf_counter()
try:
    main(sys.argv[1:])
finally:
    own = resource.getrusage(resource.RUSAGE_SELF)
    spent = own.ru_utime + own.ru_stime
    # Not ru_maxrss, which a process takes over from the one that started it.
    peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(f"{time.perf_counter() - start:.0f} s, {spent:.0f} s of processors, {peak} kB")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory in kilobytes")
def test_frames_of_a_fixed_camera_are_checked_in_bounded_memory(tmp_path: Path) -> None:
    write_fixed_camera(tmp_path / "set", FRAMES, size_wh=(640, 480) if FRAMES > 10_000 else (128, 96))
    done = subprocess.run(
        [sys.executable, "-c", _RUN, "data", "check", tmp_path / "set", "--output", tmp_path / "out"],
        check=True,
        capture_output=True,
        text=True,
    )
    figures = done.stdout.splitlines()[-1]
    print(figures)
    assert int(figures.split()[-2]) < MOST_MEMORY
    assert "look-alikes divided into stretches of neighbouring frames" in done.stdout
    content = json.loads((tmp_path / "out/findings.json").read_text())
    findings = {each["kind"]: each["count"] for each in content}
    assert findings["images without objects, kept as negatives"] == FRAMES * 0.9
    held = min(2000, FRAMES // 5)
    assert f"{held:,} of {FRAMES:,} images are held out" in done.stdout
