"""Boxes around shapes, held to pycocotools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask

from detector.data.readers.masks import bounds_of_segmentation
from detector.data.readers.shapes import bounds_of_ellipse


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30), st.floats(0.01, 0.9))
def test_runs_are_read_as_pycocotools_does(seed: int, height: int, width: int, share: float) -> None:
    pixels = np.asfortranarray(np.random.default_rng(seed).random((height, width)) < share, np.uint8)
    packed = mask.encode(pixels)
    ends = np.flatnonzero(np.diff(np.concatenate([[0], pixels.ravel(order="F"), [2]])))
    counts = np.diff(np.concatenate([[0], ends])).tolist()
    rows, columns = np.nonzero(pixels)
    expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if rows.size else None
    text = packed["counts"].decode()
    for runs in (text, counts):
        assert bounds_of_segmentation({"counts": runs, "size": [height, width]}) == expected


@pytest.mark.parametrize(
    "value",
    [
        None, [], [[]], "x", 7, [[1, 2]], [[1, 2, 3]], [["a"] * 6], [[1, 2, float("nan"), 4, 5, 6]], {},
        {"counts": [1, 2], "size": [0, 5]}, {"counts": [1, 2], "size": [1 << 40, 5]},
        {"counts": [4], "size": [2, 2]},
        {"counts": [1, 99], "size": [2, 2]}, {"counts": "zzz", "size": [2, 2]},
        {"counts": "~" * 99, "size": [2, 2]},
        {"counts": [True, 2], "size": [2, 2]}, {"counts": [1, -2], "size": [2, 2]},
        {"counts": None, "size": None},
    ],
)  # fmt: skip
def test_shapes_that_are_none(value: Any) -> None:
    assert bounds_of_segmentation(value) is None


def test_polygons() -> None:
    assert bounds_of_segmentation([[1, 2, 5, 2, 3, 9], [0, 4, 2, 4, 2, 6]]) == (0, 2, 5, 9)
    assert bounds_of_segmentation([1, 2, 5, 2, 3, 9]) == (1, 2, 5, 9)


def test_ellipses() -> None:
    assert bounds_of_ellipse((10, 20), (4, 2), 0) == pytest.approx((6, 18, 14, 22))
    assert bounds_of_ellipse((10, 20), (4, 2), 90) == pytest.approx((8, 16, 12, 24))
    # A circle is the same however it is turned.
    assert bounds_of_ellipse((0, 0), (3, 3), 37) == pytest.approx((-3, -3, 3, 3))
