"""Fetches COCO itself: annotations and images of one split, resumable, checked."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tqdm import tqdm

from detector.data.dataset import Dataset
from detector.data.readers.coco import load_coco
from detector.errors import DatasetError
from detector.system.download import download
from detector.system.files import cannot_write, replacing
from detector.system.reading import sha256

# images.cocodataset.org has no certificate of its own; this is where it leads.
COCO_SERVER = "https://s3.amazonaws.com/images.cocodataset.org"
_COCOS_OWN = (COCO_SERVER, "http://images.cocodataset.org", "https://images.cocodataset.org")
# Bytes, as the server gives them, and SHA-256 where it is known, as several projects record them.
_ARCHIVES = {
    "annotations_trainval2017.zip": (
        252_907_541,
        "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
    ),
    "val2017.zip": (815_585_330, "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05"),
    "train2017.zip": (19_336_861_798, None),
    "test2017.zip": (6_646_970_404, None),
}
_MOST_UNPACKED = 50  # times an archive's size; COCO's texts come to 8


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
    if not server.startswith("https://"):
        say(f"Note: the connection to {server} is not encrypted; an https:// address would be.")
    with _no_empty_folders(images, annotations.parent, folder, *folder.absolute().parents):
        if not annotations.exists():
            archive = folder / f"annotations_trainval{split[-4:]}.zip"
            say(f"Fetching the annotations into {folder}.")
            _fetch_and_unpack(server, "annotations", archive, say, only=f"annotations/{annotations.name}")
        try:
            images.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_write(images, error) from error
        dataset = load_coco(annotations=annotations, images=images)
        missing = sum(not image.path.exists() for image in dataset.images)
        if missing:
            say(f"Fetching {missing:,} of {len(dataset.images):,} images into {images}.")
            _fetch_and_unpack(server, "zips", folder / f"{split}.zip", say)
        dataset.check_images()
    return dataset


@contextmanager
def _no_empty_folders(*folders: Path) -> Iterator[None]:
    """Of these folders, leave none that was made in the block and is empty when it fails."""
    made = [folder for folder in folders if not folder.exists()]
    try:
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def _fetch_and_unpack(
    server: str, where: str, archive: Path, say: Callable[[str], None], *, only: str | None = None
) -> None:
    url = f"{server}/{where}/{archive.name}"
    if not archive.exists():
        download(url, archive)
    try:
        _check(archive, server, say)
        with zipfile.ZipFile(archive) as content:
            members = [
                member
                for member in content.infolist()
                if not member.is_dir() and (only is None or member.filename == only)
            ]
            if sum(member.file_size for member in members) > _MOST_UNPACKED * archive.stat().st_size:
                raise zipfile.BadZipFile("it would unpack to far more than COCO has")
            for member in tqdm(members, desc=f"unpacking {archive.name}", unit="file", disable=None):
                _unpack(content, member, archive.parent)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        archive.unlink()
        raise DatasetError(
            f"{url} arrived damaged ({error}); run the command again to fetch it anew."
        ) from error
    archive.unlink()


def _check(archive: Path, server: str, say: Callable[[str], None]) -> None:
    """Hold an archive to what is known of COCO's own.

    Raises:
        zipfile.BadZipFile: it came from COCO's server and is another; of a mirror that is said.
    """
    size, digest = _ARCHIVES.get(archive.name, (None, None))
    if size is None:
        return
    fault = ""
    if archive.stat().st_size != size:
        fault = f"it has {archive.stat().st_size:,} bytes instead of {size:,}"
    elif digest is not None and sha256(archive) != digest:
        fault = "its SHA-256 is another"
    if fault and server.rstrip("/") in _COCOS_OWN:
        raise zipfile.BadZipFile(fault)
    if fault:
        say(f"Note: {archive.name} of {server} is not COCO's own: {fault}.")


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
