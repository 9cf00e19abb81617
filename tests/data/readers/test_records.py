"""Records: the same dataset as the folder that they were written from, and everything that can be damaged."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from detector.data.dataset import load_dataset_image
from detector.data.folder import load_labelled_folder, load_split
from detector.data.readers.coco import load_coco, save_coco
from detector.data.readers.records import INDEX, is_records, load_records
from detector.errors import DatasetError, ImageError
from tests.data.labelled import CLASSES, WRITERS, Photo, write_coco, write_voc
from tests.data.readers.same_datasets import assert_same

record_writer = pytest.importorskip("detector.training.record_writer")  # needs TensorFlow
BOX = ("dog", 3.5, 4.25, 30.125, 40.0)
PHOTOS = [
    *(Photo(f"{n}é.{'png' if n % 3 else 'jpg'}", [BOX] * (n % 3), ("train", "val")[n % 2]) for n in range(8)),
    Photo("all.bmp", [(name, 1.3, 2, 30, 20.7) for name in CLASSES], "train"),
    Photo("beyond.webp", [("cat", -9, -9, 90, 90)], "test"),
]


def written(tmp_path: Path, folder: Path, **options: Any) -> Path:
    """The folder's records."""
    output = tmp_path / "records"
    record_writer.save_records(load_labelled_folder(folder), output, **options)
    return output


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """The records of 5 images to train on in two files, and others."""
    return written(tmp_path, write_voc(tmp_path / "voc", PHOTOS), shards=2)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_the_same_dataset(tmp_path: Path, write: Callable[..., Path]) -> None:
    source = write(tmp_path / "source", PHOTOS)
    root = written(tmp_path, source, shards=3)
    for place in (root, root / INDEX):
        folder, original = load_labelled_folder(place), load_labelled_folder(source)
        assert folder.format == "records"
        assert folder.classes == original.classes == CLASSES
        assert folder.split_note == original.split_note
        assert folder.findings == original.findings
        assert len(folder.findings) > 1
        assert_same(folder.train, original.train)
        assert_same(folder.val, original.val)
        assert_same(folder.test, original.test)
        assert all(image.path.parent == root and image.record for image in folder.train.images)
    assert_same(load_split(root, "train"), folder.train)
    assert_same(load_split(root, "valid"), folder.val)
    assert_same(load_split(root, None), folder.val)
    assert_same(load_split(root, "test"), folder.test)


def test_a_held_out_split_stays(tmp_path: Path) -> None:
    source = write_voc(tmp_path / "voc", [Photo(f"{n}.png") for n in range(10)])
    root = written(tmp_path, source)
    for seed in (0, 1):  # the seed of the training has no say
        folder = load_labelled_folder(root, seed=seed)
        assert_same(folder.val, load_labelled_folder(source, seed=0).val)
    assert len(folder.val.images) == 2
    assert folder.test is None


@pytest.mark.parametrize("claimed", [(64, 48), (48, 64)], ids=["stored", "turned"])
def test_a_turned_photo_comes_out_as_from_its_file(tmp_path: Path, claimed: tuple[int, int]) -> None:
    source = write_coco(tmp_path / "coco", [Photo("a.jpg", size_wh=claimed), Photo("b.jpg")])
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    turned = Pillow.Exif()
    turned[0x0112] = 6
    Pillow.fromarray(noise).save(source / "images/a.jpg", exif=turned)
    folder = load_labelled_folder(written(tmp_path, source))
    (image,) = [each for each in (*folder.train.images, *folder.val.images) if each.name == "a.jpg"]
    assert image.size_wh == claimed
    assert load_dataset_image(image).shape[1::-1] == claimed
    original = load_labelled_folder(source)
    assert_same(folder.train, original.train)
    assert_same(folder.val, original.val)


def test_other_splits_are_refused(records: Path) -> None:
    with pytest.raises(DatasetError, match="divided into train and val when they were written"):
        load_labelled_folder(records, train="train,test")
    with pytest.raises(DatasetError, match="divided into train and val"):
        load_labelled_folder(records, val="test")
    with pytest.raises(DatasetError, match="has no split 'other'; it has train, val, test"):
        load_split(records, "other")


