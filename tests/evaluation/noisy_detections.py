"""A dataset, and good detections of it, for tests to spoil."""

from pathlib import Path

import numpy as np

from detector.data.dataset import Dataset, DatasetImage
from tests.evaluation.test_coco_metrics import as_detections

NAMES = {1: "ant", 2: "bee", 4: "cow", 5: "dog"}


def build_dataset(images=40, seed=0, names=NAMES):
    generator = np.random.default_rng(seed)
    pictures, annotations = [], []
    for id_ in range(10, 10 + images):
        width, height = ((640, 480), (500, 375), (427, 640), (800, 450))[id_ % 4]
        pictures.append(DatasetImage(id_, Path(f"{id_}.jpg"), (width, height)))
        for _ in range(generator.integers(1, 5)):
            w, h = generator.uniform((0.1 * width, 0.1 * height), (0.4 * width, 0.6 * height))
            x, y = generator.uniform(0, (width - w, height - h))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": id_,
                    "category_id": int(generator.choice(list(names))),
                    "bbox": [float(x), float(y), float(w), float(h)],
                    "area": float(w * h),
                    "iscrowd": 0,
                }
            )
    return Dataset(Path("val.json"), tuple(pictures), tuple(annotations), dict(names), "val")


def with_noise(dataset, seed=1):
    """Good detections: every object, a little beside it, and as many ghosts of low score."""
    generator = np.random.default_rng(seed)
    found = as_detections(dataset)
    sizes = {image.id: image.size_wh for image in dataset.images}
    for detection in found:
        x, y, w, h = detection["bbox"]
        dx, dy, dw, dh = generator.uniform(-0.05, 0.05, 4)
        detection["bbox"] = [x + dx * w, y + dy * h, w * (1 + dw), h * (1 + dh)]
        detection["score"] = float(generator.uniform(0.5, 1))
    for detection in list(found):
        width, height = sizes[detection["image_id"]]
        box = [*generator.uniform(0, (width / 2, height / 2)), width / 4, height / 4]
        category = int(generator.choice(list(dataset.categories)))
        score = float(generator.uniform(0, 0.3))
        found.append({**detection, "bbox": box, "category_id": category, "score": score})
    return found
