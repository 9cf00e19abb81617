"""The machine: processor, screen, disks, graphics cards, cameras."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from detector.doctor.line import Line
from detector.system.machine import available_threads, cpu_name
from detector.system.terminal import counted

_NO_ROOM, _LITTLE_ROOM = 0.2, 2.0  # GB
_GPU_SECONDS = 10  # nvidia-smi hangs where the driver does


def check_python() -> Line:
    """Version of Python and of the system."""
    bits = "64-bit" if sys.maxsize > 1 << 32 else "32-bit"
    found = f"{platform.python_version()} ({bits}) in {sys.prefix}, {platform.platform(terse=True)}"
    if sys.version_info < (3, 10) or bits == "32-bit":
        return Line("Python", "broken", found, "install a 64-bit Python, 3.10 or newer")
    return Line("Python", "works", f"{found}, {platform.machine()}")


def check_cpu() -> Line:
    """Name, number of processors and the instructions that make inference quick."""
    try:
        import cv2
    except ImportError:  # which has a line of its own
        return Line("CPU", "works", f"{cpu_name()}, {counted(os.cpu_count() or 1, 'processor')}")
    # OpenCV marks what it could use with * and what of it this processor lacks with ?.
    marked = cv2.getCPUFeaturesLine().split()
    present = [name.lstrip("*") for name in marked if not name.endswith("?")]
    processors = counted(os.cpu_count() or 1, "processor")
    found = f"{cpu_name()}, {available_threads()} of {processors}; {' '.join(present)}"
    if platform.machine().lower() in ("x86_64", "amd64") and "AVX" not in present:
        return Line("CPU", "works", f"{found}, no AVX", "TensorFlow's wheels need AVX: train elsewhere")
    return Line("CPU", "works", found)


def check_screen() -> Line:
    """Whether there is a screen to open a window on."""
    if sys.platform != "linux":
        return Line("screen", "works", "the desktop")
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        if os.environ.get(variable):
            return Line("screen", "works", f"{variable}={os.environ[variable]}")
    return Line(
        "screen",
        "absent",
        "neither DISPLAY nor WAYLAND_DISPLAY is set, so no window can open",
        "log in at the machine's desktop, or with ssh -X",
    )


def check_disk(folder: Path) -> Line:
    """Room on the disks of the current folder, where results go, and of the cache."""
    rooms = {}
    for name, path in (("the current folder", Path.cwd()), ("the cache", folder)):
        existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
        rooms[name] = shutil.disk_usage(existing).free / 1e9
    found = ", ".join(f"{room:.1f} GB free for {name}" for name, room in rooms.items())
    least = min(rooms.values())
    if least < _NO_ROOM:
        return Line("disk", "broken", found, "free some space")
    repair = "a training run or COCO's val2017 needs more than 1 GB: free some space"
    return Line("disk", "works", found, repair if least < _LITTLE_ROOM else "")


def find_gpus() -> list[str]:
    """Names of NVIDIA's graphics cards; those are the ones that TensorFlow can use."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_GPU_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if not done.returncode else []


def check_cameras() -> Line:
    """The cameras that the system lists; none is opened."""
    from detector.video.cameras import describe_cameras, list_cameras

    cameras = list_cameras()
    if not cameras:
        return Line("cameras", "absent", "none", "plug one in; a container needs --device /dev/video0")
    closed = [
        camera.path for camera in cameras if camera.path and not os.access(camera.path, os.R_OK | os.W_OK)
    ]
    if len(closed) == len(cameras):
        return Line(
            "cameras",
            "absent",
            f"{describe_cameras()}, but you may not read them",
            'sudo usermod -aG video "$USER", then log in again',
        )
    return Line("cameras", "works", describe_cameras())