def test_another_file_of_that_name_is_no_index(tmp_path: Path) -> None:
    source = write_coco(tmp_path, PHOTOS)
    (source / INDEX).write_text('{"records": [1, 2, 3]}')
    assert not is_records(source)
    assert load_labelled_folder(source).format == "COCO"


def test_files_that_are_not_what_they_were(records: Path) -> None:
    shard = sorted(records.glob("train-*"))[1]
    data = shard.read_bytes()
    for damaged in (data[:-1], data + b"\0", b""):
        shard.write_bytes(damaged)
        with pytest.raises(DatasetError, match=rf"{shard.name} was changed or cut short: it has .* records"):
            load_labelled_folder(records)
    shard.unlink()
    with pytest.raises(DatasetError, match=rf"Cannot read the records .*{shard.name} \(No such file"):
        load_labelled_folder(records)


def test_every_byte_of_a_record_may_be_damaged(records: Path) -> None:
    dataset = load_labelled_folder(records).train
    image = dataset.images[0]
    assert image.record is not None
    data = bytearray(image.path.read_bytes())
    start, end = image.record.offset - 12, image.record.offset + image.record.length
    refused = []
    # The features come in the order of their names: what precedes and follows the pixels, and some of these.
    for position in {*range(start, start + 200), *range(start, end, 97), *range(end - 300, end)}:
        data[position] ^= 0xFF
        image.path.write_bytes(data)
        data[position] ^= 0xFF
        try:
            load_dataset_image(image)
        except (DatasetError, ImageError) as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert all(image.name in sentence for sentence in refused)


def test_a_record_in_another_place(records: Path) -> None:
    image = load_labelled_folder(records).train.images[0]
    assert image.record is not None
    data = image.path.read_bytes()
    for changed in (b"\0" + data[:-1], data[: image.record.offset + 5], b""):
        image.path.write_bytes(changed)
        with pytest.raises(
            DatasetError, match=rf"the record of {image.name} should have .* write the records"
        ):
            load_dataset_image(image)
    image.path.unlink()
    with pytest.raises(DatasetError, match=r"Cannot read .*No such file"):
        load_dataset_image(image)


def test_an_unreadable_image_is_named(records: Path) -> None:
    image = load_labelled_folder(records).train.images[0]
    data = image.path.read_bytes()
    assert image.record is not None
    end = image.record.offset + image.record.length
    signature = data.index(b"\xff\xd8\xff", image.record.offset, end)
    image.path.write_bytes(data[:signature] + b"GIF" + data[signature + 3 :])
    with pytest.raises(ImageError, match=rf"^{image.name} in .*\.tfrecord is not an image"):
        load_dataset_image(image)


def test_an_index_that_was_cut_off(records: Path) -> None:
    text = (records / INDEX).read_bytes()
    for length in (*range(0, 200, 13), *range(200, len(text), 101), len(text) - 1):
        (records / INDEX).write_bytes(text[:length])
        with pytest.raises(DatasetError, match="is damaged or cut short" if length >= 100 else str(records)):
            load_labelled_folder(records)
        with pytest.raises(DatasetError):
            load_split(records, None)


