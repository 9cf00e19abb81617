"""XML as it is written: indented, in UTF-8."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree


def add(parent: ElementTree.Element, tag: str, text: object = "", **attributes: str) -> ElementTree.Element:
    """A new last child of an element."""
    child = ElementTree.SubElement(parent, tag, attributes)
    child.text = str(text) or None
    return child


def to_xml(root: ElementTree.Element, *, declaration: bool = True) -> bytes:
    """The document, indented by two spaces."""
    ElementTree.indent(root)
    content: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=declaration)
    return content + b"\n"
