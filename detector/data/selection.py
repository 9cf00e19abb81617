"""Which images a command takes: the dataset that is named, and the part of it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from detector.data.dataset import Dataset
from detector.data.folder import load_split
from detector.data.readers.coco import load_coco
from detector.data.sample import SAMPLE_FOLDER
from detector.data.text import decode_text
from detector.errors import DatasetError
from detector.system.reading import read_whole

_MOST_BYTES = 100_000_000
_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)


def find_dataset(
    dataset: Path | None,
    images: Path | None,
    annotations: Path | None,
    split: str | None,
    *,
    images_needed: bool = True,
) -> Dataset:
    """The dataset that is named, or the bundled sample.

    Args:
        dataset, images, annotations, split: as the options of `ssdlite eval`.
        images_needed: whether it is an error that no image is found.

    Raises:
        DatasetError: there is no such dataset, or it cannot be read.
    """
    if dataset is None and annotations is None:
        dataset = SAMPLE_FOLDER
    labelled = dataset is not None and (dataset.is_dir() or dataset.suffix in (".yaml", ".yml"))
    try:
        if dataset is not None and labelled and annotations is None and images is None:
            return load_split(dataset, split)
        return load_coco(dataset, annotations=annotations, images=images, split=split)
    except DatasetError as error:
        near = dataset or annotations
        if images_needed or images is not None or near is None or not near.exists():
            raise
        folder = near if near.is_dir() else near.parent
        try:  # with any folder for the images: nobody will look at them
            return load_coco(dataset, annotations=annotations, images=folder, split=split)
        except DatasetError:
            raise error from None  # what was wrong at first


def select_images(dataset: Dataset, image_ids: Path | Collection[int] | None, limit: int | None) -> Dataset:
    """The dataset cut to some ids, which may be in a file, and to a number of images, where they are given.

    The file has ids, also several a line; ids that are texts, file names or their stems stand one a line.

    Raises:
        DatasetError: no such file, or no image is left.
    """
    if image_ids is None and limit is None:
        return dataset
    return dataset.select(_read_ids(image_ids, dataset) if isinstance(image_ids, Path) else image_ids, limit)


def _read_ids(path: Path, dataset: Dataset) -> set[int]:
    data = read_whole(path, _MOST_BYTES, DatasetError)
    try:
        text = decode_text(data, "it")
    except DatasetError as error:
        raise DatasetError(f"{path} should hold one image id a line: {error}") from error
    known: dict[str, set[int]] = {}
    for image in dataset.images:
        for key in {image.text_id, image.name, PurePosixPath(image.name).stem}:
            if key:
                known.setdefault(key, set()).add(image.id)
    ids: set[int] = set()
    for line in map(str.strip, text.splitlines()):
        words = line.split()
        if all(_NUMBER.fullmatch(word) for word in words):
            ids.update(map(int, words))
        elif len(found := known.get(line, set())) == 1:
            ids |= found
        else:
            raise DatasetError(
                f"{path} should hold one image id a line ({line!r:.60} is no number, and of {len(found)} "
                "images the name or id)."
            )
    return ids
