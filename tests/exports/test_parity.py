"""What counts as the same detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.data.dataset import Dataset, DatasetImage
from detector.evaluation.bootstrap import Interval
from detector.evaluation.comparison import Difference
from detector.exports.parity import MAX_AP_DROP, Parity, Verdict, measure_parity


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
    assert parity.judge("none") == Verdict(None)
    assert parity.ap is not None
    assert parity.ap.difference.value == 0
    assert any("100.00 -> 100.00" in line for line in parity.lines())


def test_shifts_are_measured() -> None:
    parity = compare(found(10, score=0.7, width=80))
    assert parity.ious.tolist() == pytest.approx([0.8] * 10)
    assert parity.score_shifts.tolist() == pytest.approx([-0.2] * 10)
    assert parity.judge("none").fault is None  # found again, if elsewhere


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
    assert why in (compare(export).judge("int8").fault or "")


def test_a_detection_is_found_once() -> None:
    """Two of the network's detections in one place need two of the export's."""
    parity = measure_parity(build_dataset(1), found(1) + found(1, score=0.8), found(1), category_ids=None)
    assert (parity.detections, parity.found_again) == (2, 1)


def test_with_annotations_ap_decides_where_it_can_tell() -> None:
    parity = with_interval(value=-0.05, low=-0.08, high=-0.03)
    for precision in ("none", "fp16", "int8"):
        assert parity.judge(precision) == Verdict(
            f"it loses 5.00 points of AP, 3.00 at the least, and may lose {MAX_AP_DROP[precision]:g}; "
            "--max-ap-drop 8 lets it pass"
        )
    assert parity.judge("int8", max_ap_drop=8) == Verdict(None)


def test_a_small_loss_is_no_fault_whatever_is_found_again() -> None:
    assert with_interval(value=-0.002, low=-0.008, high=0.004, found_again=0).judge("int8") == Verdict(None)


@pytest.mark.parametrize(("value", "low", "high"), [(-0.0113, -0.0248, 0.0016), (-0.005, -0.02, 0.01)])
def test_an_interval_that_reaches_over_the_limit_leaves_it_to_what_is_found_again(
    value: float, low: float, high: float
) -> None:
    verdict = with_interval(value, low, high, found_again=70).judge("int8")
    assert verdict.fault is None
    assert "cannot be told from so few images" in (verdict.note or "")
    verdict = with_interval(value, low, high, found_again=60).judge("int8")
    assert "finds 60 of the network's 71 detections again and should find 95 %" in (verdict.fault or "")
    assert f"--max-ap-drop {3 if low < -0.02 else 2} lets it pass" in (verdict.fault or "")


def test_few_images_have_no_interval() -> None:
    verdict = with_interval(-0.5, float("nan"), float("nan"), found_again=71).judge("none")
    assert verdict.fault is None
    assert verdict.note
    fault = with_interval(-0.5, float("nan"), float("nan"), found_again=0).judge("none").fault
    assert fault
    assert "max-ap-drop" not in fault  # nobody can say how much would do


@pytest.mark.parametrize(
    ("value", "low", "high", "lets_pass"),
    [
        (-0.05, -0.12, 0.01, 5), (-0.0479, -0.0925, -0.0258, 5), (-0.05, float("nan"), float("nan"), 5),
        (-0.02, -0.03, -0.015, 2), (-0.005, -0.03, 0.01, None), (-0.005, -0.008, 0.01, None),
        (0.0, -0.12, 0.12, None),
    ],
)  # fmt: skip
def test_ap_alone_decides_where_the_network_is_sure_of_nothing(
    value: float, low: float, high: float, lets_pass: int | None
) -> None:
    parity = with_interval(value, low, high, detections=0, found_again=0)
    verdict = parity.judge("int8")
    if lets_pass is None:
        assert verdict.fault is None
    else:
        said = (
            f"it loses {-100 * value:.2f} points of AP and may lose 1; --max-ap-drop {lets_pass} lets it pass"
        )
        assert verdict.fault == said
        assert parity.judge("int8", max_ap_drop=lets_pass).fault is None
    if (low < -0.01 and high < -0.01) or low > -0.01:  # the whole interval is on one side
        assert verdict.note is None
    else:
        assert "AP as it was measured decides" in (verdict.note or "")


def test_ap_of_real_detections() -> None:
    # Without a tenth of the objects recall ends at .9: AP is 91 of 101 points of recall.
    parity = compare(found(9), annotated=True)
    assert parity.ap is not None
    assert parity.ap.difference.value == pytest.approx(91 / 101 - 1, abs=1e-6)
    assert parity.judge("none").fault
    none_found = compare([], annotated=True)
    assert "it loses 100.00 points of AP, 100.00 at the least" in (none_found.judge("int8").fault or "")


def with_interval(
    value: float, low: float, high: float, *, detections: int = 71, found_again: int = 71
) -> Parity:
    """A comparison with a difference of AP, as few or many images would give it."""
    side = Interval(0.6, 0.5, 0.7)
    gap = Difference(side, side, Interval(value, low, high))
    moved = np.zeros(found_again, np.float32)
    return Parity(40, gap, detections, found_again, 0, moved, moved)
