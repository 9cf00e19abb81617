"""Which of the two OpenCV wheels is at work: only ``opencv-python`` can open windows."""

from __future__ import annotations

import re

import cv2

REPAIR = "pip uninstall -y opencv-python opencv-python-headless && pip install --no-deps opencv-python"


def has_gui() -> bool:
    """Whether this OpenCV was built with windows."""
    match = re.search(r"GUI:\s+(\S+)", cv2.getBuildInformation())
    return match is not None and match[1] != "NONE"


def missing_gui_note() -> str | None:
    """The sentence for a machine on which the headless wheel won; None where all is well."""
    if has_gui():
        return None
    return f"Note: OpenCV is the headless build here, so it cannot open windows; to repair it: {REPAIR}"
