"""What can be wrong with a dataset's own boxes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from detector.data.annotations import Annotation, Result
from detector.data.box_layouts import BoxFault
from detector.data.dataset import Dataset
from detector.evaluation.coco_metrics import match_detections, mean_precision
from detector.system.silence import silenced


def score_truth(dataset: Dataset) -> float:
    """AP of the annotations given as detections: 1 where they are sound, -1 without objects."""
    truth: list[Result] = [
        {"image_id": each["image_id"], "category_id": each["category_id"], "bbox": each["bbox"], "score": 1.0}
        for each in dataset.annotations
        if not each["iscrowd"]
    ]
    with silenced():
        coco_eval = match_detections(dataset, truth, sorted(dataset.categories), ap_only=True)
        coco_eval.accumulate()
    return mean_precision(coco_eval.eval["precision"])


def find_broken_annotations(dataset: Dataset) -> list[str]:
    """What makes annotations count for nothing or score below 1 against themselves, in numbers."""
    total = len(dataset.annotations)
    images = {image.id for image in dataset.images}
    crowded = Counter(
        (entry["image_id"], entry["category_id"]) for entry in dataset.annotations if not entry["iscrowd"]
    )
    ids = Counter(entry["id"] for entry in dataset.annotations)
    counts = {
        "have no area (width or height is 0 or less)": sum(
            entry["bbox"][2] <= 0 or entry["bbox"][3] <= 0 for entry in dataset.annotations
        ),
        "have a category_id that is not in the list of categories": sum(
            entry["category_id"] not in dataset.categories for entry in dataset.annotations
        ),
        "have an image_id that is not in the list of images": sum(
            entry["image_id"] not in images for entry in dataset.annotations
        ),
        "have the id 0 or one that another has, too": sum(
            count for id_, count in ids.items() if id_ == 0 or count > 1
        ),
        "are beyond the 100 of a class in an image that COCO counts": sum(
            max(0, count - 100) for count in crowded.values()
        ),
    }
    return [f"{count:,} of {total:,} annotations {what}" for what, count in counts.items() if count]


def repair_annotations(dataset: Dataset, fault: BoxFault) -> Dataset:
    """The dataset with its boxes repaired, for looking at the detections all the same."""
    sizes = {image.id: image.size_wh for image in dataset.images}
    annotations: list[Annotation] = []
    for entry in dataset.annotations:
        box = fault.repair(np.array([entry["bbox"]], np.float32), sizes.get(entry["image_id"]))[0]
        annotations.append({**entry, "bbox": box.tolist(), "area": float(box[2] * box[3])})
    return replace(dataset, annotations=tuple(annotations))
