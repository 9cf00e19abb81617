"""Text files in the encodings that editors and shells write."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.data.text import decode_text, read_lines, read_text
from detector.errors import DatasetError

NAMES = ["cat", "café", "猫咪", "кошка", "😀 smile"]
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("encoding", MARKS)
def test_unicode_arrives_as_written(tmp_path: Path, encoding: str, marked: bool, end: str) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes((MARKS[encoding] if marked else b"") + end.join(NAMES).encode(encoding))
    assert read_lines(path) == NAMES


@given(
    text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff")),
    encoding=st.sampled_from(list(MARKS)),
)
def test_a_mark_says_the_encoding(text: str, encoding: str) -> None:
    assert decode_text(MARKS[encoding] + text.encode(encoding), "names") == text


def test_marks_inside_and_the_end_of_file_of_dos_are_no_text() -> None:
    assert decode_text("cat\n\ufeffdog\n\x1a".encode("utf-8-sig"), "names") == "cat\ndog\n"


OTHER = {
    "gb18030": "猫咪\n小狗\n飞鸟\n",
    "big5": "貓咪\n小狗\n飛鳥\n",
    "shift_jis": "ネコ\nイヌ\n",
    "euc_jp": "猫\n犬\n",
    "cp949": "고양이\n개\n",
    "cp1251": "кошка\nсобака\n",  # noqa: RUF001
    "koi8_r": "кошка\n",
    "cp1252": "bird\ncafé\n",
    "cp1250": "żółw\n",
    "cp874": "แมว\n",
    "mac_roman": "café\n",
}


@pytest.mark.parametrize("encoding", OTHER)
def test_other_encodings_are_refused_by_name(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(OTHER[encoding].encode(encoding))
    with pytest.raises(
        DatasetError, match=r"classes\.txt is not stored as UTF-8 \(line \d.*save it as UTF-8"
    ):
        read_text(path)


@pytest.mark.parametrize(
    "data",
    [
        b"cat\x00dog\n",
        b"\x00",
        b"\x1b$BG-\x1b(B\n",
        b"\xff\xfec\x00a\x00t",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    ],
    ids=["a zero", "nothing else", "ISO-2022-JP", "a cut character", "a picture"],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(DatasetError, match=r"^names is (no text file|not stored as UTF-8)"):
        decode_text(data, "names")


@given(data=st.binary(max_size=60))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        text = decode_text(data, "names")
    except DatasetError:
        return
    assert "\x00" not in text


def test_too_large_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"x" * 11)
    with pytest.raises(DatasetError, match="is larger than"):
        read_text(tmp_path / "list.txt", limit=10)
