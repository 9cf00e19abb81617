"""Detections in COCO's results format, as every evaluation reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from detector.boxes import xyxy_to_xywh
from detector.detections import Detections
from detector.labels import COCO_IDS, normalise_name

_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


def to_coco_results(
    detections: Detections, file_name: str, category_ids: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """The detections of an image, each an object of COCO's results format.

    ``file_name`` and ``category_name`` go beyond the format and say what no number can: which image and
    which class it is. ``image_id`` is the stem of the file name, as a number where it is one, which gives
    COCO's own images their own ids.

    Args:
        detections: what was found.
        file_name: of the image, with the folders that tell it from others, and forward slashes.
        category_ids: of each class of the detections; default: ``category_ids_of`` them.
    """
    ids = category_ids_of(detections.classes) if category_ids is None else category_ids
    stem = PurePosixPath(file_name).stem
    boxes_xywh = np.round(xyxy_to_xywh(detections.boxes).astype(np.float64), 3).tolist()
    return [
        {
            "image_id": int(stem) if _NUMBER.fullmatch(stem) else stem,
            "file_name": file_name,
            "category_id": ids[label],
            "category_name": detections.classes[label],
            "bbox": box,
            "score": score,
        }
        for box, score, label in zip(
            boxes_xywh, detections.scores.tolist(), detections.labels.tolist(), strict=True
        )
    ]


def category_ids_of(classes: Sequence[str]) -> list[int]:
    """COCO's ids, where all classes are COCO's; otherwise 1 to K in their order."""
    known = {normalise_name(name): id_ for name, id_ in COCO_IDS.items()}
    ids = [known.get(normalise_name(name), 0) for name in classes]
    return ids if all(ids) else list(range(1, len(classes) + 1))
