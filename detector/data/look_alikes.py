"""Finds which of many images look alike, also where most do: the frames of a fixed camera."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_MOST_BITS = 4  # of 64 in which the hashes of two copies differ
_MOST_GREY = 24  # levels by which their thumbnails differ, brightness aside
_BANDS = (13, 13, 13, 13, 12)  # bits; hashes that differ in at most 4 agree in one of these 5

Hashes = NDArray[np.uint64]
Thumbnails = NDArray[np.uint8]
Numbers = NDArray[np.int64]


def join_look_alikes(hashes: Hashes, thumbnails: Thumbnails, known: Numbers) -> Numbers:
    """A group number for each image: the same for two that look alike, directly or through others.

    Two look alike when their hashes differ in few bits, and every cell of their thumbnails by few levels,
    once the difference in brightness is taken away. An image that is found leaves the search, so that a
    thousand frames of one camera cost a thousand comparisons and not half a million.

    Args:
        hashes: (N,) of 64 bits.
        thumbnails: (N, C), grey.
        known: (N,) group numbers from 0 on, of images that are joined already.
    """
    search = _Search(hashes, thumbnails)
    by_group = np.argsort(known, kind="stable")
    bounds = np.searchsorted(known[by_group], np.arange(known.max(initial=-1) + 2))
    labels = np.full(len(known), -1, np.int64)

    def take(image: int) -> list[int]:
        """The image with all that are joined to it already."""
        group = by_group[bounds[known[image]] : bounds[known[image] + 1]]
        labels[group] = label
        search.remove(group)
        return group.tolist()

    label = 0
    for start in range(len(known)):
        if labels[start] >= 0:
            continue
        waiting = take(start)
        while waiting:
            for found in search.alike(waiting.pop()):
                for image in found:
                    if labels[image] < 0:
                        waiting += take(image)
        label += 1
    return labels


def neighbours_alike(hashes: Hashes, thumbnails: Thumbnails) -> NDArray[np.bool_]:
    """For N images in a row, (N - 1,): whether each looks like the one after it."""
    centred = _centred(thumbnails)
    near = np.bitwise_count(hashes[1:] ^ hashes[:-1]) <= _MOST_BITS
    return np.asarray(near & (np.abs(centred[1:] - centred[:-1]).max(axis=1) <= _MOST_GREY))


def looking_like(
    image: tuple[int, NDArray[np.uint8]],
    hashes: Hashes,
    thumbnails: Thumbnails,
    most_grey: float = _MOST_GREY,
) -> NDArray[np.bool_]:
    """For N images, (N,): whether each looks like another one, of which the hash and the thumbnail are given.

    Args:
        image: a hash of 64 bits and a thumbnail (C,), grey.
        hashes: (N,) of 64 bits.
        thumbnails: (N, C), grey.
        most_grey: levels by which cells may differ; fewer where a small object in another place is enough to
            tell two frames of a fixed camera apart.
    """
    near = np.bitwise_count(hashes ^ np.uint64(image[0])) <= _MOST_BITS
    difference = np.abs(_centred(thumbnails) - _centred(image[1][None]))
    return np.asarray(near & (difference.max(axis=1, initial=0) <= most_grey))


class _Search:
    """The images that have not been found yet, by parts of their hashes."""

    def __init__(self, hashes: Hashes, thumbnails: Thumbnails) -> None:
        self._hashes = hashes
        self._rows = _centred(thumbnails)
        self._columns = np.ascontiguousarray(self._rows.T)
        self._left = np.ones(len(hashes), np.bool_)
        self._bands: list[tuple[np.uint64, dict[int, Numbers]]] = []
        shift = 0
        for bits in _BANDS:
            mask = np.uint64((1 << bits) - 1 << shift)
            self._bands.append((mask, _buckets(hashes & mask)))
            shift += bits
        # The cell in which an image is least like others of its hash tells it from most of them.
        self._telling = np.zeros(len(hashes), np.int64)
        for bucket in self._bands[0][1].values():
            rows = self._rows[bucket]
            self._telling[bucket] = np.abs(rows - np.median(rows, axis=0)).argmax(axis=1)

    def remove(self, images: Numbers) -> None:
        """Take images out of the search."""
        self._left[images] = False

    def alike(self, image: int) -> Iterator[list[int]]:
        """The images left that look like one, in several lots; remove them before the next is asked for."""
        value, telling = self._hashes[image], self._telling[image]
        column, cell = self._columns[telling], self._columns[telling, image]
        for number, (mask, buckets) in enumerate(self._bands):
            bucket = buckets[int(value & mask)]
            bucket = buckets[int(value & mask)] = bucket[self._left[bucket]]
            near = bucket[np.abs(column[bucket] - cell) <= _MOST_GREY]
            if not len(near):
                continue
            bits = self._hashes[near] ^ value
            fits = np.bitwise_count(bits) <= _MOST_BITS
            for earlier, _ in self._bands[:number]:  # compared there already
                fits &= (bits & earlier) != 0
            near = near[fits]
            difference = np.abs(self._rows[near] - self._rows[image])
            yield near[difference.max(axis=1, initial=0) <= _MOST_GREY].tolist()


def _centred(thumbnails: Thumbnails) -> NDArray[np.float32]:
    """Thumbnails less their mean brightness; exact, since 256 cells of 8 bits fit into 24."""
    return np.asarray(thumbnails - thumbnails.mean(axis=1, keepdims=True, dtype=np.float32), np.float32)


def _buckets(keys: Hashes) -> dict[int, Numbers]:
    order = np.argsort(keys, kind="stable")
    values, starts = np.unique(keys[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True))
