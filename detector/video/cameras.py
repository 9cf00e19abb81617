"""Which cameras this machine has."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import cv2
from cv2_enumerate_cameras import enumerate_cameras

# How OpenCV reaches cameras on each system; elsewhere it chooses by itself.
_BACKENDS = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_MSMF}
CAMERA_BACKEND = _BACKENDS.get(sys.platform, cv2.CAP_ANY)


@dataclass(frozen=True)
class Camera:
    """A camera.

    Attributes:
        index: the number to open it by.
        path: the device, such as ``/dev/video0``; empty where the system has no paths.
        name: what its maker calls it.
    """

    index: int
    path: str
    name: str


def list_cameras() -> list[Camera]:
    """The cameras of this machine, by index; none are opened."""
    try:
        found = enumerate_cameras(CAMERA_BACKEND)
    except (NotImplementedError, OSError):  # a system that cannot tell
        return []
    cameras = [Camera(info.index, info.path or "", info.name or "camera") for info in found]
    return sorted(cameras, key=lambda camera: camera.index)


def describe_cameras() -> str:
    """The cameras in one line: ``0 (Integrated Webcam), 2 (HD Pro Webcam C920)``, or ``none``."""
    return ", ".join(f"{camera.index} ({camera.name})" for camera in list_cameras()) or "none"
