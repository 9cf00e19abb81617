"""Files that others wrote: what is wrong is said in one sentence."""

import json
import os

import pytest

from detector.errors import DatasetError
from detector.evaluation.results import count_reaching_out, load_results
from tests.evaluation.noisy_detections import build_dataset

GOOD = {"image_id": 10, "category_id": 1, "bbox": [1, 2.5, 30, 40], "score": 0.5}

FAULTS = {
    "not a list": ({"annotations": []}, "expected a list of detections, got an object"),
    "a number": (3, "got a number"),
    "an entry that is no object": ([GOOD, [1]], "entry 1 is a list"),
    "no image_id": ([{k: v for k, v in GOOD.items() if k != "image_id"}], "entry 0 has no image_id"),
    "image_id as list": ([{**GOOD, "image_id": [10]}], "the image_id [10]; expected an integer"),
    "category_id as truth": ([{**GOOD, "category_id": True}], "category_id True; expected an integer"),
    "score NaN": ([{**GOOD, "score": float("nan")}], "the score nan; expected a finite number"),
    "score infinite": ([{**GOOD, "score": float("inf")}], "the score inf"),
    "score as text": ([{**GOOD, "score": "high"}], "the score high"),
    "a score of 400 digits": ([{**GOOD, "score": 10**400}], "expected a finite number"),
    "a box of 400 digits": ([{**GOOD, "bbox": [10**400, 1, 1, 1]}], "expected x, y, width, height"),
    "three numbers": ([{**GOOD, "bbox": [1, 2, 3]}], "expected x, y, width, height as four"),
    "NaN in a box": ([{**GOOD, "bbox": [1, float("nan"), 3, 4]}], "four finite numbers"),
    "no box": ([{**GOOD, "bbox": None}], "the bbox None"),
    "negative width": ([{**GOOD, "bbox": [1, 2, -3, 4]}], "a negative width or height"),
    "unknown image": ([GOOD, {**GOOD, "image_id": 777}], "1 of 2 detections"),
    "unknown category": ([{**GOOD, "category_id": 3}], "not among the categories"),
    "outside": ([GOOD, {**GOOD, "bbox": [5000, 1, 2, 2]}], "1 of 2 boxes"),
    "outside at the left": ([{**GOOD, "bbox": [-50, 1, 20, 2]}], "wholly outside"),
}


@pytest.fixture(scope="module")
def dataset():
    return build_dataset(4)


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(dataset, tmp_path, fault):
    content, expected = FAULTS[fault]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError) as raised:
        load_results(path, dataset)
    assert expected in str(raised.value)
    assert "results.json" in str(raised.value)
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is not JSON"),
        (b"[{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[" + b"1" * 5000 + b"]", "is not JSON"),
    ],
)
def test_files_that_are_no_json(dataset, tmp_path, content, expected):
    path = tmp_path / "results.json"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=expected):
        load_results(path, dataset)


def test_absent_files_and_folders(dataset, tmp_path):
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(DatasetError, match=r"Cannot read the detections|not a regular file"):
            load_results(path, dataset)


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="asks POSIX for the free memory")
def test_what_does_not_fit_into_the_memory_is_refused_before_it_is_read(dataset, tmp_path):
    path = tmp_path / "results.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole of a terabyte, which takes no room
    with pytest.raises(DatasetError, match="write no more than that"):
        load_results(path, dataset)


def test_good_files_come_back_as_they_are(dataset, tmp_path):
    over = {**GOOD, "bbox": [-20, 2, 30, 40], "score": 3}  # beyond the image, and a score over 1: both happen
    at_the_edge = {**GOOD, "bbox": [-1, -1, 0, 0]}
    path = tmp_path / "results.json"
    for content in ([], [GOOD, over, at_the_edge]):
        path.write_text(json.dumps(content))
        assert load_results(path, dataset) == content
    assert count_reaching_out([GOOD, over, at_the_edge], dataset) == 1
