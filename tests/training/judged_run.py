"""The folder of a run, in folds or not, as a training leaves what is read of it to judge labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from detector.data.annotations import Result
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.data.readers.coco import save_coco
from detector.training.run_folder import RunFolder


def perfect(folder: LabelledFolder) -> list[Result]:
    """A detection on each object, and one of a low score in each image's corner."""
    parts = [folder.train, folder.val]
    return [
        {"image_id": each["image_id"], "category_id": each["category_id"], "bbox": each["bbox"], "score": 0.9}
        for part in parts
        for each in part.annotations
    ] + [
        {"image_id": image.id, "category_id": 1, "bbox": [50.0, 2.0, 12.0, 12.0], "score": 0.06}
        for part in parts
        for image in part.images
    ]


def write_judged_run(
    root: Path,
    dataset: Path,
    find: Callable[[LabelledFolder], Sequence[Mapping[str, object] | Result]] = perfect,
    folds: int | None = 2,
) -> RunFolder:
    """A run on a dataset with these detections: pooled over the folds, or of the validation images."""
    run, folder = RunFolder(root), load_labelled_folder(dataset, folds=folds)
    root.mkdir(parents=True)
    run.record.write_text(json.dumps({"dataset": str(dataset), "folds": folds}))
    parts = [(run.fold(n), folder.fold(n).val) for n in range(1, (folds or 0) + 1)]
    for own, part in parts or [(run, folder.val)]:
        own.root.mkdir(parents=True, exist_ok=True)
        save_coco(part, own.validation)
        judged = {image.id for image in part.images}
        found = {json.dumps(each): each for each in find(folder) if each["image_id"] in judged}
        own.detections.write_text(json.dumps(list(found.values())))
    return run
