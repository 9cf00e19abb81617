"""Which images a command takes: the dataset that is named, and the part of it."""

from __future__ import annotations

from pathlib import Path

from detector.data.coco import load_coco
from detector.data.dataset import Dataset
from detector.data.folder import load_split
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DatasetError
from detector.reading import parsing, read_whole

_MOST_IDS_BYTES = 1 << 26


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


def select_images(dataset: Dataset, image_ids: Path | None, limit: int | None) -> Dataset:
    """The dataset cut to the ids in a file and to a number of images, where they are given."""
    if image_ids is None and limit is None:
        return dataset
    return dataset.select(None if image_ids is None else _read_ids(image_ids), limit)


def _read_ids(path: Path) -> set[int]:
    with parsing(f"{path} should hold one image id a line", DatasetError):
        return {int(word) for word in read_whole(path, _MOST_IDS_BYTES, DatasetError).split()}
