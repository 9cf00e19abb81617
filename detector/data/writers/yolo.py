"""YOLO: a text file for each picture, and data.yaml with the names.

Source: Ultralytics' documentation, "Object detection datasets".
"""

from __future__ import annotations

import json
from pathlib import Path

from detector.data.writers.proposals import Proposals, ProposedImage

IMAGES = "images/train"
STEPS = (
    "Open {folder} in a tool that reads YOLO; data.yaml has the names. There is no place for scores in it.",
)


def write_yolo(proposals: Proposals, folder: Path) -> None:
    """Write the text files and data.yaml; the pictures lie in ``images/train``."""
    labels = folder / "labels/train"
    labels.mkdir(parents=True)
    for image in proposals.images:
        path = (labels / image.name).with_suffix(".txt")
        path.write_text("".join(_rows(image)), "ascii")
    names = "".join(
        f"  {n}: {json.dumps(name, ensure_ascii=False)}\n" for n, name in enumerate(proposals.classes)
    )
    (folder / "data.yaml").write_text(f"train: {IMAGES}\nnames:\n{names}", "utf-8")


def _rows(image: ProposedImage) -> list[str]:
    width, height = image.size_wh
    return [
        f"{each.label} {(left + right) / 2 / width:.7f} {(top + bottom) / 2 / height:.7f} "
        f"{(right - left) / width:.7f} {(bottom - top) / height:.7f}\n"
        for each in image.objects
        for left, top, right, bottom in [each.box]
    ]
