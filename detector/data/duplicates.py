"""Images looked at once: their size, and which of them are copies of one another."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.data.look_alikes import join_look_alikes, neighbours_alike
from detector.data.raw_labels import RawImage
from detector.errors import ImageError
from detector.images import Image, decode_image, decode_preview
from detector.system.parallel import map_threads


@dataclass(frozen=True)
class ImageFacts:
    """What is known of an image that was decoded.

    Attributes:
        size_wh: width and height, turned as the labels say.
        digest: equal for equal images among those that were looked at together.
        difference_hash: 64 bits: whether each cell of an 8 x 8 grid is brighter than its left neighbour.
        thumbnail: (256,) uint8, grey, 16 x 16.
        orientation: what EXIF says, 1 to 8.
        as_stored: whether the labels are of the image as it is stored, not as EXIF turns it.
    """

    size_wh: tuple[int, int]
    digest: bytes
    difference_hash: int
    thumbnail: NDArray[np.uint8]
    orientation: int = 1
    as_stored: bool = False


def look_at(image: Image) -> ImageFacts:
    """The facts of a decoded image (H, W, 3)."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    return _facts(grey, (image.shape[1], image.shape[0]), _digest_of_pixels(image))


def look_at_files(images: Sequence[RawImage]) -> list[ImageFacts | ImageError]:
    """The facts of every image, or the error that reading it ended with, in their order.

    JPEGs are decoded small. Images that are the same so far are decoded whole, if their files differ.
    """

    def look(image: RawImage) -> ImageFacts | ImageError:
        try:
            preview = decode_preview(image.read(), name=str(image.path), size_wh=image.size_wh)
        except ImageError as error:
            return error
        digest = hashlib.blake2b(preview.data, digest_size=16, key=f"{preview.size_wh}".encode())
        facts = _facts(preview.grey, preview.size_wh, digest.digest())
        return replace(facts, orientation=preview.orientation, as_stored=preview.as_stored)

    def compare(number: int) -> bytes:
        try:
            image = images[number]
            pixels = decode_image(image.read(), name=str(image.path), size_wh=image.size_wh)
            return _digest_of_pixels(pixels)
        except ImageError:  # gone since
            return str(number).encode()

    found = list(map_threads(look, images, desc="checking images", unit="image"))
    unsure = _perhaps_equal(found)
    digests = map_threads(compare, unsure, desc="comparing images", unit="image")
    for number, digest in zip(unsure, digests, strict=True):
        facts = found[number]
        if isinstance(facts, ImageFacts):
            found[number] = replace(facts, digest=digest)
    return found


def _facts(grey: NDArray[np.uint8], size_wh: tuple[int, int], digest: bytes) -> ImageFacts:
    cells = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    bits = np.packbits(cells[:, 1:] > cells[:, :-1])
    thumbnail = np.asarray(cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA), np.uint8).ravel()
    return ImageFacts(size_wh, digest, int.from_bytes(bits.tobytes(), "big"), thumbnail)


def _digest_of_pixels(image: Image) -> bytes:
    key = f"{image.shape[1]}".encode()
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16, key=key).digest()


def _perhaps_equal(found: Sequence[ImageFacts | ImageError]) -> list[int]:
    """Positions of images that have the same small picture and different files."""
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for number, facts in enumerate(found):
        if isinstance(facts, ImageFacts):
            alike[facts.size_wh, facts.difference_hash, facts.thumbnail.tobytes()].append(number)
    several = (group for group in alike.values() if len(group) > 1)
    return [n for group in several if len({found[n].digest for n in group}) > 1 for n in group]  # type: ignore[union-attr]


def group_same(facts: Mapping[int, ImageFacts], names: Mapping[int, str]) -> list[list[int]]:
    """The images in groups of those that are equal, or that Roboflow exported from one source.

    Args:
        facts: of each image, by any number.
        names: file name of each image; ``cat.rf.0a1b.jpg`` is one of the copies of ``cat``.

    Returns:
        Groups in the order of their first images; an image without copies is a group of its own.
    """
    groups = _Groups(facts)
    first: dict[Hashable, int] = {}
    for image, known in facts.items():
        groups.join(image, first.setdefault(known.digest, image))
        if ".rf." in names[image]:
            groups.join(image, first.setdefault(names[image].split(".rf.")[0], image))
    return groups.all()


def group_copies(facts: Mapping[int, ImageFacts], names: Mapping[int, str]) -> list[list[int]]:
    """The images in groups of copies: as ``group_same``, and those that look alike.

    Frames of a fixed camera are one group, however many they are. The time that this takes grows with the
    number of images, not with that of their pairs.

    Args:
        facts: of each image, by any number.
        names: file name of each image; of names that are numbered, neighbours are compared first.

    Returns:
        Groups in the order of their first images; an image without copies is a group of its own.
    """
    # From cheap to dear: equal digests and names; neighbours in a numbered row, which find nearly all frames
    # of a camera in one pass; then a search for the rest, which compares what is not joined yet.
    if not facts:
        return []
    groups = _Groups(facts)
    for group in group_same(facts, names):
        for image in group[1:]:
            groups.join(image, group[0])
    order = sorted(facts, key=lambda image: natural_order(names[image]))
    hashes = np.array([facts[image].difference_hash for image in order], np.uint64)
    thumbnails = np.stack([facts[image].thumbnail for image in order])
    for number in np.flatnonzero(neighbours_alike(hashes, thumbnails)).tolist():
        groups.join(order[number + 1], order[number])
    numbers: dict[int, int] = {}
    known = np.array([numbers.setdefault(groups.root(image), len(numbers)) for image in order], np.int64)
    first_of: dict[int, int] = {}
    for image, label in zip(order, join_look_alikes(hashes, thumbnails, known).tolist(), strict=True):
        groups.join(image, first_of.setdefault(label, image))
    return groups.all()


def natural_order(name: str) -> list[tuple[int, str]]:
    """A key that sorts ``frame2`` before ``frame10``."""
    parts = re.split(r"([0-9]{1,18})", name)
    return [(int(part), "") if number % 2 else (0, part) for number, part in enumerate(parts)]


class _Groups:
    """Things that are joined pair by pair (union-find)."""

    def __init__(self, items: Iterable[int]) -> None:
        self._parent = {item: item for item in items}

    def root(self, item: int) -> int:
        """The thing that stands for all that are joined to one."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        """Join two things and all that are joined to them."""
        self._parent[self.root(one)] = self.root(other)

    def all(self) -> list[list[int]]:
        """The groups, in the order of their first things."""
        groups: dict[int, list[int]] = defaultdict(list)
        for item in self._parent:
            groups[self.root(item)].append(item)
        return list(groups.values())
