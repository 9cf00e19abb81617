"""COCO: one JSON file for all pictures; ``score`` and ``attributes`` go beyond its own keys."""

from __future__ import annotations

import json
from pathlib import Path

from detector.data.writers.proposals import Proposal, Proposals

LABELS = "annotations/instances_default.json"
STEPS = (f"In CVAT or another tool: import {{folder}}/{LABELS}, with the pictures in {{folder}}/images.",)


def write_coco(proposals: Proposals, folder: Path) -> None:
    """Write the annotation file; the pictures lie in ``images``."""
    found = [(number, each) for number, image in enumerate(proposals.images, 1) for each in image.objects]
    content = {
        "info": {"description": f"proposed by {proposals.model}"},
        "licenses": [],
        "images": [
            {"id": number, "file_name": image.name, "width": image.size_wh[0], "height": image.size_wh[1]}
            for number, image in enumerate(proposals.images, start=1)
        ],
        "annotations": [
            _annotation(number, image_id, each) for number, (image_id, each) in enumerate(found, start=1)
        ],
        "categories": [
            {"id": number, "name": name, "supercategory": ""}
            for number, name in enumerate(proposals.classes, start=1)
        ],
    }
    path = folder / LABELS
    path.parent.mkdir()
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), "utf-8")


def _annotation(number: int, image_id: int, each: Proposal) -> dict[str, object]:
    left, top, right, bottom = each.box
    width, height = right - left, bottom - top
    return {
        "id": number,
        "image_id": image_id,
        "category_id": each.label + 1,
        "bbox": [round(value, 2) for value in (left, top, width, height)],
        "area": round(width * height, 2),
        "iscrowd": 0,
        "segmentation": [],
        "score": round(each.score, 4),
        "attributes": {"unsure": each.unsure},
    }
