"""The images of COCO that the released weights were never trained on."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from detector.data.dataset import Dataset
from detector.spec import ModelSpec

# mscoco_minival_ids.txt of tensorflow/models, research/object_detection/data, as it is there: Copyright
# The TensorFlow Authors, Apache License, Version 2.0. The ids are COCO's, whose images keep them from split
# to split; all 8,059 are in val2014.
_IDS = Path(__file__).with_name("minival_ids.txt")
# As COCO's files are called: 000000000139.jpg, COCO_val2014_000000000139.jpg.
_NUMBER = re.compile(r"(?:COCO_[a-z]+20\d\d_)?(\d{12})\.jpg", re.ASCII)


@lru_cache(maxsize=1)
def minival_ids() -> frozenset[int]:
    """COCO's ids of the 8,059 images that were kept out of the released weights' training."""
    return frozenset(map(int, _IDS.read_text(encoding="ascii").split()))


def clean_images(dataset: Dataset) -> list[int]:
    """The dataset's ids of the images that are in the minival, in its order.

    An image counts by its file's name, which has COCO's id in it, and only where the dataset agrees: who has
    numbered images anew may have given that id to another.
    """
    known = minival_ids()
    return [image.id for image in dataset.images if _number_of(image.name) == image.id and image.id in known]


def _number_of(name: str) -> int | None:
    found = _NUMBER.fullmatch(name)
    return int(found[1]) if found else None


def contaminated_split(coco: Dataset, spec: ModelSpec) -> tuple[str | None, bool]:
    """The split of the dataset that the weights were trained on, if it is one; or that it is one, but none of
    these images was.
    """
    splits = spec.card.get("contaminated", "").split(", ")
    split = next((split for split in splits if split and split in f"{coco.split} {coco.origin}"), None)
    # A later training may have had any images: only the released weights say that they left out the minival.
    left_out = "minival" in spec.card.get("trained_on", "")
    if split is not None and left_out and len(clean_images(coco)) == len(coco.images):
        return None, True
    return split, False
