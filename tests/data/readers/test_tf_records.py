"""TFRecords of other programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.checks.repair import write_repaired
from detector.data.dataset import load_image_bytes
from detector.data.findings import FindingLog
from detector.data.folder import load_labelled_folder, load_split
from detector.data.listing import list_files
from detector.data.readers.voc import read_voc_labels
from detector.errors import DatasetError
from detector.images import load_image
from tests.data.labelled import found, write_image
from tests.data.readers.same_datasets import assert_same
from tests.data.record_files import example, photo, write_records

MAP = "item {\n  id: 1\n  name: 'cat'\n}\nitem {\n  id: 2\n  name: 'dog'\n}\n"
OBJECTS = [("cat", 1, (8, 12, 40, 36)), ("dog", 2, (20, 6, 60, 42))]


def photos(folder: Path, count: int = 6) -> list[dict]:
    made = []
    for number in range(count):
        path = folder / "made" / f"{number}.jpg"
        write_image(path, look=number)
        made.append(photo(path.read_bytes(), path.name, (64, 48), OBJECTS))
        path.unlink()
    return made


def test_records_of_raccoons_are_the_same_dataset(raccoons: Path, tmp_path: Path) -> None:
    labels = read_voc_labels(list_files(raccoons), FindingLog())
    for split, positions in labels.splits.items():
        examples = []
        for position in positions:
            image = labels.images[position]
            height, width = load_image(image.path).shape[:2]
            objects = [(labels.classes[each.label], 1, each.box) for each in image.objects]
            examples.append(
                example(photo(image.path.read_bytes(), image.path.name, (width, height), objects))
            )
        write_records(tmp_path / f"{split}.record-00000-of-00002", examples[::2])
        write_records(tmp_path / f"{split}.record-00001-of-00002", examples[1::2])
    voc, records = load_labelled_folder(raccoons), load_labelled_folder(tmp_path)
    assert records.format == "TFRecord"
    assert_same(records.train, voc.train)
    assert_same(records.val, voc.val)
    assert records.test is None


@pytest.mark.parametrize(
    "name", ["train.record", "a.tfrecord", "x.tfrecords", "train.tfrecord-00000-of-00001"]
)
def test_names_of_classes_come_from_the_label_map(tmp_path: Path, name: str) -> None:
    examples = photos(tmp_path)
    for each in examples:
        del each["image/object/class/text"]
    write_records(tmp_path / "data" / name, [example(each) for each in examples])
    with pytest.raises(
        DatasetError, match=r"what the class 1 is called; put the label map \(label_map\.pbtxt\)"
    ):
        load_labelled_folder(tmp_path)
    (tmp_path / "label_map.pbtxt").write_text(MAP)
    assert load_labelled_folder(tmp_path).classes == ("cat", "dog")
    (tmp_path / "data/label_map.pbtxt").write_text(MAP.replace("cat", "fox"))  # it lies nearer
    assert load_labelled_folder(tmp_path).classes == ("dog", "fox")
    (tmp_path / "data/other.pbtxt").write_text(MAP)
    with pytest.raises(DatasetError, match="different names of classes"):
        load_labelled_folder(tmp_path)


def test_files_and_folders_are_splits(tmp_path: Path) -> None:
    examples = [example(each) for each in photos(tmp_path)]
    write_records(tmp_path / "train/cats.tfrecord", examples[:4])
    write_records(tmp_path / "valid/cats.tfrecord", examples[4:])
    folder = load_labelled_folder(tmp_path)
    assert [len(folder.train.images), len(folder.val.images)] == [4, 2]
    assert [image.name for image in load_split(tmp_path, "val").images] == ["4.jpg", "5.jpg"]


def test_pictures_of_one_name_are_different_pictures(tmp_path: Path) -> None:
    examples = photos(tmp_path)
    for each in examples:
        each["image/filename"] = [b"frame.jpg"]
    train, val = ([example(each) for each in part] for part in (examples[:4], examples[4:]))
    write_records(tmp_path / "train.record", [*train, train[0]])
    write_records(tmp_path / "val.record", val)
    folder = load_labelled_folder(tmp_path)
    assert [len(folder.train.images), len(folder.val.images)] == [4, 2]
    stored = [load_image_bytes(image) for part in (folder.train, folder.val) for image in part.images]
    assert sorted(stored) == sorted(each["image/encoded"][0] for each in examples)
    assert found(folder, "same name as another one")[0] == 5
    assert found(folder, "listed twice") == (1, "frame.jpg in train")


def test_a_repaired_copy_has_the_pictures_as_files(tmp_path: Path) -> None:
    examples = photos(tmp_path)
    write_records(tmp_path / "records/train.record", [example(each) for each in examples[:4]])
    write_records(tmp_path / "records/val.record", [example(each) for each in examples[4:]])
    labelled = load_labelled_folder(tmp_path / "records")
    write_repaired(labelled, tmp_path / "fixed")
    fixed = load_labelled_folder(tmp_path / "fixed")
    assert [image.name for image in fixed.val.images] == ["4.jpg", "5.jpg"]
    for part, other in ((fixed.train, labelled.train), (fixed.val, labelled.val)):
        assert [each["bbox"] for each in part.annotations] == [each["bbox"] for each in other.annotations]
    assert (tmp_path / "fixed/images/train/0.jpg").read_bytes() == examples[0]["image/encoded"][0]


def test_an_image_without_objects_is_a_negative_and_a_broken_record_is_none(tmp_path: Path) -> None:
    examples = photos(tmp_path)
    for key in [key for key in examples[0] if "/object/" in key]:
        examples[0][key] = []
    examples[1]["image/object/bbox/xmin"] = [0.1]
    del examples[2]["image/encoded"]
    examples[3]["image/object/bbox/ymin"] = [float("nan"), 0.1]
    write_records(tmp_path / "a.record", [example(each) for each in examples])
    folder = load_labelled_folder(tmp_path)
    assert found(folder, "kept as negatives")[0] == 1
    assert found(folder, "different lengths") == (1, "a.record, record 2")
    assert found(folder, "without an image") == (1, "a.record, record 3")
    assert found(folder, "without a name or a box")[1] == "a.record, record 4, object 1: cat"
    assert sorted(image.name for image in folder.train.images + folder.val.images) == [
        "0.jpg",
        "3.jpg",
        "4.jpg",
        "5.jpg",
    ]


def test_boxes_in_pixels(tmp_path: Path) -> None:
    examples = photos(tmp_path)
    for each in examples:
        for side in ("xmin", "ymin", "xmax", "ymax"):
            key, unit = f"image/object/bbox/{side}", 64 if side[0] == "x" else 48
            each[key] = [share * unit for share in each[key]]
    write_records(tmp_path / "a.record", [example(each) for each in examples])
    with pytest.raises(DatasetError, match=r"are in pixels \(a.record, record 1, object 1: 8 12 40 36\)"):
        load_labelled_folder(tmp_path)
    repaired = load_labelled_folder(tmp_path, review=lambda labels, root, facts, log: labels)
    assert [each["bbox"] for each in repaired.val.annotations][:1] == [pytest.approx([8, 12, 32, 24])]


def test_a_shard_that_is_missing(tmp_path: Path) -> None:
    examples = [example(each) for each in photos(tmp_path)]
    write_records(tmp_path / "train.record-00000-of-00003", examples[:3])
    write_records(tmp_path / "train.record-00002-of-00003", examples[3:])
    with pytest.raises(DatasetError, match="has 2 of its 3 files, number 00001 is missing"):
        load_labelled_folder(tmp_path)


@pytest.mark.parametrize(
    "content", [b"\x1f\x8b\x08", b"no records at all", b"\x05" + bytes(11) + b"\xff" * 9]
)
def test_files_that_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.record").write_bytes(content)
    with pytest.raises(DatasetError, match=r"gzip|no TFRecord file|no tf\.train\.Example"):
        load_labelled_folder(tmp_path)


def test_an_index_beside_records_is_not_passed_over(tmp_path: Path) -> None:
    write_records(tmp_path / "made/train.tfrecord", [example(each) for each in photos(tmp_path)])
    (tmp_path / "made/records.json").write_text('{"format": "ssdlite')
    with pytest.raises(DatasetError, match=r"records\.json is damaged or cut short"):
        load_labelled_folder(tmp_path)
    (tmp_path / "made/records.json").write_text('{"format": "ssdlite records"')
    with pytest.raises(DatasetError, match=r"made holds records with their index; name that folder"):
        load_labelled_folder(tmp_path)


def test_records_that_are_cut_short(tmp_path: Path) -> None:
    write_records(tmp_path / "a.record", [example(each) for each in photos(tmp_path)])
    content = (tmp_path / "a.record").read_bytes()
    for size in range(1, len(content), 997):
        (tmp_path / "a.record").write_bytes(content[:size])
        with pytest.raises(DatasetError):
            load_labelled_folder(tmp_path)
