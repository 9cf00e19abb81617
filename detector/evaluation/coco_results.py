"""Detections in COCO's results format, as every evaluation reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from detector.boxes import xyxy_to_xywh
from detector.data.annotations import Result
from detector.detections import Detections
from detector.labels import COCO_IDS, normalise_name

_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


def to_results(
    detections: Detections, image_id: int, category_ids: Sequence[int | None], scale: float = 1
) -> list[Result]:
    """The detections of an image, without those of classes that have no id.

    Args:
        category_ids: of each class of the detections.
        scale: what their boxes are multiplied by.
    """
    boxes_xywh = np.round(xyxy_to_xywh(detections.boxes).astype(np.float64) * scale, 3).tolist()
    return [
        {"image_id": image_id, "category_id": id_, "bbox": box, "score": score}
        for box, score, label in zip(
            boxes_xywh, detections.scores.tolist(), detections.labels.tolist(), strict=True
        )
        if (id_ := category_ids[label]) is not None
    ]


def to_named_results(detections: Detections, file_name: str) -> list[dict[str, object]]:
    """The same for an image of no dataset: ``file_name`` and ``category_name`` go beyond the format and say
    what no number can, which image and which class it is.

    ``image_id`` is the stem of the file name, as a number where it is one, which gives COCO's own images
    their own ids. ``category_id`` is COCO's where all classes are COCO's; otherwise 1 to K in their order.

    Args:
        file_name: with the folders that tell it from others, and forward slashes.
    """
    known = {normalise_name(name): id_ for name, id_ in COCO_IDS.items()}
    ids = [known.get(normalise_name(name)) for name in detections.classes]
    if None in ids:
        ids = list(range(1, len(ids) + 1))
    stem = PurePosixPath(file_name).stem
    kinds: list[dict[str, object]] = [
        {key: value for key, value in each.items() if key in ("kind", "kind_score")}
        for each in detections.to_dicts()
    ]
    return [
        {
            "image_id": int(stem) if _NUMBER.fullmatch(stem) else stem,
            "file_name": file_name,
            "category_id": each["category_id"],
            "category_name": name,
            "bbox": each["bbox"],
            "score": each["score"],
            **kind,
        }
        for each, name, kind in zip(to_results(detections, 0, ids), detections.names, kinds, strict=True)
    ]
