"""Images chosen by a file of ids."""

from pathlib import Path

import pytest

from detector.data.dataset import Dataset, DatasetImage
from detector.data.selection import select_images
from detector.errors import DatasetError

IMAGES = (
    DatasetImage(1, Path("set/one.jpg"), None),
    DatasetImage(2, Path("set/two words.jpg"), None, text_id="b-2"),
    DatasetImage(3, Path("set/7.jpg"), None),
    DatasetImage(4, Path("set/a/same.jpg"), None),
    DatasetImage(5, Path("set/b/same.jpg"), None),
)


@pytest.mark.parametrize(
    ("content", "chosen"),
    [
        (b"1 3\n2\n", [1, 2, 3]),
        (b"\xef\xbb\xbf1\r\n3\r\n", [1, 3]),
        ("1\n3\n".encode("utf-16"), [1, 3]),
        (b"one.jpg\ntwo words.jpg\n", [1, 2]),
        (b"b-2\n3\n999\n", [2, 3]),  # ids of other images are passed over, as in lists for the whole of COCO
    ],
)
def test_ids_numbers_and_names(tmp_path, content, chosen):
    path = tmp_path / "ids.txt"
    path.write_bytes(content)
    dataset = Dataset(Path("set"), IMAGES, (), {}, "val")
    assert [image.id for image in select_images(dataset, path, None).images] == chosen


@pytest.mark.parametrize("content", [b"absent.jpg\n", b"same\n", b"1.5\n", b"1" * 5000, b"\xff1\n", b"True"])
def test_files_that_hold_no_ids(tmp_path, content):
    path = tmp_path / "ids.txt"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"should hold one image id a line"):
        select_images(Dataset(Path("set"), IMAGES, (), {}, "val"), path, None)
