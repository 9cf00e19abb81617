"""Good datasets in every format, damaged at random: never a box on a wrong picture, nothing lost in silence.

SSDLITE_MUTATIONS=1000 tries so many of each format instead of a few.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.errors import DatasetError
from tests.data import damage, tool_damage, yolo_damage
from tests.data.labelled import (
    CLASSES,
    Photo,
    write_coco,
    write_create_ml,
    write_csv,
    write_cvat,
    write_label_studio,
    write_labelme,
    write_voc,
    write_yolo,
)

TRIES = int(os.environ.get("SSDLITE_MUTATIONS", "16"))
# A row that is cut is another row, and rows do not say of which size or way up their picture was.
_UNCUT = tuple(each for each in damage.GENERIC if each is not damage.cut_a_label_file)
FORMATS: dict[str, tuple[Callable[[Path, Sequence[Photo]], Path], tuple[damage.Damage, ...]]] = {
    "COCO": (write_coco, damage.GENERIC + damage.SIZED + damage.COCO),
    "Pascal VOC": (write_voc, damage.GENERIC + damage.SIZED + tool_damage.VOC),
    # A row that is cut is another row, and rows do not say of which size or way up their picture was.
    "YOLO": (write_yolo, (*_UNCUT, damage.resize_pictures, *yolo_damage.YOLO)),
    "CVAT": (write_cvat, damage.GENERIC + damage.SIZED + tool_damage.CVAT),
    "labelme": (write_labelme, damage.GENERIC + damage.SIZED),
    "Create ML": (write_create_ml, damage.GENERIC),
    "CSV": (write_csv, (*_UNCUT, *damage.SIZED)),
    "Label Studio": (write_label_studio, damage.GENERIC + damage.SIZED + tool_damage.LABEL_STUDIO),
}
_NEAR = 0.05  # of the image's sides, by which a box may be off through rounding
# Raised by a damage where the one before has left nothing to damage.
_NOTHING_LEFT = (FileNotFoundError, KeyError, AttributeError, ValueError, IndexError, TypeError, SyntaxError)
# Together these take away what a label could be told by, and no reader can know.
_UNKNOWABLE = (
    ({tool_damage.voc_numbered_files}, {tool_damage.voc_names_of_neighbours}),
    (
        {damage.resize_pictures, damage.turn_pictures},
        {tool_damage.voc_no_sizes, tool_damage.cvat_hostile_values},
    ),
    ({damage.turn_pictures, damage.coco_ids_off_by_one}, {damage.coco_hostile_values}),
    ({damage.mix_up_a_former_version}, {damage.same_names_elsewhere, damage.cut_a_label_file}),
    ({damage.mix_up_a_former_version}, {damage.lose_pictures_with_namesakes, tool_damage.studio_uploads}),
)
_LOST = ("left out", "dropped", "not read", "no split that is used", "without objects, kept")


def good_photos(rng: random.Random, same_names: bool) -> list[Photo]:
    """Twelve pictures that differ, each with boxes that no other has, and one of them without any."""
    photos = []
    for number in range(12):
        split = ("train", "val")[number % 2] if same_names else ""
        name = f"frame_{number // 2:03}.png" if same_names else f"frame_{number:03}.png"
        objects = []
        for _ in range(0 if number == 7 else rng.randrange(1, 4)):
            x1, y1 = rng.randrange(0, 30), rng.randrange(0, 20)
            x2, y2 = x1 + rng.randrange(20, 33), y1 + rng.randrange(16, 27)
            objects.append((rng.choice(CLASSES), float(x1), float(y1), float(x2), float(y2)))
        photos.append(Photo(name, objects, split, look=1000 * rng.randrange(1000) + number))
    return photos


class Truth:
    """The good dataset, its pictures told apart by their pixels."""

    def __init__(self, root: Path, photos: Sequence[Photo]) -> None:
        self.photos = photos
        paths = {(path.parent.name, path.name): path for path in damage.images_of(root)}
        places = [
            next(
                p for (folder, name), p in paths.items() if name == photo.name and photo.split in (folder, "")
            )
            for photo in photos
        ]
        self._looks = np.array([self._look(path) for path in places])

    @staticmethod
    def _look(path: Path) -> np.ndarray:
        return cv2.resize(cv2.imread(str(path)), (9, 8), interpolation=cv2.INTER_AREA).astype(float)

    def who(self, path: Path) -> int | None:
        """Which of the pictures a file shows, turned or not; None for a picture that is none of them."""
        look = cv2.imread(str(path))
        for turns in range(4):
            small = cv2.resize(np.rot90(look, turns), (9, 8), interpolation=cv2.INTER_AREA).astype(float)
            distances = np.abs(self._looks - small).mean(axis=(1, 2, 3))
            if distances.min() < 20:
                return int(distances.argmin())
        return None

    def check(self, folder: LabelledFolder) -> None:
        lost = {(number, each) for number, photo in enumerate(self.photos) for each in photo.objects}
        # What has no row is no picture of a CSV file's.
        absent = {n for n, photo in enumerate(self.photos) if photo.objects or folder.format != "CSV"}
        for part in (folder.train, folder.val):
            for image_id, number in self._pictures(part).items():
                boxes = [each for each in part.annotations if each["image_id"] == image_id]
                assert number is not None or not boxes, "boxes on a picture that nobody labelled"
                if number is None:
                    continue
                photo = self.photos[number]
                absent.discard(number)
                assert not photo.split or photo.split == part.split, "a picture in the other split"
                assert boxes or not photo.objects, f"{photo.name} became a picture without objects"
                size_wh = next(image.size_wh for image in part.images if image.id == image_id)
                for each in boxes:
                    true = self._true(photo, part.categories[each["category_id"]], each["bbox"], size_wh)
                    assert true is not None, f"a wrong box on {photo.name}: {each}"
                    lost.discard((number, true))
        if lost or absent:
            said = [finding for finding in folder.findings if any(word in finding.kind for word in _LOST)]
            assert said, f"lost in silence: {lost}, {absent}"
        for name in {name for photo in self.photos for name, *_ in photo.objects}:
            assert name in folder.classes or lost

    def _pictures(self, part: Dataset) -> dict[int, int | None]:
        return {image.id: self.who(image.path) for image in part.images}

    @staticmethod
    def _true(photo: Photo, name: str, box: list[float], size_wh: tuple[int, int] | None) -> object:
        width, height = size_wh or (1, 1)
        left, top = box[0] / width, box[1] / height
        found = (left, top, left + box[2] / width, top + box[3] / height)
        for each in photo.objects:
            true = (each[1] / 64, each[2] / 48, each[3] / 64, each[4] / 48)
            if each[0] == name and all(abs(a - b) < _NEAR for a, b in zip(found, true, strict=True)):
                return each
        return None


@pytest.mark.parametrize("same_names", [False, True], ids=["", "same names"])
@pytest.mark.parametrize("format_", FORMATS)
def test_good_datasets_are_read_whole(format_: str, same_names: bool, tmp_path: Path) -> None:
    photos = good_photos(random.Random(0), same_names and format_ != "Pascal VOC")
    root = FORMATS[format_][0](tmp_path, photos)
    folder = load_labelled_folder(root)
    Truth(root, photos).check(folder)
    objects = len(folder.train.annotations) + len(folder.val.annotations)
    assert objects == sum(len(photo.objects) for photo in photos)


@pytest.mark.parametrize("seed", range(TRIES))
@pytest.mark.parametrize("format_", FORMATS)
def test_damaged_datasets(format_: str, seed: int, tmp_path: Path) -> None:
    rng = random.Random(f"{format_} {seed}")
    write, kinds = FORMATS[format_]
    photos = good_photos(rng, format_ != "Pascal VOC" and rng.random() < 0.5)
    root = write(tmp_path, photos)
    truth = Truth(root, photos)
    # Each kind in turn alone, then two at once.
    chosen = [kinds[seed]] if seed < len(kinds) else rng.sample(kinds, 2)
    while any(one & {*chosen} and other & {*chosen} for one, other in _UNKNOWABLE):
        chosen = rng.sample(kinds, 2)
    for kind in chosen:
        try:
            kind(root, rng)
        except _NOTHING_LEFT:
            assert len(chosen) > 1
    with suppress(DatasetError):  # a refusal is a right answer
        folder = load_labelled_folder(root)
        found = [str(finding) for finding in folder.findings]
        with naming(f"{', '.join(kind.__name__ for kind in chosen)}; findings: {found}"):
            truth.check(folder)


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Says in an assertion that fails what was done to the dataset."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from None
