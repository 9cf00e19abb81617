"""What counts as the same detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detector.data.dataset import Dataset, DatasetImage
from detector.export.parity import Parity, measure_parity


def build_dataset(images: int) -> Dataset:
    """Images with an object of 100 x 100 each."""
    boxes = [
        {"id": i + 1, "image_id": i, "category_id": 1, "bbox": [0, 0, 100, 100], "area": 10_000, "iscrowd": 0}
        for i in range(images)
    ]
    files = tuple(DatasetImage(i, Path(f"{i}.jpg"), (200, 200)) for i in range(images))
    return Dataset(Path("here"), files, tuple(boxes), {1: "cat"}, split="val")


def found(images: int, score: float = 0.9, width: float = 100, category: int = 1) -> list[dict[str, Any]]:
    return [
        {"image_id": i, "category_id": category, "bbox": [0, 0, width, 100], "score": score}
        for i in range(images)
    ]


def compare(export: list[dict[str, Any]], annotated: bool = False) -> Parity:
    categories = [1] if annotated else None
    return measure_parity(build_dataset(10), found(10), export, category_ids=categories)


def test_the_same_detections_are_the_same_detector() -> None:
    parity = compare(found(10), annotated=True)
    assert (parity.detections, parity.found_again, parity.added) == (10, 10, 0)
    assert parity.ious.tolist() == pytest.approx([1.0] * 10)
    assert parity.find_fault("none") is None
    assert parity.ap is not None
    assert parity.ap.difference.value == 0
    assert any("100.00 -> 100.00" in line for line in parity.lines())


def test_shifts_are_measured() -> None:
    parity = compare(found(10, score=0.7, width=80))
    assert parity.ious.tolist() == pytest.approx([0.8] * 10)
    assert parity.score_shifts.tolist() == pytest.approx([-0.2] * 10)
    assert parity.find_fault("none") is None  # found again, if elsewhere


@pytest.mark.parametrize(
    ("export", "why"),
    [
        ([], "finds 0 of the network's 10"),
        (found(8), "finds 8 of the network's 10"),
        (found(10, width=40), "finds 0 of the network's 10"),
        (found(10, category=2), "finds 0 of the network's 10"),
        (found(10, score=0.4), "finds 0 of the network's 10"),
        (found(10) + found(10, category=2), "adds 10 detections to the network's 10"),
    ],
)
def test_another_detector_without_annotations(export: list[dict[str, Any]], why: str) -> None:
    assert why in (compare(export).find_fault("int8") or "")


def test_a_detection_is_found_once() -> None:
    """Two of the network's detections in one place need two of the export's."""
    parity = measure_parity(build_dataset(1), found(1) + found(1, score=0.8), found(1), category_ids=None)
    assert (parity.detections, parity.found_again) == (2, 1)


def test_with_annotations_ap_decides() -> None:
    # Without a tenth of the objects recall ends at .9: AP is 91 of 101 points of recall.
    parity = compare(found(9), annotated=True)
    assert parity.ap is not None
    assert parity.ap.difference.value == pytest.approx(91 / 101 - 1, abs=1e-6)
    for precision in ("none", "fp16", "int8"):
        assert "loses 9.90 points of AP" in (parity.find_fault(precision) or "")
    assert parity.find_fault("none", max_ap_drop=10) is None
