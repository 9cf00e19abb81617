"""Counts of a dataset: objects by class, and by size as the network sees them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from detector.data.dataset import Dataset

# The released model's smallest anchor has a side of 30 pixels at 300 x 300; a box is learned where it shares
# half of its area with an anchor, and from about 20 pixels down none does.
SMALLEST_SIDE = 20
_BOUNDS = (SMALLEST_SIDE, 32, 64, 128, 256)
SIZE_BINS = ("under 20", "20 to 32", "32 to 64", "64 to 128", "128 to 256", "over 256")


@dataclass(frozen=True)
class Statistics:
    """Counts of one split; objects that are neither trained on nor counted (iscrowd) are apart.

    Attributes:
        images: all images.
        negatives: images without objects.
        objects: objects.
        ignored: objects with iscrowd.
        by_class: objects of each category id.
        by_size: objects in each of SIZE_BINS: side of the square of equal area, in the network's input.
    """

    images: int
    negatives: int
    objects: int
    ignored: int
    by_class: Counter[int]
    by_size: tuple[int, ...]


def count_objects(dataset: Dataset, input_size: int) -> Statistics:
    """The statistics of a dataset whose images are squashed to ``input_size`` x ``input_size``."""
    size_of = {image.id: image.size_wh or (input_size, input_size) for image in dataset.images}
    objects = [annotation for annotation in dataset.annotations if not annotation["iscrowd"]]
    sizes = [0] * len(SIZE_BINS)
    for annotation in objects:
        width, height = size_of[annotation["image_id"]]
        share = annotation["bbox"][2] * annotation["bbox"][3] / (width * height)
        side = input_size * math.sqrt(share)
        sizes[sum(side >= bound for bound in _BOUNDS)] += 1
    return Statistics(
        images=len(dataset.images),
        negatives=len(size_of) - len({annotation["image_id"] for annotation in objects}),
        objects=len(objects),
        ignored=len(dataset.annotations) - len(objects),
        by_class=Counter(annotation["category_id"] for annotation in objects),
        by_size=tuple(sizes),
    )
