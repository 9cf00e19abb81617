"""Parts of COCO: which images they have, and how they come from a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detector.data import coco_download, coco_pictures
from detector.data.coco_download import download_coco, download_coco_part
from detector.data.coco_part import CocoPart
from detector.data.dataset import Dataset
from detector.data.folder import load_split
from detector.data.minival import clean_images, minival_ids
from detector.errors import DatasetError, DetectorError
from detector.system.download import DownloadError
from tests.data.test_coco_download import files, make_zip
from tests.system.file_server import CONTENT, FileServer, unused_address

ARCHIVE = "/annotations/annotations_trainval2017.zip"
MEMBER = "annotations/instances_val2017.json"
CLEAN = sorted(minival_ids())[:6]
OTHERS = [number for number in range(1, 100) if number not in minival_ids()][:6]
IDS = sorted([*CLEAN, *OTHERS])


def name_of(number: int) -> str:
    return f"{number:012}.jpg"


def picture(number: int, width: int = 32) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (24, width, 3), np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


PICTURES = {number: picture(number) for number in IDS}


def content_of(ids: list[int] = IDS) -> dict[str, Any]:
    return {
        "images": [{"id": each, "file_name": name_of(each), "width": 32, "height": 24} for each in ids],
        "annotations": [
            {"id": n, "image_id": each, "category_id": 1 + n % 2, "bbox": [1, 2, 3, 4], "iscrowd": 0}
            for n, each in enumerate(ids, start=1)
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "cat"}, {"id": 3, "name": "dog"}],
    }


def archive_of(content: object, **more: bytes) -> bytes:
    """The annotations between much else, which need not be fetched."""
    members = {"annotations/a.json": CONTENT, MEMBER: json.dumps(content).encode(), "annotations/z": CONTENT}
    return make_zip(members | more)


WHOLE = archive_of(content_of())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with FileServer() as server:
        server.files[ARCHIVE] = WHOLE
        server.files |= {f"/val2017/{name_of(number)}": each for number, each in PICTURES.items()}
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "coco"


def fetch(
    server: FileServer,
    folder: Path,
    *,
    clean: bool = True,
    limit: int | None = None,
    split: str = "val2017",
    say: Callable[[str], None] = lambda _: None,
) -> Dataset:
    server.requests.clear()
    server.sent.clear()
    part = CocoPart(split, clean, limit)
    return download_coco_part(folder, part, server=server.url, say=say)


def asked_pictures(server: FileServer) -> list[str]:
    return sorted(path for path, _ in server.requests if path.endswith(".jpg"))


def test_the_minival_is_whole() -> None:
    ids = minival_ids()
    assert len(ids) == 8059
    assert 0 < min(ids) < max(ids) < 600_000


def test_only_what_is_clean_is_fetched(server: FileServer, folder: Path) -> None:
    dataset = fetch(server, folder)
    assert [image.id for image in dataset.images] == CLEAN
    assert dataset.categories == {1: "person", 2: "cat", 3: "dog"}
    assert {annotation["image_id"] for annotation in dataset.annotations} == set(CLEAN)
    assert files(folder) == [
        "annotations/instances_val2017_clean.json",
        *(f"val2017/{name_of(each)}" for each in CLEAN),
    ]
    assert all(image.path.read_bytes() == PICTURES[image.id] for image in dataset.images)
    assert asked_pictures(server) == [f"/val2017/{name_of(each)}" for each in CLEAN]
    assert all(asked for path, asked in server.requests if path == ARCHIVE)
    assert server.sent[ARCHIVE] < len(server.files[ARCHIVE]) - len(CONTENT)
    # A second time nothing is missing.
    fetch(server, folder)
    assert server.requests == []


def test_it_is_what_an_evaluation_of_the_folder_takes(server: FileServer, folder: Path) -> None:
    fetch(server, folder)
    for split in (None, "val2017_clean"):
        read = load_split(folder, split)
        assert (read.split, [image.id for image in read.images]) == ("val2017_clean", CLEAN)
        assert clean_images(read) == CLEAN


def test_the_whole_beside_a_part_stays_the_whole(server: FileServer, folder: Path) -> None:
    fetch(server, folder)
    server.files["/zips/val2017.zip"] = make_zip(
        {f"val2017/{name_of(number)}": each for number, each in PICTURES.items()}
    )
    download_coco(folder, "val2017", server=server.url, say=lambda _: None)
    for split, ids in ((None, IDS), ("val2017", IDS), ("val2017_clean", CLEAN)):
        read = load_split(folder, split)
        assert [image.id for image in read.images] == ids
        assert read.findings == ()
    assert clean_images(load_split(folder, None)) == CLEAN


def test_what_a_whole_dataset_has_is_not_fetched(server: FileServer, folder: Path) -> None:
    (folder / "annotations").mkdir(parents=True)
    (folder / "val2017").mkdir()
    (folder / MEMBER).write_text(json.dumps(content_of()))
    for number in IDS[1:]:
        (folder / "val2017" / name_of(number)).write_bytes(PICTURES[number])
    fetch(server, folder, clean=False, limit=len(IDS) - 1)
    assert len(server.requests) <= 1
    assert asked_pictures(server) == [path for path, _ in server.requests]


def test_a_server_without_parts_of_files_sends_the_whole_archive(server: FileServer, folder: Path) -> None:
    server.ranges = False
    said: list[str] = []
    assert len(fetch(server, folder, say=said.append).images) == len(CLEAN)
    assert "The server does not send parts of files; fetching the whole archive." in said
    assert [path for path, _ in server.requests].count(ARCHIVE) == 2
    assert not list(folder.glob("*.zip*"))


def test_2014_has_names_and_an_archive_of_its_own(server: FileServer, folder: Path) -> None:
    content = content_of(CLEAN)
    for image in content["images"]:
        image["file_name"] = f"COCO_val2014_{image['file_name']}"
        server.files[f"/val2014/{image['file_name']}"] = PICTURES[image["id"]]
    member = "annotations/instances_val2014.json"
    server.files["/annotations/annotations_trainval2014.zip"] = make_zip(
        {member: json.dumps(content).encode()}
    )
    dataset = fetch(server, folder, split="val2014")
    assert (dataset.split, clean_images(dataset)) == ("val2014_clean", CLEAN)
    assert load_split(folder, None).split == "val2014_clean"


def test_ids_that_are_not_in_the_split_are_no_matter(server: FileServer, folder: Path) -> None:
    server.files[ARCHIVE] = archive_of(content_of([*CLEAN[:2], *OTHERS]))
    assert [image.id for image in fetch(server, folder).images] == CLEAN[:2]


@pytest.mark.parametrize(("clean", "limit", "words"), [(True, None, "0 clean"), (False, 6, "leave out")])
def test_a_part_that_cannot_be_had(
    server: FileServer, folder: Path, clean: bool, limit: int | None, words: str
) -> None:
    server.files[ARCHIVE] = archive_of(content_of(OTHERS))
    with pytest.raises(DatasetError, match=words):
        fetch(server, folder, clean=clean, limit=limit)
    assert not folder.exists()


@pytest.mark.parametrize("split", ["train2017", "train2014"])
def test_what_was_trained_on_is_refused(split: str) -> None:
    with pytest.raises(DatasetError, match=f"trained on {split}; --clean"):
        CocoPart(split, True, None)
    CocoPart(split, False, 3)


def test_another_part_in_the_same_folder_is_refused(server: FileServer, folder: Path) -> None:
    fetch(server, folder)
    before = files(folder)
    with pytest.raises(DatasetError, match=r"another part .*instances_val2017_clean\.json"):
        fetch(server, folder, limit=2)
    assert (server.requests, files(folder)) == ([], before)


def test_a_limit_takes_the_same_images_everywhere(server: FileServer, folder: Path) -> None:
    dataset = fetch(server, folder, limit=3)
    assert len(dataset.images) == 3
    assert {image.id for image in dataset.images} < set(CLEAN)
    assert dataset.split == "val2017_clean_3"
    other = fetch(server, folder.with_name("other"), limit=3)
    assert [image.id for image in other.images] == [image.id for image in dataset.images]
    some = fetch(server, folder.with_name("some"), clean=False, limit=5)
    assert (len(some.images), some.split) == (5, "val2017_5")


def test_a_download_goes_on_where_it_was(server: FileServer, folder: Path) -> None:
    path = f"/val2017/{name_of(CLEAN[2])}"
    server.cuts[path] = [100] * 99
    with pytest.raises(DownloadError, match=rf"1 of 6 images .*{name_of(CLEAN[2])}.*fetch these alone"):
        fetch(server, folder)
    assert len(files(folder)) == len(CLEAN)
    server.cuts.clear()
    fetch(server, folder)
    assert [each for each, _ in server.requests] == [path]


def test_what_fails_once_is_tried_again(server: FileServer, folder: Path) -> None:
    for number in CLEAN:
        server.cuts[f"/val2017/{name_of(number)}"] = [0, 50]
    assert len(fetch(server, folder).images) == len(CLEAN)


def test_an_image_that_is_here_damaged_is_fetched_anew(server: FileServer, folder: Path) -> None:
    fetch(server, folder)
    (folder / "val2017" / name_of(CLEAN[0])).write_bytes(PICTURES[CLEAN[0]][:-50])
    fetch(server, folder)
    assert asked_pictures(server) == [f"/val2017/{name_of(CLEAN[0])}"]
    assert (folder / "val2017" / name_of(CLEAN[0])).read_bytes() == PICTURES[CLEAN[0]]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (picture(1, width=40), "40x24 pixels and should have 32x24"),
        (PICTURES[IDS[0]][:-40], "cut short"),
        (b"<html>The network asks you to log in.</html>", "not an image"),
        (bytes(coco_pictures._MOST_PICTURE + 1), "more than it should"),
    ],
)
def test_what_is_not_the_picture_is_not_kept(
    server: FileServer, folder: Path, answer: bytes, words: str
) -> None:
    server.files[f"/val2017/{name_of(CLEAN[1])}"] = answer
    with pytest.raises(DownloadError, match=words):
        fetch(server, folder)
    assert sorted(path.name for path in (folder / "val2017").iterdir()) == [
        name_of(each) for each in CLEAN if each != CLEAN[1]
    ]


def test_a_picture_that_is_turned_is_one_of_its_size(server: FileServer, folder: Path) -> None:
    content = content_of()
    content["images"][0] |= {"width": 24, "height": 32}
    server.files[ARCHIVE] = archive_of(content)
    fetch(server, folder, clean=False, limit=len(IDS) - 1)


def test_a_network_that_is_gone_is_not_asked_for_each_image(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_pictures, "_MOST_IN_A_ROW", 3)
    monkeypatch.setattr(coco_pictures, "_AT_ONCE", 1)
    for number in IDS:
        del server.files[f"/val2017/{name_of(number)}"]
    with pytest.raises(DownloadError, match=r"11 of 11 images .*, \.\.\.\): .*404"):
        fetch(server, folder, clean=False, limit=11)
    assert len(asked_pictures(server)) <= 5


def test_no_server_leaves_nothing(folder: Path) -> None:
    part = CocoPart("val2017", True, None)
    with pytest.raises(DownloadError, match="check the network"):
        download_coco_part(folder / "deep", part, server=unused_address(), say=lambda _: None)
    assert not folder.exists()


@pytest.mark.parametrize("during", ["annotations", "pictures"])
def test_an_interruption_leaves_nothing_half(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch, during: str
) -> None:
    written = Path.write_bytes

    def write(path: Path, content: bytes) -> int:
        if len(list((folder / "val2017").iterdir())) == 2:
            written(path, content[:10])
            raise KeyboardInterrupt
        return written(path, content)

    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if during == "annotations":
            patch.setattr("zipfile.ZipExtFile.read", interrupt)
        else:
            patch.setattr(Path, "write_bytes", write)
        with pytest.raises(KeyboardInterrupt):
            fetch(server, folder)
    if during == "annotations":
        assert not folder.exists()
    else:
        assert len(list((folder / "val2017").iterdir())) == 2
        assert all(path.read_bytes() == PICTURES[int(path.stem)] for path in (folder / "val2017").iterdir())
    assert len(fetch(server, folder).images) == len(CLEAN)
    assert len(asked_pictures(server)) == (6 if during == "annotations" else 4)


def _wrong_byte(content: bytes) -> bytes:
    position = content.index(MEMBER.encode()) + len(MEMBER) + 20
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"<html>The network asks you to log in.</html>",
        lambda content: content[:-100],
        _wrong_byte,
        lambda content: make_zip({"annotations/captions_val2017.json": b"{}"}),
        lambda content: make_zip({MEMBER: b"{}" + b" " * 30_000_000}),
        lambda content: make_zip({MEMBER: b"images: []"}),
    ],
    ids=["no zip", "cut", "wrong byte", "no member", "bomb", "no JSON"],
)
@pytest.mark.parametrize("ranges", [True, False])
def test_a_damaged_archive_is_refused(
    server: FileServer, folder: Path, damage: Callable[[bytes], bytes], ranges: bool
) -> None:
    server.files[ARCHIVE] = damage(server.files[ARCHIVE])
    server.ranges = ranges
    with pytest.raises(DatasetError, match=f"{ARCHIVE} arrived damaged"):
        fetch(server, folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("images"),
        lambda content: content.update(images=7),
        lambda content: content["images"].append("text"),
        lambda content: content["annotations"].append({"id": 1}),
        lambda content: content["images"][0].update(file_name=7),
    ],
)
def test_annotations_that_are_not_cocos(
    server: FileServer, folder: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    content = content_of(CLEAN)
    change(content)
    server.files[ARCHIVE] = archive_of(content)
    with pytest.raises(DatasetError, match="not as COCO's"):
        fetch(server, folder)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["../escaped.jpg", "/tmp/escaped.jpg", "a\\b.jpg", "x?y.jpg", "..", "a.exe"])
def test_names_never_lead_elsewhere(server: FileServer, folder: Path, name: str) -> None:
    content = content_of(CLEAN)
    content["images"][0]["file_name"] = name
    server.files[ARCHIVE] = archive_of(content)
    with pytest.raises(DatasetError, match="lists the image"):
        fetch(server, folder)
    assert not folder.exists()


def test_the_archive_is_held_to_its_known_size(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_download, "_ARCHIVES", {"annotations_trainval2017.zip": (1000, None)})
    said: list[str] = []
    fetch(server, folder, say=said.append)
    assert any("is not COCO's own" in line for line in said)
    monkeypatch.setattr(coco_download, "_COCOS_OWN", (server.url,))
    with pytest.raises(DatasetError, match="bytes instead of"):
        fetch(server, folder.with_name("other"))


def test_a_folder_that_cannot_be_written_to(server: FileServer, folder: Path) -> None:
    folder.mkdir()
    (folder / "val2017").write_bytes(b"a file in the place of the folder")
    with pytest.raises(DetectorError, match="Cannot write"):
        fetch(server, folder)
