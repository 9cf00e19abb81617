"""Which split is meant by a name."""

from __future__ import annotations

import pytest

from detector.data.splits import match_split


@pytest.mark.parametrize(
    ("known", "wanted", "found"),
    [
        ("train val", "val", "val"),
        ("Train Validation", "val", "Validation"),
        ("custom_train custom_val", "val", "custom_val"),
        ("val val2017 my_val", "val", "val"),
        ("val2014 val2017", "valid", "val2017"),
        ("val2014", "val2017", None),
        ("train valid", "val2017", "valid"),
        ("a b", "val", None),
    ],
)
def test_which_split_is_meant(known: str, wanted: str, found: str | None) -> None:
    assert match_split(known.split(), wanted) == found
