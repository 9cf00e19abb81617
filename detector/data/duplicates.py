"""Images looked at once: their size, and which of them are copies of one another."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from detector.data.raw_labels import RawImage
from detector.errors import ImageError
from detector.images import Image, load_image

_MOST_BITS = 4  # of 64 in which the hashes of two copies differ
_MOST_GREY = 24  # levels by which their thumbnails differ, brightness aside
_BANDS = (13, 13, 13, 13, 12)  # bits; hashes that differ in at most 4 agree in one of these 5


@dataclass(frozen=True)
class ImageFacts:
    """What is known of an image that was decoded.

    Attributes:
        size_wh: width and height, turned as the labels say.
        digest: of the pixels; equal for equal images.
        difference_hash: 64 bits: whether each cell of an 8 x 8 grid is brighter than its left neighbour.
        thumbnail: (256,) uint8, grey, 16 x 16.
    """

    size_wh: tuple[int, int]
    digest: bytes
    difference_hash: int
    thumbnail: NDArray[np.uint8]


def look_at(image: Image) -> ImageFacts:
    """The facts of a decoded image (H, W, 3)."""
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    cells = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    bits = np.packbits(cells[:, 1:] > cells[:, :-1])
    digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16, key=f"{width}".encode())
    thumbnail = cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA).ravel()
    return ImageFacts((width, height), digest.digest(), int.from_bytes(bits.tobytes(), "big"), thumbnail)


def look_at_files(images: Sequence[RawImage]) -> list[ImageFacts | ImageError]:
    """The facts of every image, or the error that reading it ended with, in their order."""

    def look(image: RawImage) -> ImageFacts | ImageError:
        try:
            return look_at(load_image(image.path, size_wh=image.size_wh))
        except ImageError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            facts = pool.map(look, images)
            return list(
                tqdm(
                    facts, total=len(images), desc="checking images", unit="image", disable=None, leave=False
                )
            )
        finally:  # Ctrl-C does not wait for the images that are left
            pool.shutdown(wait=False, cancel_futures=True)


def group_copies(facts: Mapping[int, ImageFacts], names: Mapping[int, str]) -> list[list[int]]:
    """The images in groups of copies: equal, look-alike, or exported by Roboflow from one source.

    Args:
        facts: of each image, by any number.
        names: file name of each image; ``cat.rf.0a1b.jpg`` is one of the copies of ``cat``.

    Returns:
        Groups in the order of their first images; an image without copies is a group of its own.
    """
    groups = _Groups(facts)
    first: dict[object, int] = {}
    for image, known in facts.items():
        groups.join(image, first.setdefault(known.digest, image))
        if ".rf." in names[image]:
            groups.join(image, first.setdefault(names[image].split(".rf.")[0], image))
    # Of equal images one stands for all.
    different = {image: facts[image] for image in facts if first[facts[image].digest] == image}
    for one, other in _look_alikes(different):
        groups.join(one, other)
    return groups.all()


def _look_alikes(facts: Mapping[int, ImageFacts]) -> Iterable[tuple[int, int]]:
    """Pairs of images with almost the same hash and thumbnail.

    Only images that agree in one band of the hash are compared, which leaves a few candidates of many.
    """
    hashes = {image: known.difference_hash for image, known in facts.items()}
    shift = 0
    for bits in _BANDS:
        buckets: dict[int, list[int]] = defaultdict(list)
        for image, value in hashes.items():
            buckets[value >> shift & (1 << bits) - 1].append(image)
        shift += bits
        for bucket in buckets.values():
            yield from _alike_in(bucket, facts)


def _alike_in(bucket: list[int], facts: Mapping[int, ImageFacts]) -> Iterable[tuple[int, int]]:
    hashes = np.array([facts[image].difference_hash for image in bucket], np.uint64)
    thumbnails = np.array([facts[image].thumbnail for image in bucket], np.int16)
    for index, image in enumerate(bucket[:-1]):
        near = np.flatnonzero(np.bitwise_count(hashes[index + 1 :] ^ hashes[index]) <= _MOST_BITS) + index + 1
        difference = thumbnails[near] - thumbnails[index]
        difference = np.abs(difference - difference.mean(axis=1, keepdims=True))
        for other in near[difference.max(axis=1) <= _MOST_GREY]:
            yield image, bucket[other]


class _Groups:
    """Things that are joined pair by pair (union-find)."""

    def __init__(self, items: Iterable[int]) -> None:
        self._parent = {item: item for item in items}

    def _root(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        self._parent[self._root(one)] = self._root(other)

    def all(self) -> list[list[int]]:
        groups: dict[int, list[int]] = defaultdict(list)
        for item in self._parent:
            groups[self._root(item)].append(item)
        return list(groups.values())
