"""labelme: a JSON file beside each picture, and the list of classes.

Source: labelme's LabelFile, and `labelme --help`.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from detector.data.writers.proposals import Proposals, ProposedImage

LABELS = "labels.txt"
STEPS = (f"labelme {{folder}} --labels {{folder}}/{LABELS}",)
_VERSION = "5.5.0"  # of the format


def write_labelme(proposals: Proposals, folder: Path) -> None:
    """Write a file beside each picture in the folder, and the names of the classes."""
    for image in proposals.images:
        path = (folder / image.name).with_suffix(".json")
        path.write_text(json.dumps(_content(image), indent=1, ensure_ascii=False), "utf-8")
    (folder / LABELS).write_text("".join(f"{name}\n" for name in proposals.classes), "utf-8")


def _content(image: ProposedImage) -> dict[str, object]:
    shapes = [
        {
            "label": each.name,
            "points": [[round(value, 2) for value in corner] for corner in (each.box[:2], each.box[2:])],
            "group_id": None,
            "description": f"{'unsure, ' * each.unsure}score {each.score:.2f}",
            "shape_type": "rectangle",
            "flags": {"unsure": True} if each.unsure else {},
            "mask": None,
        }
        for each in image.objects
    ]
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": PurePosixPath(image.name).name,
        "imageData": None,
        "imageHeight": image.size_wh[1],
        "imageWidth": image.size_wh[0],
    }
