"""The folder of pictures that are kept, each with its labels beside it."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from detector.data.duplicates import ImageFacts, look_at, look_at_files
from detector.data.findings import FindingLog
from detector.data.listing import Listing, list_files
from detector.data.look_alikes import looking_like
from detector.data.raw_labels import RawImage, RawLabels
from detector.data.readers.voc import is_voc, read_voc_labels
from detector.data.writers.proposals import Proposal, ProposedImage
from detector.data.writers.voc import voc_xml
from detector.detections import Detections
from detector.errors import DetectorError, ImageError
from detector.images import Image
from detector.system.file_lock import lock_folder
from detector.system.files import cannot_write, check_writable, replacing
from detector.video.collection.reasons import SAME_PLACE, WRONG, found_in, together
from detector.video.frames import LiveFrame

KEPT, ALIKE, FULL = "kept", "alike", "full"

_QUALITY = 95  # of a JPEG; a model learns from its pixels
_SHRUNK_SIDE = 640  # pixels; thumbnails have 16
_ALMOST_EQUAL = 3  # grey levels; a small object in another place changes more
_LEFT_OVER = re.compile(r"\.[0-9a-f]{8}\.(jpg|xml)")  # names that `replacing` writes to


@dataclass(frozen=True, eq=False)
class _Kept:
    facts: ImageFacts
    objects: Detections
    picture: Path
    stays: bool  # somebody has called it wrong, or may have corrected it since an earlier run


class KeptFolder:
    """Pictures as JPEG and their labels as Pascal VOC's XML, as a training reads them.

    Each file is whole or not there, whatever ends the program, and one process at a time has the folder: two
    would keep the same frames, and more than fit. A picture is like another one if the
    look-alike test of ``detector.data`` says so and every object in it is in that one, or in another like it,
    too: frames of a fixed camera all look alike, and what moves in them is what tells them apart. What a
    viewer calls wrong is like another one only if hardly anything has changed.

    Args:
        path: a folder that is not there, is empty, or has such pictures from an earlier run. It is made, and
            ``close`` takes it away if it stayed empty.
        most: pictures that it may hold.
        most_bytes: that all files in it may take.

    Attributes:
        count: pictures in it.
        size: bytes of all files in it.

    Raises:
        DetectorError: the folder has something else in it, another process collects in it, or it cannot be
            written to.
    """

    def __init__(self, path: Path, *, most: int, most_bytes: int) -> None:
        self.path = path
        self.most, self.most_bytes = most, most_bytes
        self.count = self.size = 0
        self._known: list[_Kept] = []
        self._made: list[Path] = []
        self._lock: int | None = None
        try:
            self._open()
        except BaseException as error:
            self.close()
            if isinstance(error, BlockingIOError):
                raise DetectorError(
                    f"Another process collects in {path} at this moment; name a folder for each of them."
                ) from error
            if isinstance(error, OSError):
                raise cannot_write(path, error) from error
            raise

    def _open(self) -> None:
        path = self.path
        if path.exists() and not path.is_dir():
            raise DetectorError(f"{path} is a file; name a folder for the pictures.")
        check_writable(path)
        self._made = [each for each in (path, *path.absolute().parents) if not each.exists()]
        path.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(path)
        self._go_on()

    def close(self) -> None:
        """Leave the folder to others, and none that was made for nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        for folder in self._made:
            with suppress(OSError):  # it has pictures by now
                folder.rmdir()

    def keep(self, live: LiveFrame, reason: str) -> str:
        """Write a frame and its labels: ``kept``; or ``alike``, or ``full``, where it is not written.

        Raises:
            DetectorError: they cannot be written.
        """
        weak = live.detections[:0] if live.weak is None else live.weak
        facts, objects = _look_at(live.image), together(live.detections, weak)
        alike = self._almost_equal(facts) if reason == WRONG else self._covering(facts, objects)
        if alike and (reason != WRONG or any(each.stays for each in alike)):
            return ALIKE
        jpeg = cv2.imencode(".jpg", live.image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
        if not alike and (self.count >= self.most or self.size + len(jpeg) > self.most_bytes):
            return FULL
        picture = self._free_name(live, reason)
        labels = picture.with_suffix(".xml")
        # Labels first: without their picture they are left out by whoever reads the folder.
        with replacing(labels) as temporary:
            temporary.write_bytes(_labels_of(live, weak, picture.name))
        try:
            with replacing(picture) as temporary:
                temporary.write_bytes(jpeg)
        except DetectorError:
            labels.unlink(missing_ok=True)
            raise
        self.count += 1
        self.size += len(jpeg) + labels.stat().st_size
        self._known.append(_Kept(facts, objects, picture, reason == WRONG))
        for each in alike:  # the same frame, which nobody had called wrong yet
            self._remove(each)
        return KEPT

    def _go_on(self) -> None:
        """Take note of what is there already."""
        for path in self.path.iterdir():
            if _LEFT_OVER.fullmatch(path.name):  # by a run that was killed
                path.unlink()
        listing = list_files(self.path)
        if not listing.paths:
            return
        if not is_voc(listing) or any(each.parent != self.path for each in listing.images):
            raise DetectorError(
                f"{self.path} has files in it, and no pictures that were collected; name a new folder."
            )
        self.count = len(listing.images)
        self.size = sum(path.stat().st_size for path in listing.paths)
        self._known = _known_in(listing)

    def _almost_equal(self, facts: ImageFacts) -> list[_Kept]:
        return self._like(facts, _ALMOST_EQUAL)

    def _covering(self, facts: ImageFacts, objects: Detections) -> list[_Kept]:
        """The pictures that look like one, if all of its objects are in them."""
        alike = self._like(facts)
        if not alike or not len(objects):
            return alike
        known = np.any([found_in(objects, each.objects, SAME_PLACE) for each in alike], axis=0)
        return alike if known.all() else []

    def _like(self, facts: ImageFacts, *most_grey: float) -> list[_Kept]:
        if not self._known:
            return []
        hashes = np.array([each.facts.difference_hash for each in self._known], np.uint64)
        thumbnails = np.stack([each.facts.thumbnail for each in self._known])
        like = looking_like((facts.difference_hash, facts.thumbnail), hashes, thumbnails, *most_grey)
        return [each for each, alike in zip(self._known, like, strict=True) if alike]

    def _free_name(self, live: LiveFrame, reason: str) -> Path:
        age = time.monotonic() - live.frame.captured_at
        when = time.strftime("%Y%m%d-%H%M%S", time.localtime(time.time() - age))
        stem = f"{reason}-{when}-{live.frame.number:06d}"
        number = 1
        while True:
            picture = self.path / (f"{stem}.jpg" if number == 1 else f"{stem}-{number}.jpg")
            if not (picture.exists() or picture.with_suffix(".xml").exists()):
                return picture
            number += 1

    def _remove(self, kept: _Kept) -> None:
        self._known.remove(kept)
        for path in (kept.picture, kept.picture.with_suffix(".xml")):
            with suppress(OSError):  # the user was quicker
                self.size -= path.stat().st_size
                path.unlink()
        self.count -= 1


def _look_at(image: Image) -> ImageFacts:
    """The facts of a picture that is shrunk first: a large one takes five times as long."""
    scale = _SHRUNK_SIDE / max(image.shape)
    if scale < 1:
        image = np.asarray(
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    return look_at(image)


def _labels_of(live: LiveFrame, weak: Detections, name: str) -> bytes:
    """What was shown as objects, and what was not as ``difficult``: it may be none."""
    objects = tuple(
        Proposal(int(label), each, (left, top, right, bottom), score, unsure)
        for found, unsure in ((live.detections, False), (weak, True))
        for (box, score, each), label in zip(found, found.labels, strict=True)
        for left, top, right, bottom in [box.tolist()]
    )
    height, width = live.image.shape[:2]
    return voc_xml(ProposedImage(name, (width, height), objects), difficult=True)


def _known_in(listing: Listing) -> list[_Kept]:
    labels = read_voc_labels(listing, FindingLog(lenient=True))
    looked_at = look_at_files(labels.images)
    return [
        _Kept(facts, _objects_of(image, labels), image.path, True)
        for image, facts in zip(labels.images, looked_at, strict=True)
        if not isinstance(facts, ImageError)
    ]


def _objects_of(image: RawImage, labels: RawLabels) -> Detections:
    boxes = np.array([each.box for each in image.objects], np.float32).reshape(-1, 4)
    numbers = np.array([each.label for each in image.objects], np.int64)
    return Detections(boxes, np.ones(len(boxes), np.float32), numbers, labels.classes)
