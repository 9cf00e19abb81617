"""Which images of a dataset other datasets have, too: equal ones, and those that look like one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.data.dataset import Dataset, DatasetImage
from detector.data.duplicates import ImageFacts, look_at_files
from detector.data.look_alikes import looking_like
from detector.data.raw_labels import RawImage
from detector.errors import ImageError

# Grey levels of thumbnails. Copies in half the size and at a JPEG quality of 40 differ by 2 to 7, those of
# tiny pictures by up to 20, which is also what frames of a fixed camera differ by.
_FRAME_GREY = 8
_MANY = 0.5  # the share of images from which on look-alikes are the frames of a fixed camera


def find_shared(dataset: Dataset, others: Sequence[Dataset]) -> dict[int, DatasetImage]:
    """For each image that other datasets have, too, by its id: the first that it equals or looks like.

    Where most of those that differ look like one of the others, they come from a fixed camera, and only
    those are found that are next to equal. Mirrored and cropped copies are not found, nor are images that
    cannot be read.
    """
    theirs = [image for other in others for image in other.images]
    if not theirs:
        return {}
    looked_at = look_at_files([as_read(image) for image in (*dataset.images, *theirs)])
    own, known = looked_at[: len(dataset.images)], looked_at[len(dataset.images) :]
    pairs = zip(theirs, known, strict=True)
    kept = [(image, facts) for image, facts in pairs if not isinstance(facts, ImageError)]
    if not kept:
        return {}
    first_of: dict[bytes, DatasetImage] = {}
    for image, seen in kept:
        first_of.setdefault(seen.digest, image)
    hashes = np.array([seen.difference_hash for _, seen in kept], np.uint64)
    thumbnails = np.stack([seen.thumbnail for _, seen in kept])
    equal: dict[int, DatasetImage] = {}
    alike: dict[int, DatasetImage] = {}
    frames: dict[int, DatasetImage] = {}
    different = 0
    for image, facts in zip(dataset.images, own, strict=True):
        if isinstance(facts, ImageError):
            continue
        if (same := first_of.get(facts.digest)) is not None:
            equal[image.id] = same
            continue
        different += 1
        for found, most_grey in ((alike, ()), (frames, (_FRAME_GREY,))):
            if (like := _first(facts, hashes, thumbnails, *most_grey)) is not None:
                found[image.id] = kept[like][0]
    return equal | (frames if len(alike) > _MANY * different else alike)


def _first(
    facts: ImageFacts, hashes: NDArray[np.uint64], thumbnails: NDArray[np.uint8], *most_grey: float
) -> int | None:
    like = looking_like((facts.difference_hash, facts.thumbnail), hashes, thumbnails, *most_grey)
    return int(like.argmax()) if like.any() else None


def as_read(image: DatasetImage) -> RawImage:
    """An image of a dataset as the readers of label files have it, without its objects."""
    record = None if image.record is None else (image.path, image.record)
    return RawImage(image.path, (), image.size_wh, record=record)
