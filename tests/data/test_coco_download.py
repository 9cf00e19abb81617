"""COCO from a server on this machine."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.commands.data import data_coco
from detector.data import coco_download
from detector.data.coco_download import download_coco
from detector.errors import DatasetError, DetectorError
from detector.system.download import DownloadError
from tests.system.file_server import FileServer, unused_address

ANNOTATIONS = "/annotations/annotations_trainval2017.zip"
IMAGES = "/zips/val2017.zip"
SPLIT = "val2017"


def _jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


JPEGS = {f"{number:012}.jpg": _jpeg(number) for number in (139, 285, 632)}
INSTANCES = {
    "images": [
        {"id": int(name[:12]), "file_name": name, "width": 32, "height": 24} for name in sorted(JPEGS)
    ],
    "annotations": [{"id": 1, "image_id": 139, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 0}],
    "categories": [{"id": 1, "name": "person"}],
}
ANNOTATION_MEMBERS = {
    "annotations/captions_val2017.json": b"{}",
    "annotations/instances_train2017.json": b"{}",
    "annotations/instances_val2017.json": json.dumps(INSTANCES).encode(),
}
IMAGE_MEMBERS = {"val2017/": b""} | {f"val2017/{name}": content for name, content in JPEGS.items()}


def make_zip(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with FileServer() as server:
        server.files[ANNOTATIONS] = make_zip(ANNOTATION_MEMBERS)
        server.files[IMAGES] = make_zip(IMAGE_MEMBERS)
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "coco"


def fetch(server: FileServer, folder: Path) -> list[str]:
    """Paths that the server is asked for when the dataset is fetched, which must end whole."""
    server.requests.clear()
    dataset = download_coco(folder, SPLIT, server=server.url, say=lambda _: None)
    assert {image.path: image.path.read_bytes() for image in dataset.images} == {
        folder / SPLIT / name: content for name, content in JPEGS.items()
    }
    assert files(folder) == EXPECTED_FILES
    return [path for path, _ in server.requests]


EXPECTED_FILES = ["annotations/instances_val2017.json", *(f"{SPLIT}/{name}" for name in sorted(JPEGS))]


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_split_is_fetched_once(server: FileServer, folder: Path) -> None:
    assert fetch(server, folder) == [ANNOTATIONS, IMAGES]
    assert fetch(server, folder) == []


def test_the_dataset_is_read(server: FileServer, folder: Path) -> None:
    dataset = download_coco(folder, SPLIT, server=server.url, say=lambda _: None)
    assert [image.id for image in dataset.images] == [139, 285, 632]
    assert dataset.categories == {1: "person"}
    assert [annotation["bbox"] for annotation in dataset.annotations] == [[1, 2, 3, 4]]
    assert dataset.split == SPLIT


def test_only_what_is_missing_is_said_and_written(server: FileServer, folder: Path) -> None:
    (folder / SPLIT).mkdir(parents=True)
    here, short, absent = sorted(JPEGS)
    # Other bytes of the right number show that the file was left alone.
    (folder / SPLIT / here).write_bytes(b"x" * len(JPEGS[here]))
    (folder / SPLIT / short).write_bytes(JPEGS[short][:-1])
    said: list[str] = []
    download_coco(folder, SPLIT, server=server.url, say=said.append)
    assert f"Fetching 1 of 3 images into {folder / SPLIT}." in said
    assert (folder / SPLIT / here).read_bytes() == b"x" * len(JPEGS[here])
    assert (folder / SPLIT / short).read_bytes() == JPEGS[short]
    assert (folder / SPLIT / absent).read_bytes() == JPEGS[absent]


def test_the_annotations_alone_are_fetched_when_the_images_are_here(server: FileServer, folder: Path) -> None:
    (folder / SPLIT).mkdir(parents=True)
    for name, content in JPEGS.items():
        (folder / SPLIT / name).write_bytes(content)
    assert fetch(server, folder) == [ANNOTATIONS]


def test_an_interrupted_download_goes_on(server: FileServer, folder: Path) -> None:
    server.cuts[IMAGES] = [500] + [0] * 9
    with pytest.raises(DownloadError, match="broke off"):
        download_coco(folder, SPLIT, server=server.url, say=lambda _: None)
    assert files(folder) == ["annotations/instances_val2017.json", "val2017.zip.part"]
    server.cuts.clear()
    assert fetch(server, folder) == [IMAGES]
    assert server.requests == [(IMAGES, "bytes=500-")]


def test_an_interruption_while_unpacking(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = 0

    def copy(source: io.BufferedIOBase, target: io.BufferedIOBase) -> None:
        nonlocal unpacked
        unpacked += 1
        content = source.read()
        if unpacked == 3:  # the annotations, an image, and this one
            target.write(content[:10])
            raise KeyboardInterrupt
        target.write(content)

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", copy)
        with pytest.raises(KeyboardInterrupt):
            download_coco(folder, SPLIT, server=server.url, say=lambda _: None)
    assert files(folder) == sorted([*EXPECTED_FILES[:2], "val2017.zip"])
    assert fetch(server, folder) == []


def _not_a_zip(content: bytes) -> bytes:
    return b"<html>The network asks you to log in.</html>"


def _cut_short(content: bytes) -> bytes:
    return content[:-100]


def _first_data_byte(content: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = next(member for member in archive.infolist() if member.file_size)
    return member.header_offset + 30 + len(member.filename)


def _wrong_byte(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[_first_data_byte(content) + 20] ^= 1
    return bytes(changed)


def _wrong_compression(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[_first_data_byte(content)] = 0xFF  # a kind of block that deflate does not have
    return bytes(changed)


@pytest.mark.parametrize(
    ("damage", "compression"),
    [
        (_not_a_zip, zipfile.ZIP_STORED),
        (_cut_short, zipfile.ZIP_STORED),
        (_wrong_byte, zipfile.ZIP_STORED),
        (_wrong_compression, zipfile.ZIP_DEFLATED),
    ],
)
@pytest.mark.parametrize("path", [ANNOTATIONS, IMAGES])
def test_a_damaged_archive_is_deleted(
    server: FileServer, folder: Path, damage: Callable[[bytes], bytes], compression: int, path: str
) -> None:
    members = {"annotations/instances_val2017.json": ANNOTATION_MEMBERS["annotations/instances_val2017.json"]}
    whole = make_zip(members if path == ANNOTATIONS else IMAGE_MEMBERS, compression)
    server.files[path] = damage(whole)
    with pytest.raises(DatasetError, match=f"{path} arrived damaged"):
        download_coco(folder, SPLIT, server=server.url, say=lambda _: None)
    assert [name for name in files(folder) if name not in EXPECTED_FILES] == []
    server.files[path] = whole
    assert fetch(server, folder)[-1] == IMAGES


@pytest.mark.parametrize("name", ["../escaped.jpg", "val2017/../../escaped.jpg", "{}/escaped.jpg"])
def test_an_archive_that_writes_elsewhere_is_refused(
    server: FileServer, folder: Path, tmp_path: Path, name: str
) -> None:
    server.files[IMAGES] = make_zip({name.format(tmp_path): b"escaped", **IMAGE_MEMBERS})
    with pytest.raises(DatasetError, match=r"outside .*escaped\.jpg"):
        download_coco(folder, SPLIT, server=server.url, say=lambda _: None)
    assert not (tmp_path / "escaped.jpg").exists()


def test_an_archive_without_the_annotations(server: FileServer, folder: Path) -> None:
    server.files[ANNOTATIONS] = make_zip({"annotations/captions_val2017.json": b"{}"})
    with pytest.raises(DatasetError, match=r"instances_val2017\.json"):
        download_coco(folder, SPLIT, server=server.url, say=lambda _: None)


def test_an_archive_that_lacks_an_image(server: FileServer, folder: Path) -> None:
    missing = max(JPEGS)
    server.files[IMAGES] = make_zip({k: v for k, v in IMAGE_MEMBERS.items() if not k.endswith(missing)})
    with pytest.raises(DatasetError, match=f"1 of the 3 images .*{missing}"):
        download_coco(folder, SPLIT, server=server.url, say=lambda _: None)


def test_a_server_that_cannot_be_reached(folder: Path) -> None:
    with pytest.raises(DownloadError, match="check the network"):
        download_coco(folder / "deep", SPLIT, server=unused_address(), say=lambda _: None)
    assert not folder.exists()


def test_a_failed_download_leaves_what_was_there_before(server: FileServer, folder: Path) -> None:
    folder.mkdir()
    del server.files[ANNOTATIONS]
    with pytest.raises(DownloadError, match="404"):
        download_coco(folder, SPLIT, server=server.url, say=lambda _: None)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("fault", ["size", "digest", None])
def test_an_archive_is_held_to_what_is_known_of_it(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str | None
) -> None:
    content = server.files[IMAGES]
    size = len(content) + (fault == "size")
    digest = hashlib.sha256(content + b"x" * (fault == "digest")).hexdigest()
    monkeypatch.setattr(coco_download, "_ARCHIVES", {"val2017.zip": (size, digest)})
    said: list[str] = []
    download_coco(folder, SPLIT, server=server.url, say=said.append)  # a mirror may pack anew, and it is said
    assert any("is not COCO's own" in line for line in said) == (fault is not None)
    monkeypatch.setattr(coco_download, "_COCOS_OWN", (server.url,))
    other = folder.with_name("other")
    if fault is None:
        download_coco(other, SPLIT, server=server.url, say=said.append)
        return
    with pytest.raises(DatasetError, match=rf"{IMAGES} arrived damaged .*(bytes instead of|SHA-256)"):
        download_coco(other, SPLIT, server=server.url, say=said.append)
    assert files(other) == ["annotations/instances_val2017.json"]


def test_cocos_own_address_is_encrypted() -> None:
    (option,) = [each for each in data_coco.params if each.name == "server"]
    assert option.default == coco_download.COCO_SERVER
    assert coco_download.COCO_SERVER.startswith("https://")


def test_an_archive_that_unpacks_to_far_too_much(server: FileServer, folder: Path) -> None:
    server.files[IMAGES] = make_zip({**IMAGE_MEMBERS, "val2017/bomb.jpg": b"\0" * 50_000_000})
    with pytest.raises(DatasetError, match="far more than COCO has"):
        download_coco(folder, SPLIT, server=server.url, say=lambda _: None)
    assert files(folder) == ["annotations/instances_val2017.json"]


@pytest.mark.parametrize("taken", ["", "annotations", SPLIT])
def test_a_folder_that_cannot_be_written_to(server: FileServer, folder: Path, taken: str) -> None:
    path = folder / taken
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"a file in the place of the folder")
    with pytest.raises(DetectorError, match="Cannot write"):
        download_coco(folder, SPLIT, server=server.url, say=lambda _: None)
