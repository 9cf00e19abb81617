"""The labels of one picture as Pascal VOC's XML, the one format in which each picture stands for itself."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from detector.detections import Detections
from detector.labels import tidy_name
from detector.system.files import replacing


def write_labels(
    path: Path, picture: str, size_wh: tuple[int, int], sure: Detections, weak: Detections
) -> None:
    """Write what a model has found in a picture; the file is whole or not there.

    Args:
        path: the XML file.
        picture: file name of the picture.
        size_wh: its width and height.
        sure: labels to train on.
        weak: those that may be none; marked ``difficult``, so that a training neither takes them for objects
            nor for background.

    Raises:
        DetectorError: it cannot be written.
    """
    root = ElementTree.Element("annotation")
    _add(root, "filename", picture)
    size = ElementTree.SubElement(root, "size")
    for name, value in zip(("width", "height", "depth"), (*size_wh, 3), strict=True):
        _add(size, name, str(value))
    for found, difficult in ((sure, "0"), (weak, "1")):
        for box, score, name in found:
            element = ElementTree.SubElement(root, "object")
            _add(element, "name", tidy_name(name))  # XML has no way to write a control character
            _add(element, "difficult", difficult)
            _add(element, "score", f"{score:.4f}")
            corners = ElementTree.SubElement(element, "bndbox")
            for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), box.tolist(), strict=True):
                _add(corners, corner, f"{value:.0f}")  # many readers take whole numbers alone
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode") + "\n"
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode(errors="replace"))


def _add(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
