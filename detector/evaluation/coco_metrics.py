"""The 12 COCO numbers, computed by pycocotools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import pycocotools.coco
import pycocotools.cocoeval
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tqdm import tqdm

from detector.data.annotations import Result
from detector.data.dataset import Dataset
from detector.system.progress import bars_hidden
from detector.system.silence import make_silenceable, silenced

# In the order of pycocotools' ``stats``.
MEANING = {
    "AP": "mean over IoU .50 to .95",
    "AP50": "IoU .50",
    "AP75": "IoU .75",
    "APs": "small objects (under 32 x 32 pixels)",
    "APm": "medium objects",
    "APl": "large objects (over 96 x 96 pixels)",
    "AR1": "recall with 1 detection an image",
    "AR10": "recall with 10",
    "AR100": "recall with 100",
    "ARs": "recall, small objects",
    "ARm": "recall, medium objects",
    "ARl": "recall, large objects",
}
METRICS = tuple(MEANING)
_MATCHED_AT_ONCE = 100_000  # images times classes; pycocotools keeps what it found for each


@dataclass(frozen=True)
class CocoMetrics:
    """What an evaluation found.

    Attributes:
        summary: the 12 numbers by name, in [0, 1]; -1 where no object takes part.
        per_class: AP of each class by name, in [0, 1]; -1 for a class without objects.
    """

    summary: dict[str, float]
    per_class: dict[str, float]


class CocoEval(COCOeval):  # type: ignore[misc]
    """COCOeval with a progress bar."""

    bar: tqdm[NoReturn]

    def evaluateImg(self, *args: object) -> object:  # noqa: N802 - pycocotools' name
        self.bar.update()
        return super().evaluateImg(*args)


make_silenceable(pycocotools.coco, pycocotools.cocoeval)


def compute_metrics(
    dataset: Dataset, detections: Sequence[Result], category_ids: Sequence[int]
) -> CocoMetrics:
    """The COCO numbers of detections over the images of a dataset.

    Crowd regions are as COCO means them: detections in one are neither right nor wrong.

    Source: Lin et al., Microsoft COCO, 2014; pycocotools.
    """
    categories = sorted(category_ids)
    at_once = max(1, _MATCHED_AT_ONCE // len(dataset.images))
    coco_eval = _build_eval(dataset, detections)
    parts = []
    ticks = len(categories) * len(dataset.images) * len(coco_eval.params.areaRng)
    with silenced(), _bar(ticks) as coco_eval.bar:
        for start in range(0, len(categories), at_once) or [0]:
            coco_eval.params.catIds = categories[start : start + at_once]
            coco_eval.evaluate()
            coco_eval.accumulate()
            parts.append(coco_eval.eval)
        precision = np.concatenate([part["precision"] for part in parts], axis=2)
        recall = np.concatenate([part["recall"] for part in parts], axis=1)
        coco_eval.eval = {"precision": precision, "recall": recall}
        coco_eval.summarize()
    by_class = precision[:, :, :, 0, -1]  # thresholds, recalls, classes
    return CocoMetrics(
        summary=dict(zip(METRICS, map(float, coco_eval.stats), strict=True)),
        per_class={
            dataset.categories[category]: mean_precision(by_class[:, :, k])
            for k, category in enumerate(categories)
        },
    )


def match_detections(
    dataset: Dataset,
    detections: Sequence[Result],
    category_ids: Sequence[int],
    *,
    ap_only: bool = False,
) -> CocoEval:
    """The evaluation up to where detections are matched to objects, ready to be accumulated.

    Args:
        ap_only: leave out what AP itself does not need: the area ranges and the lower limits of detections.
    """
    coco_eval = _build_eval(dataset, detections)
    params = coco_eval.params
    params.catIds = sorted(category_ids)
    if ap_only:
        params.areaRng, params.areaRngLbl, params.maxDets = params.areaRng[:1], ["all"], [100]
    with _bar(len(category_ids) * len(dataset.images) * len(params.areaRng)) as coco_eval.bar:
        coco_eval.evaluate()
    return coco_eval


def _build_eval(dataset: Dataset, detections: Sequence[Result]) -> CocoEval:
    truth = COCO()
    truth.dataset = {
        "images": [{"id": image.id} for image in dataset.images],
        "annotations": [dict(annotation) for annotation in dataset.annotations],
        "categories": [{"id": id_, "name": name} for id_, name in dataset.categories.items()],
    }
    with silenced():
        truth.createIndex()
        coco_eval = CocoEval(truth, _load_results(truth, detections), "bbox")
    coco_eval.params.imgIds = [image.id for image in dataset.images]
    return coco_eval


def _bar(ticks: int) -> tqdm[NoReturn]:
    return tqdm(total=ticks, desc="matching", unit="", unit_scale=True, leave=False, disable=bars_hidden())


def mean_precision(precision: NDArray[np.float64]) -> float:
    """The mean of pycocotools' precisions, in [0, 1]; -1 where no object takes part."""
    valid = precision[precision > -1]
    return float(valid.mean()) if valid.size else -1.0


def _load_results(truth: COCO, detections: Sequence[Result]) -> COCO:
    """``COCO.loadRes`` for boxes, which also takes an empty list."""
    results = COCO()
    results.dataset = {
        "images": truth.dataset["images"],
        "categories": truth.dataset["categories"],
        "annotations": [
            {**detection, "id": number, "area": detection["bbox"][2] * detection["bbox"][3], "iscrowd": 0}
            for number, detection in enumerate(detections, start=1)
        ],
    }
    results.createIndex()
    return results