@pytest.mark.parametrize(
    "change",
    [
        *(
            lambda content, key=key: content.pop(key)
            for key in ("version", "classes", "splits", "split_note", "findings")
        ),
        lambda content: content["splits"].pop("train"),
        lambda content: content["splits"].pop("val"),
        lambda content: content["classes"].pop(),
        lambda content: content["splits"]["val"].pop("annotations"),
        lambda content: content["splits"]["val"]["images"].pop(0),
        lambda content: content["splits"]["val"]["shards"].pop(),
        lambda content: content["splits"]["val"]["images"][0].update(offset=None),
        lambda content: content["splits"]["val"]["images"][0].update(shard="val"),
        *(
            lambda content, key=key, value=value: content["splits"]["val"]["images"][0].update({key: value})
            for key in ("id", "width", "height", "offset", "length")
            for value in ("7", 7.0, True, -(10**400), 10**400, float("nan"), [])
        ),
        lambda content: content["splits"]["val"]["images"][0].update(width=0),
        lambda content: content["splits"]["val"]["images"][0].update(offset=11),
        lambda content: content["splits"]["val"]["images"][0].update(shard=-1),
        lambda content: content["splits"]["val"]["images"][0].update(shard=[]),
        lambda content: content["splits"]["val"]["images"].append(content["splits"]["val"]["images"][0]),
        *(
            lambda content, key=key, value=value: content["splits"]["val"]["annotations"][0].update(
                {key: value}
            )
            for key in ("bbox", "area", "iscrowd", "image_id", "category_id")
            for value in (
                "7",
                None,
                [],
                [1, 2, 3],
                [1, 2, 3, "4"],
                [0, 0, 1, float("inf")],
                {"a": 1},
                10**400,
            )
        ),
        lambda content: content["splits"]["val"]["shards"][0].update(file_name="../records.json"),
        lambda content: content["splits"]["val"]["shards"][0].update(file_name="/etc/hostname"),
        lambda content: content["splits"]["val"]["shards"][0].update(bytes="7"),
        lambda content: content["splits"].update(val=[]),
        lambda content: content.update(splits=[]),
    ],
)
def test_an_index_that_lacks_something(records: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((records / INDEX).read_text())
    change(content)
    (records / INDEX).write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=f"{INDEX} is damaged or cut short; write the records again"):
        load_labelled_folder(records)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, "[1e999]", "null", '"x"', "\0"]
)
def test_an_index_that_harms(records: Path, text: str) -> None:
    whole = (records / INDEX).read_text()
    (records / INDEX).write_text(whole.replace('"version": 1', f'"version": {text}'))
    with pytest.raises(DatasetError, match=r"damaged or cut short|is of version"):
        load_labelled_folder(records)


def test_a_pipe_in_the_place_of_an_index_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / INDEX)
    assert not is_records(tmp_path)
    with pytest.raises(DatasetError):
        load_records(tmp_path)


def test_an_index_of_another_version(records: Path) -> None:
    text = (records / INDEX).read_text()
    (records / INDEX).write_text(text.replace('"version": 1', '"version": 2'))
    with pytest.raises(DatasetError, match="is of version 2, this ssdlite reads version 1"):
        load_labelled_folder(records)


def test_coco_json_of_records(records: Path, tmp_path: Path) -> None:
    train = load_labelled_folder(records).train
    path = tmp_path / "elsewhere" / "train.json"
    save_coco(train, path)
    again = load_coco(path)
    again.check_images()
    assert again.images == train.images
    assert_same(again, train)
    content = json.loads(path.read_text())
    del content["images"][0]["record"]["file_name"]  # offset and length are enough
    path.write_text(json.dumps(content))
    np.testing.assert_array_equal(
        load_dataset_image(load_coco(path).images[0]), load_dataset_image(train.images[0])
    )
    for record in ({"offset": 12}, {"offset": 12, "length": "a"}, [12, 100], 12):
        content["images"][1]["record"] = record
        path.write_text(json.dumps(content))
        with pytest.raises(DatasetError, match=r"has the record .*; expected offset and length"):
            load_coco(path)


def test_missing_files_are_told_from_missing_images(records: Path) -> None:
    train = load_labelled_folder(records).train
    train.check_images()
    first = train.images[0].path
    missing = sum(image.path == first for image in train.images)
    assert 0 < missing < len(train.images)
    first.unlink()
    with pytest.raises(DatasetError, match=rf"^{missing} of the 5 images .* {first.name}\); put them back"):
        train.check_images()


def test_bytes_are_kept(records: Path, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in (tmp_path / "voc/JPEGImages").iterdir()}
    folder = load_labelled_folder(records)
    assert folder.test is not None
    images = [*folder.train.images, *folder.val.images, *folder.test.images]
    assert len(images) == len(files) == len(PHOTOS)
    for image in images:
        assert image.record is not None
        example = image.path.read_bytes()[image.record.offset :][: image.record.length]
        assert files[image.name] in example
