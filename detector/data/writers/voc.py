"""Pascal VOC: an XML file for each picture, with whole pixels, as most of its readers want them.

Scores are attributes, which CVAT and Datumaro read.

Source: the development kit of Pascal VOC 2012; CVAT's documentation, "Pascal VOC".
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path, PurePosixPath

from detector.data.findings import Box
from detector.data.writers.markup import add, to_xml
from detector.data.writers.proposals import Proposal, Proposals, ProposedImage

IMAGES = "JPEGImages"
UNFIT = re.compile("^#|:")  # in the map of labels one begins a comment, the other the colour
STEPS = (f"labelImg {{folder}}/{IMAGES} {{folder}}/labels.txt {{folder}}/Annotations",)


def write_voc(proposals: Proposals, folder: Path) -> None:
    """Write the XML files, the list of the pictures and that of the classes; the pictures lie in
    ``JPEGImages``.
    """
    annotations, lists = folder / "Annotations", folder / "ImageSets/Main"
    annotations.mkdir()
    lists.mkdir(parents=True)
    for image in proposals.images:
        path = (annotations / image.name).with_suffix(".xml")
        path.write_bytes(voc_xml(image, IMAGES))
    stems = "".join(f"{PurePosixPath(image.name).stem}\n" for image in proposals.images)
    (lists / "default.txt").write_text(stems, "utf-8")
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in proposals.classes), "utf-8")
    # CVAT and Datumaro know other classes than VOC's twenty by this.
    labels = "".join(f"{name}:::\n" for name in ("background", *proposals.classes))
    (folder / "labelmap.txt").write_text(f"# label:color_rgb:parts:actions\n{labels}", "utf-8")


def voc_xml(image: ProposedImage, folder: str = "", *, difficult: bool = False) -> bytes:
    """The XML file of a picture.

    Args:
        image: its name without folders, and its objects.
        folder: that it lies in.
        difficult: mark what is unsure as ``difficult``: a training takes it neither for an object nor for
            background. Without, it is an object until somebody deletes it.
    """
    root = ElementTree.Element("annotation")
    add(root, "folder", folder)
    add(root, "filename", image.name)
    size = add(root, "size")
    for key, value in zip(("width", "height", "depth"), (*image.size_wh, 3), strict=True):
        add(size, key, value)
    add(root, "segmented", 0)
    for each in image.objects:
        _add_object(root, each, difficult=difficult and each.unsure)
    return to_xml(root)


def _add_object(root: ElementTree.Element, each: Proposal, *, difficult: bool) -> None:
    element = add(root, "object")
    add(element, "name", each.name)
    add(element, "pose", "Unspecified")
    add(element, "truncated", 0)
    add(element, "difficult", int(difficult))
    box = add(element, "bndbox")
    for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), _whole(each.box), strict=True):
        add(box, corner, value)
    attributes = add(element, "attributes")
    for name, said in (("unsure", str(each.unsure).lower()), ("score", f"{each.score:.4f}")):
        attribute = add(attributes, "attribute")
        add(attribute, "name", name)
        add(attribute, "value", said)


def _whole(box: Box) -> list[int]:
    """The corners rounded; outwards where a side would vanish."""
    left, top, right, bottom = map(round, box)
    if left == right:
        left, right = math.floor(box[0]), math.ceil(box[2])
    if top == bottom:
        top, bottom = math.floor(box[1]), math.ceil(box[3])
    return [left, top, right, bottom]
