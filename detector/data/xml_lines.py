"""XML with the line that every element starts on."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from xml.parsers import expat

# What comes of files that are something else, are cut short or are written in an unknown encoding.
XML_ERRORS = (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError, OSError)


def parse_xml(data: bytes) -> tuple[ElementTree.Element, dict[ElementTree.Element, int]]:
    """The root element of an XML document, and the line of each element, counted from 1.

    Raises:
        one of XML_ERRORS: the data is not XML.
    """
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    lines: dict[ElementTree.Element, int] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(data, True)
    return builder.close(), lines
