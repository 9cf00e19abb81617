"""What is behind the class of a YOLO row: a box, an outline, key points, confidences, tracks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from detector.data.findings import FindingLog
from detector.data.readers.yolo_columns import BOX, OUTLINE, Columns, read_key_points
from detector.errors import DatasetError

Make = Callable[[np.random.Generator], list[float]]


def box(rng: np.random.Generator) -> list[float]:
    size = rng.uniform(0.05, 0.6, 2)
    return [*rng.uniform(size / 2, 1 - size / 2), *size]


def outline(rng: np.random.Generator, points: int | None = None, most: float = 0.4) -> list[float]:
    points = points or int(rng.integers(4, 30))
    size = rng.uniform(0.05, most)
    turns = (np.arange(points) + rng.uniform(0, 0.8, points)) / points + rng.uniform()
    reach = size * rng.uniform(0.7, 1, (points, 1))
    around = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], 1)
    return (rng.uniform(size, 1 - size, 2) + reach * around).ravel().tolist()


def turned_box(rng: np.random.Generator) -> list[float]:
    along, across = rng.uniform(0.05, 0.3, 2), rng.uniform(0.1, 1)
    away = np.array([-along[1], along[0]]) * across
    corners = np.array([-along - away, along - away, along + away, -along + away]) / 2
    return (rng.uniform(0.3, 0.7, 2) + corners).ravel().tolist()


def pose(rng: np.random.Generator, points: int, numbers: int) -> list[float]:
    head = box(rng)
    places = np.array(head[:2]) + rng.uniform(-0.5, 0.5, (points, 2)) * head[2:]
    if numbers == 3:
        seen = rng.integers(0, 3, (points, 1))
        places = np.concatenate([np.where(seen > 0, places, 0), seen], 1)
    return [*head, *places.ravel().tolist()]


KINDS: dict[str, tuple[Make, str, str | None]] = {
    "boxes": (box, BOX, None),
    "confidences": (lambda rng: [*box(rng), rng.uniform()], BOX, "confidences after the box, ignored"),
    "outlines": (outline, OUTLINE, "outlines of objects"),
    "small outlines": (lambda rng: outline(rng, most=0.08), OUTLINE, "outlines of objects"),
    "outlines of eight points": (lambda rng: outline(rng, 8), OUTLINE, "outlines of objects"),
    "four corners": (lambda rng: outline(rng, 4), OUTLINE, "outlines of objects"),
    "turned boxes": (turned_box, OUTLINE, "outlines of objects"),
    "outlines and confidences": (lambda rng: [*outline(rng), rng.uniform()], OUTLINE, "outlines of objects"),
    **{
        f"{points} key points of {numbers} numbers": (
            lambda rng, points=points, numbers=numbers: pose(rng, points, numbers), BOX, "key points"
        )
        for points, numbers in ((4, 2), (5, 2), (17, 2), (1, 3), (2, 3), (4, 3), (5, 3), (17, 3))
    },
    "confidence and track": (
        lambda rng: [*box(rng), rng.uniform(), rng.integers(1, 40)], BOX, "confidences and track numbers",
    ),
    "track and confidence": (
        lambda rng: [*box(rng), rng.integers(1, 40), rng.uniform()], BOX, "confidences and track numbers",
    ),
    "one track and confidences": (lambda rng: [*box(rng), rng.uniform(), 1], BOX, "confidences and track"),
}  # fmt: skip


def decide(make: Make, count: int, key_points: tuple[int, int] | None = None) -> tuple[set[str], list[str]]:
    """What rows are, and the findings about them."""
    rng, columns, log = np.random.default_rng(3), Columns(key_points), FindingLog()
    for number in range(count):
        columns.note(
            [float(value) for value in make(rng)], f"labels/{number // 3}.txt:{number % 3 + 1}", "line"
        )
    kinds = set(columns.decide(log).values())
    return kinds, [finding.kind for finding in log.findings]


@pytest.mark.parametrize("count", [20, 150])
@pytest.mark.parametrize("name", KINDS)
def test_rows_are_told_by_where_their_numbers_lie(name: str, count: int) -> None:
    make, kind, said = KINDS[name]
    kinds, findings = decide(make, count)
    assert kinds == {kind}
    assert all(said is not None and said in finding for finding in findings)
    assert bool(findings) == (said is not None)


def test_tracks_are_counted() -> None:
    numbers = iter(range(1, 100))
    kinds, findings = decide(lambda rng: [*box(rng), next(numbers)], 30)
    assert (kinds, findings) == ({BOX}, ["track numbers after the box, ignored"])


DOUBTFUL: dict[str, Make] = {
    "degrees": lambda rng: [*box(rng), rng.integers(0, 180)],
    "radians": lambda rng: [*box(rng), rng.uniform(-1.5, 1.5)],
    "percent": lambda rng: [*box(rng), rng.uniform(0, 100)],
    "two scores": lambda rng: [*box(rng), *rng.uniform(0, 1, 2)],
    "one key point": lambda rng: pose(rng, 1, 2),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_cannot_be_told_is_refused(name: str) -> None:
    with pytest.raises(DatasetError, match=r"^labels/0\.txt:1: line"):
        decide(DOUBTFUL[name], 20)


def test_key_points_among_outlines_are_refused() -> None:
    def either(rng: np.random.Generator) -> list[float]:
        return pose(rng, 17, 2) if rng.uniform() < 0.5 else outline(rng)

    with pytest.raises(DatasetError, match="key points, where other rows are outlines"):
        decide(either, 100)


@pytest.mark.parametrize("make", [lambda rng: pose(rng, 1, 2), lambda rng: outline(rng, 3)])
def test_the_description_decides(make: Make) -> None:
    assert decide(make, 20, (1, 2))[0] == {BOX}
    assert decide(make, 20, (0, 0))[0] == {OUTLINE}


def test_rows_of_other_lengths_than_the_description_says_are_faults() -> None:
    ((fault,), _) = decide(lambda rng: pose(rng, 5, 2), 3, (17, 3))
    assert fault == "15 numbers, where kpt_shape asks for 56"


@pytest.mark.parametrize("length", [7, 9, 11])
def test_numbers_that_are_nothing_are_a_fault(length: int) -> None:
    (kinds, _) = decide(lambda rng: rng.uniform(5, 9, length).tolist(), 1)
    assert kinds == {f"{length + 1} numbers are neither a class and a box nor a class and points"}


@pytest.mark.parametrize("value", [["17", "3"], ["0", "0"], "", None])
def test_kpt_shape(value: object) -> None:
    assert read_key_points(value, "data.yaml") == (tuple(map(int, value)) if value else None)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "value", ["17", ["17"], ["17", "3", "1"], ["17", "4"], ["-1", "2"], ["x", "2"], {"a": "b"}]
)
def test_other_kpt_shapes_are_refused(value: object) -> None:
    with pytest.raises(DatasetError, match="expected kpt_shape as"):
        read_key_points(value, "data.yaml")
