"""What splits are called."""

from __future__ import annotations

import pytest

from detector.data.splits import role_of


@pytest.mark.parametrize(
    ("name", "role"),
    [("train", "train"), ("Valid", "val"), ("val2017", "val"), ("training_2", "train"), ("test-dev", None),
     ("trainval", "trainval"), ("images", None), ("testing", "test"), ("trains", None)],
)  # fmt: skip
def test_roles(name: str, role: str | None) -> None:
    assert role_of(name) == role
