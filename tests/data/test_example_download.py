"""The example dataset from a server on this machine."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.data import example_download
from detector.data.example_download import _COMMIT, download_example
from detector.data.folder import load_labelled_folder
from detector.errors import DatasetError, DetectorError
from detector.system.download import DownloadError
from tests.data.test_coco_download import files, make_zip
from tests.system.file_server import FileServer, unused_address

PATH = f"/datitran/raccoon_dataset/zip/{_COMMIT}"
TOP = f"raccoon_dataset-{_COMMIT}"
NUMBERS = range(1, 201)
EXPECTED = sorted(
    [
        "LICENSE",
        *(f"images/raccoon-{n}.jpg" for n in NUMBERS),
        *(f"annotations/raccoon-{n}.xml" for n in NUMBERS),
    ]
)
BOX = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20</xmax><ymax>18</ymax></bndbox>"
OBJECT = f"<object><name>raccoon</name>{BOX}</object>"


def _labels(number: int) -> bytes:
    """As they are there: of some images, 17 in all have one object more, and the suffix is not the file's."""
    objects = OBJECT * (2 if number <= 17 else 1)
    return (
        f"<annotation><filename>raccoon-{number}.png</filename><size><width>32</width><height>24</height>"
        f"<depth>3</depth></size>{objects}</annotation>"
    ).encode()


def _picture(width: int = 32) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (24, width, 3), np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


PICTURE = _picture()
MEMBERS = {
    f"{TOP}/": b"",
    f"{TOP}/LICENSE": b"MIT License",
    f"{TOP}/README.md": b"# Raccoon Detector Dataset",
    f"{TOP}/training/frozen.pb": b"\0" * 100,
    **{f"{TOP}/images/raccoon-{number}.jpg": PICTURE for number in NUMBERS},
    **{f"{TOP}/annotations/raccoon-{number}.xml": _labels(number) for number in NUMBERS},
}
WHOLE = make_zip(MEMBERS)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with FileServer() as server:
        server.ranges = False  # as GitHub's
        server.files[PATH] = WHOLE
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "raccoons"


def fetch(server: FileServer, folder: Path) -> list[str]:
    said: list[str] = []
    labels = download_example(folder, server=server.url, say=said.append)
    assert (len(labels.images), labels.num_objects, labels.classes) == (200, 217, ("raccoon",))
    assert files(folder) == EXPECTED
    return said


def test_images_labels_and_licence_are_unpacked(server: FileServer, folder: Path) -> None:
    assert fetch(server, folder) == [f"Fetching 200 photographs with labels from {server.url}{PATH}."]
    assert (folder / "LICENSE").read_bytes() == b"MIT License"
    assert (folder / "images/raccoon-7.jpg").read_bytes() == PICTURE
    assert list(folder.parent.iterdir()) == [folder]
    read = load_labelled_folder(folder)
    assert (read.format, read.classes) == ("Pascal VOC", ("raccoon",))
    assert not read.refusals


def test_the_real_photographs_and_labels_are_taken(server: FileServer, folder: Path, raccoons: Path) -> None:
    server.files[PATH] = make_zip(
        {f"{TOP}/{name}": (raccoons / name).read_bytes() for name in EXPECTED}, zipfile.ZIP_STORED
    )
    fetch(server, folder)


def test_an_empty_folder_is_filled_and_another_is_not(server: FileServer, folder: Path) -> None:
    folder.mkdir(parents=True)
    fetch(server, folder)
    server.requests.clear()
    with pytest.raises(DetectorError, match="exists already"):
        download_example(folder, server=server.url)
    assert (server.requests, files(folder)) == ([], EXPECTED)


def test_a_connection_that_breaks_is_tried_again(server: FileServer, folder: Path) -> None:
    server.cuts[PATH] = [1000, 0]
    fetch(server, folder)
    assert len(server.requests) == 3


def _without(name: str) -> bytes:
    return make_zip({key: each for key, each in MEMBERS.items() if key != f"{TOP}/{name}"})


def _with(name: str, content: bytes) -> bytes:
    return make_zip(MEMBERS | {f"{TOP}/{name}": content})


def _wrong_byte() -> bytes:
    name = f"{TOP}/images/raccoon-9.jpg".encode()
    position = WHOLE.index(name) + len(name) + 50
    return WHOLE[:position] + bytes([WHOLE[position] ^ 1]) + WHOLE[position + 1 :]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: b"<html>The network asks you to log in.</html>", ""),
        (lambda: WHOLE[:-100], ""),
        (_wrong_byte, ""),
        (lambda: make_zip({}), ""),
        (lambda: _without("images/raccoon-200.jpg"), r"raccoon-200\.jpg"),
        (lambda: _without("annotations/raccoon-3.xml"), r"raccoon-3\.xml"),
        (lambda: _without("LICENSE"), "LICENSE"),
        (lambda: _with("images/raccoon-5.jpg", _picture(40)), r"raccoon-5\.jpg is not the image"),
        (lambda: _with("images/raccoon-5.jpg", PICTURE[:-40]), r"raccoon-5\.jpg is not the image"),
        (lambda: _with("images/raccoon-5.jpg", b"GIF87"), r"raccoon-5\.jpg is not an image"),
        (lambda: _with("annotations/raccoon-18.xml", _labels(1).replace(b"n-1.", b"n-18.")), "218 objects"),
        (lambda: _with("annotations/raccoon-18.xml", _labels(18).replace(b"raccoon<", b"cat<")), "cat"),
        (lambda: _with("annotations/raccoon-18.xml", b"<annotation>"), ""),
        (lambda: _with("images/raccoon-5.jpg", bytes(11_000_000)), "larger than"),
    ],
)
def test_a_damaged_archive_leaves_nothing(
    server: FileServer, folder: Path, content: Callable[[], bytes], words: str
) -> None:
    server.files[PATH] = content()
    with pytest.raises(DatasetError, match=f"{PATH} arrived damaged; .*{words}"):
        download_example(folder, server=server.url, say=lambda _: None)
    assert not folder.parent.exists()


def test_an_archive_that_is_far_too_large(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example_download, "_MOST_ARCHIVE", len(WHOLE) - 1)
    with pytest.raises(DownloadError, match="more than it should"):
        download_example(folder, server=server.url, say=lambda _: None)
    assert not folder.parent.exists()


def test_no_server(folder: Path) -> None:
    with pytest.raises(DownloadError, match="check the network"):
        download_example(folder, server=unused_address(), say=lambda _: None)
    assert not folder.parent.exists()


@pytest.mark.parametrize("where", ["http.client.HTTPResponse.read", "pathlib.Path.write_bytes"])
def test_an_interruption_leaves_nothing(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, interrupt)
        with pytest.raises(KeyboardInterrupt):
            download_example(folder, server=server.url, say=lambda _: None)
    assert not folder.parent.exists()
    fetch(server, folder)
