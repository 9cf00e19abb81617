"""Which OpenCV is at work, and what it gets wrong."""

from __future__ import annotations

import os
import re
import tempfile
from functools import cache

import cv2

from detector.system.invocation import install, uninstall


def repair() -> str:
    """The command line that puts the build with windows in the place of the headless one."""
    away = uninstall("opencv-python", "opencv-python-headless")
    return f"{away} && {install('--no-deps', 'opencv-python')}"


def has_gui() -> bool:
    """Whether this OpenCV was built with windows, as ``opencv-python`` is and its headless twin is not."""
    match = re.search(r"GUI:\s+(\S+)", cv2.getBuildInformation())
    return match is not None and match[1] != "NONE"


def missing_gui_note() -> str | None:
    """The sentence for a machine on which the headless wheel won; None where all is well."""
    if has_gui():
        return None
    return f"Note: OpenCV is the headless build here, so it cannot open windows; to repair it: {repair()}"


@cache
def shows_interlaced() -> bool:
    """Whether this OpenCV gives the pictures of interlaced video.

    Those from 4.13 on (with FFmpeg's swscale 9) fail to convert an interlaced picture and do not look at
    the error: ``read`` says True and gives the picture before, or what lay in memory. Two pictures, a dark
    and a bright one, show what is the case.
    """
    header = b"YUV4MPEG2 W32 H32 F25:1 It A1:1 C420jpeg\n"
    frames = [b"FRAME\n" + bytes([luma]) * 32 * 32 + bytes([128]) * 32 * 16 for luma in (50, 200)]
    try:
        handle, path = tempfile.mkstemp(suffix=".y4m")
    except OSError:  # nowhere to write; then it is not trusted
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(header + b"".join(frames))
        capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
        pictures = [capture.read() for _ in frames]
        capture.release()
    finally:
        os.unlink(path)
    if not all(good for good, _ in pictures):
        return False
    dark, bright = (picture.mean() for _, picture in pictures)
    return bool(dark < 100 < bright)
