"""The tools that labels are written for, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detector.data.writers import coco, cvat, label_studio, labelme, voc, yolo
from detector.data.writers.proposals import Proposals


@dataclass(frozen=True)
class Tool:
    """How labels for a tool are written.

    Attributes:
        images: where the pictures lie in the folder; they are there before ``write`` is called.
        write: writes the labels into the folder.
        steps: lines that say how they come into the tool; ``{folder}`` is where they are, for a shell.
        stays: whether what is corrected is in the folder in the end, and not in an export of the tool's.
        flat: whether the pictures lie in one folder, since readers of the format look into no other.
        unfit: found in names of classes that the format cannot hold.
    """

    images: str
    write: Callable[[Proposals, Path], None]
    steps: tuple[str, ...]
    stays: bool = True
    flat: bool = False
    unfit: re.Pattern[str] | None = None


TOOLS = {
    "cvat": Tool("images", cvat.write_cvat, cvat.STEPS, stays=False),
    "label-studio": Tool("images", label_studio.write_label_studio, label_studio.STEPS),
    "labelme": Tool("", labelme.write_labelme, labelme.STEPS),
    "yolo": Tool(yolo.IMAGES, yolo.write_yolo, yolo.STEPS, flat=True),
    "voc": Tool(voc.IMAGES, voc.write_voc, voc.STEPS, flat=True, unfit=voc.UNFIT),
    "coco": Tool("images", coco.write_coco, coco.STEPS, stays=False),
}
