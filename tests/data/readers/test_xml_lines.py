"""XML as it comes: encodings, what stands before the root, and files made to do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.readers.xml_lines import read_xml, root_tag
from detector.errors import DatasetError


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb2312", "猫"), ("gbk", "狗"), ("gb18030", "€"), ("big5", "貓"), ("shift_jis", "犬"),
        ("euc-kr", "개"),
        ("windows-1251", "кошка"), ("iso-8859-1", "é"), ("koi8-r", "кот"), ("utf-8", "é"), ("utf-16", "é"),
        ("windows-1252", "€"),
    ],
)  # fmt: skip
def test_declared_encodings(encoding: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(f"<?xml version='1.0' encoding='{encoding}'?>\n<a>\n<b>{text}</b></a>".encode(encoding))
    tree, lines = read_xml(path)
    assert tree.findtext("b") == text
    assert [lines[each] for each in tree.iter()] == [2, 3]
    assert root_tag(path) == "a"


def test_declared_as_utf_16_and_written_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text('<?xml version="1.0" encoding="utf-16"?><a>é</a>', "utf-8")
    assert read_xml(path)[0].text == "é"


@pytest.mark.parametrize(
    "before",
    ["", "\ufeff", "\n\n", f"<!-- <other> {'x' * 100_000} -->", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<?pi x?>"],
)
def test_what_stands_before_the_root(before: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(f"{before}<annotation><object/></annotation>", "utf-8")
    assert root_tag(path) == "annotation"
    path.write_bytes(path.read_bytes()[: len(before.encode()) + 15])
    assert root_tag(path) == "annotation"


@pytest.mark.parametrize("text", ["", "<", "no xml <annotation>", "<!-- <annotation> -->", '{"a": "<a>"}'])
def test_no_root(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text)
    assert root_tag(path) == ""
    with pytest.raises(DatasetError, match="is not XML"):
        read_xml(path)


def test_entities_are_bounded(tmp_path: Path) -> None:
    entities = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 12))
    path = tmp_path / "a.xml"
    path.write_text(f"<!DOCTYPE a [<!ENTITY e0 'lol'>{entities}]><a>&e11;</a>")
    with pytest.raises(DatasetError, match=r"is not XML .*amplification"):
        read_xml(path)


@pytest.mark.parametrize("encoding", ["no-such", "base64"])
def test_encodings_that_are_none(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(f'<?xml version="1.0" encoding="{encoding}"?><a/>')
    with pytest.raises(DatasetError, match=f"is not XML .*{encoding}"):
        read_xml(path)
    assert root_tag(path) == ""


def test_bytes_of_another_encoding_than_declared_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes("<a>狗鸟</a>".encode("gbk"))
    with pytest.raises(DatasetError, match="is not stored as UTF-8"):
        read_xml(path)
