"""Faults that are put into the labels of a dataset on purpose, to see which of them are found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detector.boxes import intersection_over_union, xywh_to_xyxy
from detector.data.annotations import Annotation
from detector.data.dataset import DatasetImage
from detector.data.folder import load_labelled_folder

_SHIFT, _STRETCH = 0.4, 0.5  # at most, in sides of the box, and in the logarithm of its sides
_FIT = (0.4, 0.7)  # IoU of a badly placed box with the right one


@dataclass(frozen=True)
class Fault:
    """What was done to an object.

    Attributes:
        kind: ``forgotten``, ``badly placed``, ``swapped`` or ``unsupported``, as of a ``Suspect``.
        image: name of the file.
        bbox: of the label, xywh, pixels; of a forgotten object that which is gone.
    """

    kind: str
    image: str
    bbox: tuple[float, ...]


def plant_faults(source: Path, target: Path, share: float, seed: int) -> list[Fault]:
    """Copy a dataset as COCO JSON, all its splits as one, with faults of each kind in a share of its objects.

    Classes are swapped where there are several.
    """
    images, annotations, names = _load(source)
    rng = np.random.default_rng(seed)
    order = rng.permutation([number for number, each in enumerate(annotations) if not each["iscrowd"]])
    count = round(share * len(order))
    gone, moved, renamed = (order[start * count : (start + 1) * count].tolist() for start in range(3))
    faults = []
    for number in gone:
        faults.append(_fault("forgotten", images, annotations[number]))
    for number in moved:
        each = annotations[number]
        each["bbox"] = _misplaced(each["bbox"], images[each["image_id"]].size_wh or (1, 1), rng)
        faults.append(_fault("badly placed", images, each))
    for number in renamed if len(names) > 1 else ():
        each = annotations[number]
        each["category_id"] = int(rng.choice([id_ for id_ in names if id_ != each["category_id"]]))
        faults.append(_fault("swapped", images, each))
    kept = [each for number, each in enumerate(annotations) if number not in set(gone)]
    _write(target, images, kept, names)
    return faults


def _load(source: Path) -> tuple[dict[int, DatasetImage], list[Annotation], dict[int, str]]:
    folder = load_labelled_folder(source)
    parts = [part for part in (folder.train, folder.val, folder.test) if part is not None]
    images = {image.id: image for part in parts for image in part.images}
    found = {(each["image_id"], each["id"]): each for part in parts for each in part.annotations}
    return (
        {id_: images[id_] for id_ in sorted(images)},
        [found[key].copy() for key in sorted(found)],
        folder.train.categories,
    )


def _fault(kind: str, images: dict[int, DatasetImage], each: Annotation) -> Fault:
    return Fault(kind, images[each["image_id"]].name, tuple(each["bbox"]))


def _misplaced(box: Sequence[float], size_wh: tuple[int, int], rng: np.random.Generator) -> list[float]:
    """The box shifted and stretched inside its image, so that its IoU with itself is .4 to .7."""
    x, y, width, height = box
    while True:
        shift, stretch = rng.uniform(-_SHIFT, _SHIFT, 2), np.exp(rng.uniform(-_STRETCH, _STRETCH, 2))
        sides = np.array([width, height]) * stretch
        centre = np.array([x + width / 2, y + height / 2]) + shift * (width, height)
        low = np.maximum(centre - sides / 2, 0)
        high = np.minimum(centre + sides / 2, size_wh)
        moved = np.array([[*low, *(high - low)], box], np.float32)
        if (high - low).min() > 1:
            corners = xywh_to_xyxy(moved)
            if _FIT[0] <= intersection_over_union(corners[:1], corners[1:])[0, 0] <= _FIT[1]:
                return [float(value) for value in moved[0]]


def _write(
    target: Path, images: dict[int, DatasetImage], annotations: Sequence[Annotation], names: dict[int, str]
) -> None:
    for folder in ("images", "annotations"):
        (target / folder).mkdir(parents=True)
    for image in images.values():
        shutil.copyfile(image.path, target / "images" / image.name)
    content = {
        "images": [
            {"id": image.id, "file_name": image.name, "width": width, "height": height}
            for image in images.values()
            for width, height in [image.size_wh or (1, 1)]
        ],
        "annotations": [
            {**each, "id": number, "area": each["bbox"][2] * each["bbox"][3]}
            for number, each in enumerate(annotations, start=1)
        ],
        "categories": [{"id": id_, "name": name} for id_, name in names.items()],
    }
    (target / "annotations/instances_default.json").write_text(json.dumps(content))
