"""A small COCO dataset as tests write it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NAMES = ("000000000139.jpg", "b c.png", "c#1.jpeg")
CONTENT: dict[str, Any] = {
    "images": [
        {"id": 139, "file_name": NAMES[0], "width": 640, "height": 426},
        {"id": 7, "file_name": NAMES[1], "width": 500, "height": 375},
        {"id": 900_100_000_001, "file_name": NAMES[2], "width": 4, "height": 5},
    ],
    "annotations": [
        {"id": 5, "image_id": 139, "category_id": 18, "bbox": [1, 2.5, 30, 40], "area": 600, "iscrowd": 0},
        {"id": 9, "image_id": 7, "category_id": 90, "bbox": [0, 0, 10, 10], "area": 50.5, "iscrowd": 1},
        {"id": 2, "image_id": 139, "category_id": 90, "bbox": [3, 4, 5, 6], "area": 30, "iscrowd": 0},
    ],
    "categories": [{"id": 90, "name": "toothbrush"}, {"id": 18, "name": "dog"}],
}


def write(annotations: Path, images: Path, content: Any = CONTENT) -> Path:
    """An annotation file, and files for the images that it names; loading does not look into them."""
    annotations.parent.mkdir(parents=True, exist_ok=True)
    annotations.write_text(json.dumps(content))
    images.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (images / name).touch()
    return annotations
