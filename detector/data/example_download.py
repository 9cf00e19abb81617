"""Fetches a small dataset that anybody may use, to try training with."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.listing import list_files
from detector.data.raw_labels import RawLabels
from detector.data.readers.voc import read_voc_labels
from detector.errors import DatasetError, ImageError
from detector.image_header import read_header
from detector.images import MOST_BYTES
from detector.system.download import read_url
from detector.system.files import refuse_occupied, replacing_folder
from detector.system.reading import parsing, read_whole
from detector.system.zip_files import opened_zip, read_member

# The Raccoon Detector Dataset of Dat Tran, MIT licence.
_REPOSITORY, _COMMIT = "datitran/raccoon_dataset", "e7c272aeb5f62ec575640ed6b4d8de9bf32e84bd"
_IMAGES, _OBJECTS, _CLASSES = 200, 217, ("raccoon",)
_KINDS = (("images", ".jpg"), ("annotations", ".xml"))
_MOST_ARCHIVE = 200_000_000  # bytes; it has about 50 million
_MOST_FILE = 10_000_000


def download_example(folder: Path, *, server: str, say: Callable[[str], None] = print) -> RawLabels:
    """The labels of the dataset that was fetched: ``images/``, ``annotations/`` and ``LICENSE`` in a folder.

    GitHub packs archives anew now and then, so that no SHA-256 of one can be known; what is in it is held to
    the numbers of images and objects, and each image to the size that its labels say.

    Raises:
        DownloadError: the server cannot be reached or breaks off.
        DatasetError: the archive is damaged, or is another.
        DetectorError: the folder has something in it, the disk is full, or it cannot be written to.
    """
    refuse_occupied(folder)
    url = f"{server}/{_REPOSITORY}/zip/{_COMMIT}"
    say(f"Fetching {_IMAGES} photographs with labels from {url}.")
    content = read_url(url, most_bytes=_MOST_ARCHIVE, title="raccoon_dataset.zip")
    sentence = f"{url} arrived damaged; run the command again to fetch it anew"
    stems = [f"raccoon-{number}" for number in range(1, _IMAGES + 1)]
    names = ["LICENSE", *(f"{kind}/{stem}{suffix}" for stem in stems for kind, suffix in _KINDS)]
    with replacing_folder(folder) as temporary:
        for kind, _ in _KINDS:
            (temporary / kind).mkdir()
        with opened_zip(io.BytesIO(content), sentence, DatasetError) as archive:
            top = archive.namelist()[0].split("/")[0]  # named after the repository and the commit
            for name in names:
                (temporary / name).write_bytes(read_member(archive, f"{top}/{name}", _MOST_FILE))
        with parsing(sentence, DatasetError):
            _check(temporary)
    return _read(folder)


def _check(folder: Path) -> None:
    """Raise ValueError where the dataset is not what it should be."""
    labels = _read(folder)
    found = len(labels.images), labels.num_objects, labels.classes
    if found != (_IMAGES, _OBJECTS, _CLASSES):
        images, objects, classes = found
        raise ValueError(
            f"it has {images:,} labelled images with {objects:,} objects of the classes {', '.join(classes)}"
        )
    for image in labels.images:
        try:
            header = read_header(read_whole(image.path, MOST_BYTES, ImageError), image.path.name)
        except ImageError as error:
            raise ValueError(str(error).rstrip(".")) from error
        if header.is_cut_short or (header.width, header.height) != image.size_wh:
            raise ValueError(f"{image.path.name} is not the image that its labels are for")


def _read(folder: Path) -> RawLabels:
    return read_voc_labels(list_files(folder), FindingLog())
