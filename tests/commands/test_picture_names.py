"""Where the picture of each image goes."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from detector.commands.picture_names import names_below, picture_names

PARTS = st.text(
    st.characters(exclude_characters="/\0", max_codepoint=0x1FFFF, exclude_categories=["Cs"]),
    min_size=1,
).filter(lambda part: part not in (".", "..") and len(os.fsencode(part)) <= 255)


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


@given(st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=8, unique=True))
def test_names_are_unique_on_every_file_system_and_short_enough(parts: list[tuple[str, str]]) -> None:
    names = picture_names(names_below([Path("/photos", *each) for each in parts]))
    assert len(names) == len(parts)
    assert len({folded(name) for name in names}) == len(names)
    for name in names:
        assert len(os.fsencode(os.path.basename(name)) + b".jpg") <= 255
        assert ".." not in Path(name).parts
        assert not os.path.isabs(name)


def test_names_are_those_of_the_images_where_they_can_be() -> None:
    assert picture_names(names_below([Path("/a/x/1.jpg"), Path("/a/y/1.jpg")])) == ["x/1.jpg", "y/1.jpg"]
    assert picture_names(names_below([Path("/a/A.jpg"), Path("/a/a.jpg"), Path("/a/a.JPG~2")])) == [
        "A.jpg", "a.jpg~2", "a.JPG~2~2",
    ]  # fmt: skip


def test_long_names_are_cut_between_letters() -> None:
    for letter in ("x", "é", "猫", "🐈"):
        stem = letter * ((255 - 5) // len(letter.encode()))
        one, other = picture_names(names_below([Path(f"/{stem}1.jpg"), Path(f"/{stem}2.jpg")]))
        assert one != other
        for name in (one, other):
            assert 200 < len(name.encode()) <= 240
            assert name.startswith(letter * 20)
    (name,) = picture_names(names_below([Path("/" + os.fsdecode(b"\xff" * 255))]))
    assert len(os.fsencode(name)) <= 240
