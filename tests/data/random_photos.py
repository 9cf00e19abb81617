"""Photos with random boxes, and the formats that they are written in."""

from __future__ import annotations

import numpy as np

from tests.data.labelled import CLASSES, WRITERS, Photo

FORMATS = list(WRITERS)


def random_photos(
    count: int, splits: tuple[str, ...] = ("train", "val", "test"), seed: int = 3
) -> list[Photo]:
    """Photos with random boxes, some of them beyond the image, some without objects."""
    rng = np.random.default_rng(seed)
    photos = []
    for number in range(count):
        size_wh = int(rng.integers(30, 200)), int(rng.integers(30, 200))
        objects = []
        for _ in range(number % 5):
            corners = rng.uniform(-0.05, 1.05, (2, 2)) * size_wh
            (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
            name = CLASSES[rng.integers(len(CLASSES))]
            objects.append((name, *(float(value) for value in (x1, y1, x2, y2))))
        suffix = (".jpg", ".PNG", ".Jpeg")[number % 3]
        name = f"{rng.integers(1000):03}_{number} é#={number}{suffix}"
        photos.append(Photo(name, objects, splits[number % len(splits)], size_wh))
    # Pascal VOC knows the classes that occur.
    photos.append(Photo("every class.jpg", [(name, 1, 2, 30, 20) for name in CLASSES], splits[0]))
    return photos
