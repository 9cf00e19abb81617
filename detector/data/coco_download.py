"""Fetches COCO itself: annotations and images of one split, resumable."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from detector.data.coco import load_coco
from detector.data.dataset import Dataset
from detector.download import download
from detector.errors import DatasetError
from detector.files import cannot_write, replacing


def download_coco(folder: Path, split: str, *, server: str, say: Callable[[str], None] = print) -> Dataset:
    """Fetch a split into ``folder/annotations/instances_SPLIT.json`` and ``folder/SPLIT/``.

    What is there already is not fetched again, and a download that was cut off goes on where it was. The
    zip archives are deleted once they are unpacked.

    Raises:
        DownloadError: the server cannot be reached or breaks off.
        DatasetError: an archive is damaged.
        DetectorError: the disk is full or the folder cannot be written to.
    """
    annotations = folder / "annotations" / f"instances_{split}.json"
    images = folder / split
    if not annotations.exists():
        archive = folder / f"annotations_trainval{split[-4:]}.zip"
        say(f"Fetching the annotations into {folder}.")
        _fetch_and_unpack(
            f"{server}/annotations/{archive.name}", archive, folder, only=f"annotations/{annotations.name}"
        )
    try:
        images.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(images, error) from error
    dataset = load_coco(annotations=annotations, images=images)
    missing = sum(not image.path.exists() for image in dataset.images)
    if missing:
        say(f"Fetching {missing:,} of {len(dataset.images):,} images into {images}.")
        _fetch_and_unpack(f"{server}/zips/{split}.zip", folder / f"{split}.zip", folder)
    dataset.check_images()
    return dataset


def _fetch_and_unpack(url: str, archive: Path, folder: Path, *, only: str | None = None) -> None:
    if not archive.exists():
        download(url, archive)
    try:
        with zipfile.ZipFile(archive) as content:
            members = [
                member
                for member in content.infolist()
                if not member.is_dir() and (only is None or member.filename == only)
            ]
            for member in tqdm(members, desc=f"unpacking {archive.name}", unit="file", disable=None):
                _unpack(content, member, folder)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        archive.unlink()
        raise DatasetError(
            f"{url} arrived damaged ({error}); run the command again to fetch it anew."
        ) from error
    archive.unlink()


def _unpack(content: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    path = (folder / member.filename).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DatasetError(
            f"The archive wants to write outside {folder} ({member.filename}); it was not unpacked."
        )
    if path.exists() and path.stat().st_size == member.file_size:
        return
    with replacing(path) as temporary, content.open(member) as source, temporary.open("wb") as target:
        shutil.copyfileobj(source, target)
