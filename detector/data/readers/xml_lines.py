"""XML with the line that every element starts on."""

from __future__ import annotations

import codecs
import re
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from pathlib import Path
from xml.parsers import expat

from detector.data.text import decode_text
from detector.errors import DatasetError
from detector.system.reading import PARSE_ERRORS, parsing, read_head, read_whole

_MOST_BYTES = 1_000_000_000
_HEAD = 1 << 20  # bytes within which the root element of a file has to start
_DECLARED = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
# What expat reads by itself.
_KNOWN = ("utf-8", "iso8859-1", "ascii")
# Writers that say gb2312 use the larger sets that it grew into (the WHATWG's Encoding standard, 4.2).
_LARGER = {"gb2312": "gb18030", "gbk": "gb18030"}

Lines = dict[ElementTree.Element, int]


def read_xml(path: Path) -> tuple[ElementTree.Element, Lines]:
    """The root element of an XML file, and the line of each element, counted from 1.

    Entities are expanded within expat's own limits (100 times the file beyond 8 MB); external ones are
    never fetched.

    Raises:
        DatasetError: the file cannot be read or is not XML.
    """
    data = read_whole(path, _MOST_BYTES, DatasetError)
    with parsing(f"{path} is not XML", DatasetError):
        text = _decoded(data)
        try:
            return _parse(text)
        except expat.ExpatError as error:
            if expat.ErrorString(error.code) == expat.errors.XML_ERROR_INVALID_TOKEN:
                decode_text(data, str(path))  # bytes that are no Unicode are told better there
            raise


def root_tag(path: Path) -> str:
    """The name of the root element, whatever comments and declarations come before it; empty for no XML."""
    found: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, _: found.append(tag)
    head = read_head(path, _HEAD)
    if not head.strip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return ""
    with suppress(*PARSE_ERRORS):  # it may be cut in the middle
        parser.Parse(_decoded(head, errors="replace"), False)
    return found[0] if found else ""


def _parse(data: bytes | str) -> tuple[ElementTree.Element, Lines]:
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    lines: Lines = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(data, True)
    return builder.close(), lines


def _decoded(data: bytes, errors: str = "strict") -> bytes | str:
    """The data as it is where expat can tell its encoding, otherwise as the text that it declares to be."""
    declared = _DECLARED.match(data.removeprefix(codecs.BOM_UTF8).lstrip())
    if declared is None:
        return data
    name = codecs.lookup(declared[1].decode("ascii")).name
    if name in _KNOWN:
        return data
    if name.startswith(("utf-16", "utf-32")):  # which it cannot be, or the declaration would not be found
        name = "utf-8-sig"
    return data.decode(_LARGER.get(name, name), errors)
