"""Fetches COCO itself: annotations and images of one split, resumable, checked."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from detector.data.coco_part import CocoPart
from detector.data.coco_pictures import fetch_pictures
from detector.data.dataset import Dataset
from detector.data.readers.coco import load_coco
from detector.data.readers.coco_file import read_json
from detector.errors import DatasetError
from detector.system.download import download
from detector.system.files import cannot_write, no_empty_folders, replacing
from detector.system.progress import byte_bar
from detector.system.reading import parsing, sha256
from detector.system.remote_file import NoPartsError, open_remote
from detector.system.zip_files import opened_zip

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
_MOST_TEXT = 1 << 30  # bytes of an annotation file; the largest, of train2017, has half of it
_CHUNK = 1 << 20


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
    _note_unencrypted(server, say)
    with no_empty_folders(images, annotations.parent):
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


def download_coco_part(
    folder: Path, part: CocoPart, *, server: str, say: Callable[[str], None] = print
) -> Dataset:
    """Fetch a part of a split into ``folder/annotations/instances_PART.json`` and ``folder/SPLIT/``.

    Of the archive of annotations only the file of the split is fetched, where the server gives parts of
    files, and of the images only those that are not there yet. A whole split may lie in the same folder.

    Raises:
        DownloadError: the server cannot be reached or breaks off, or has not the pictures it should have.
        DatasetError: the annotations are damaged, have not so many images, or the folder has another part.
        DetectorError: the disk is full or the folder cannot be written to.
    """
    annotations = folder / "annotations" / f"instances_{part.name}.json"
    images = folder / part.split
    _refuse_other_part(annotations, part)
    _note_unencrypted(server, say)
    with no_empty_folders(images, annotations.parent):
        if not annotations.exists():
            content = _whole_annotations(folder, part.split, server, say)
            with parsing(f"The annotations of {part.split} are not as COCO's", DatasetError):
                text = json.dumps(part.cut(content))
            with replacing(annotations) as temporary:
                temporary.write_text(text)
        try:
            images.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_write(images, error) from error
        dataset = load_coco(annotations=annotations, images=images)
        fetch_pictures(dataset.images, f"{server}/{part.split}", say=say)
    return dataset


def _refuse_other_part(annotations: Path, part: CocoPart) -> None:
    """Raise DatasetError where another part of the split is here: nothing would say which is meant later."""
    for path in sorted(annotations.parent.glob(f"instances_{part.split}_*.json")):
        if path.name != annotations.name:
            raise DatasetError(
                f"{annotations.parent.parent} holds another part of {part.split} already ({path.name}); name "
                "another folder, or remove that file: the images that both have are not fetched again."
            )


def _note_unencrypted(server: str, say: Callable[[str], None]) -> None:
    if not server.startswith("https://"):
        say(f"Note: the connection to {server} is not encrypted; an https:// address would be.")


def _whole_annotations(folder: Path, split: str, server: str, say: Callable[[str], None]) -> Any:
    """The annotations of a whole split: the file that is here, or the one in the server's archive."""
    name = f"annotations/instances_{split}.json"
    if (folder / name).exists():
        return read_json(folder / name, "annotations")
    archive = folder / f"annotations_trainval{split[-4:]}.zip"
    url = f"{server}/annotations/{archive.name}"
    if not archive.exists():
        say(f"Fetching {name} out of {url}.")
        try:
            with open_remote(url) as remote:
                _compare(archive.name, remote.seek(0, os.SEEK_END), None, server, say)
                return _read_member(remote, name, url)
        except zipfile.BadZipFile as error:
            raise _damaged(url, error) from error
        except NoPartsError:
            say("The server does not send parts of files; fetching the whole archive.")
            download(url, archive)
    try:
        _check(archive, server, say)
        with archive.open("rb") as file:
            content = _read_member(file, name, url)
    except zipfile.BadZipFile as error:
        archive.unlink()
        raise _damaged(url, error) from error
    except DatasetError:
        archive.unlink()
        raise
    archive.unlink()
    return content


def _read_member(file: BinaryIO, name: str, url: str) -> Any:
    """The JSON in an archive; zipfile holds it to the CRC that the archive says."""
    sentence = f"{url} arrived damaged; run the command again to fetch it anew"
    content = bytearray()
    with opened_zip(file, sentence, DatasetError) as archive:
        member = archive.getinfo(name)
        if member.file_size > min(_MOST_TEXT, _MOST_UNPACKED * member.compress_size):
            raise zipfile.BadZipFile("it would unpack to far more than COCO has")
        bar = byte_bar(name.rpartition("/")[2], member.file_size)
        with archive.open(member) as source, bar:
            while chunk := source.read(_CHUNK):
                content += chunk
                bar.update(len(chunk))
        return json.loads(content)


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
        raise _damaged(url, error) from error
    archive.unlink()


def _damaged(url: str, error: Exception) -> DatasetError:
    return DatasetError(f"{url} arrived damaged ({error}); run the command again to fetch it anew.")


def _check(archive: Path, server: str, say: Callable[[str], None]) -> None:
    _compare(archive.name, archive.stat().st_size, archive, server, say)


def _compare(name: str, size: int, archive: Path | None, server: str, say: Callable[[str], None]) -> None:
    """Hold an archive, by its size and the file if it is here, to what is known of COCO's own.

    Raises:
        zipfile.BadZipFile: it came from COCO's server and is another; of a mirror that is said.
    """
    known, digest = _ARCHIVES.get(name, (None, None))
    if known is None:
        return
    fault = ""
    if size != known:
        fault = f"it has {size:,} bytes instead of {known:,}"
    elif digest is not None and archive is not None and sha256(archive) != digest:
        fault = "its SHA-256 is another"
    if fault and server.rstrip("/") in _COCOS_OWN:
        raise zipfile.BadZipFile(fault)
    if fault:
        say(f"Note: {name} of {server} is not COCO's own: {fault}.")


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
