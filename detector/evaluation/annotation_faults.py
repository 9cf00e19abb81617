"""What can be wrong with a dataset's own boxes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from detector.boxes import FloatArray
from detector.data.dataset import Dataset
from detector.evaluation.box_faults import CENTRED_LAYOUTS, LAYOUTS, BoxFault
from detector.evaluation.coco_metrics import match_detections, mean_precision, silenced

_FEWEST_CENTRED = 10  # boxes; a few that reach beyond their images may do so by themselves
_SUSPECT, _SOUND = 0.8, 0.95  # share of the boxes that lie in their image
_NORMALISED = BoxFault(unit="sides")


def score_truth(dataset: Dataset) -> float:
    """AP of the annotations given as detections: 1 where they are sound, -1 without objects."""
    truth = [
        {key: annotation[key] for key in ("image_id", "category_id", "bbox")} | {"score": 1.0}
        for annotation in dataset.annotations
        if not annotation["iscrowd"]
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


def find_layout_fault(dataset: Dataset, *, centred: bool = False) -> tuple[BoxFault, float] | None:
    """The fault of the dataset's boxes that shows without any detection, and the share of boxes that lie in
    their image as they are; None when they look sound.

    Normalised boxes show in images of known size. A wrong layout shows when repairing it brings the boxes
    back into their images.

    Args:
        centred: the dataset's format has the centres of boxes, so that others may stand in their place.
    """
    sizes = {image.id: image.size_wh for image in dataset.images if image.size_wh}
    annotated = [entry for entry in dataset.annotations if entry["image_id"] in sizes]
    if not annotated:
        return None
    boxes = np.array([entry["bbox"] for entry in annotated], np.float32)
    sizes_wh = np.array([sizes[entry["image_id"]] for entry in annotated], np.float32)
    if np.percentile(np.abs(boxes).max(axis=1), 99) <= 1.5 and np.median(sizes_wh) > 10:
        return _NORMALISED, share_inside(boxes, sizes_wh)
    layouts = LAYOUTS | CENTRED_LAYOUTS if centred and len(boxes) >= _FEWEST_CENTRED else LAYOUTS
    shares = {layout: share_inside(to_xywh(boxes), sizes_wh) for layout, to_xywh in layouts.items()}
    best = max(shares, key=lambda layout: shares[layout])
    if shares[""] < _SUSPECT and shares[best] >= _SOUND:
        return BoxFault(best), shares[""]
    return None


def share_inside(boxes_xywh: FloatArray, sizes_wh: FloatArray) -> float:
    """Share of boxes (N, 4) that have area and lie in their images (N, 2), but for two pixels."""
    inside = (boxes_xywh[:, 2:] > 0) & (boxes_xywh[:, :2] >= -2)
    inside &= boxes_xywh[:, :2] + boxes_xywh[:, 2:] <= sizes_wh + 2
    return float(inside.all(axis=1).mean())


def repair_annotations(dataset: Dataset, fault: BoxFault) -> Dataset:
    """The dataset with its boxes repaired, for looking at the detections all the same."""
    sizes = {image.id: image.size_wh for image in dataset.images}
    annotations = []
    for entry in dataset.annotations:
        box = fault.repair(np.array([entry["bbox"]], np.float32), sizes.get(entry["image_id"]))[0]
        annotations.append({**entry, "bbox": box.tolist(), "area": float(box[2] * box[3])})
    return replace(dataset, annotations=tuple(annotations))
