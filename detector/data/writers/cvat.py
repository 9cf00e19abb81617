"""CVAT for images 1.1: a zip with annotations.xml and the pictures, and the labels of its project.

Source: CVAT's documentation, "CVAT for image", and its raw view of labels.
"""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

from detector.colours import class_colour, css_colour
from detector.data.writers.markup import add, to_xml
from detector.data.writers.proposals import Proposals, ProposedImage

ARCHIVE, LABELS = "cvat.zip", "labels.json"
STEPS = (
    f"In CVAT create a project, with {{folder}}/{LABELS} pasted into Raw; then Actions, Import dataset,",
    f"CVAT 1.1, {{folder}}/{ARCHIVE}. For a task that has the pictures: Upload annotations.",
    "Export as CVAT for images 1.1, with images, and unpack it to train.",
)
# Name, kind of input, default and values of the attributes that each object has.
_ATTRIBUTES = (("unsure", "checkbox", "false", ("false",)), ("score", "number", "100", ("0", "100", "1")))


def write_cvat(proposals: Proposals, folder: Path) -> None:
    """Write the zip, which takes the pictures in ``images`` into it, and the labels."""
    # A machine without a clock that is set, such as a Raspberry Pi, is in 1970, which no zip can say.
    with zipfile.ZipFile(folder / ARCHIVE, "w", strict_timestamps=False) as archive:
        labels = zipfile.ZipInfo("annotations.xml")
        archive.writestr(labels, to_xml(_document(proposals)), zipfile.ZIP_DEFLATED)
        for image in proposals.images:
            archive.write(folder / "images" / image.name, f"images/{image.name}")
    shutil.rmtree(folder / "images")
    (folder / LABELS).write_text(json.dumps(_labels(proposals.classes), indent=1), "ascii")


def _labels(classes: tuple[str, ...]) -> list[dict[str, object]]:
    attributes = [
        {"name": name, "mutable": False, "input_type": kind, "default_value": default, "values": values}
        for name, kind, default, values in _ATTRIBUTES
    ]
    return [
        {
            "name": name,
            "color": css_colour(class_colour(name, classes)),
            "type": "any",
            "attributes": attributes,
        }
        for name in classes
    ]


def _document(proposals: Proposals) -> ElementTree.Element:
    root = ElementTree.Element("annotations")
    add(root, "version", "1.1")
    task = add(add(root, "meta"), "task")
    add(task, "size", len(proposals.images))
    add(task, "mode", "annotation")
    labels = add(task, "labels")
    for name in proposals.classes:
        label = add(labels, "label")
        add(label, "name", name)
        add(label, "color", css_colour(class_colour(name, proposals.classes)))
        attributes = add(label, "attributes")
        for attribute, kind, default, values in _ATTRIBUTES:
            element = add(attributes, "attribute")
            add(element, "name", attribute)
            add(element, "mutable", "False")
            add(element, "input_type", kind)
            add(element, "default_value", default)
            add(element, "values", "\n".join(values))
    for number, image in enumerate(proposals.images):
        _add_image(root, number, image)
    return root


def _add_image(root: ElementTree.Element, number: int, image: ProposedImage) -> None:
    width, height = map(str, image.size_wh)
    element = add(root, "image", id=str(number), name=image.name, width=width, height=height)
    for each in image.objects:
        corners = zip(("xtl", "ytl", "xbr", "ybr"), (f"{value:.2f}" for value in each.box), strict=True)
        state = {"label": each.name, "source": "auto", "occluded": "0", "z_order": "0"}
        box = add(element, "box", **state, **dict(corners))
        add(box, "attribute", str(each.unsure).lower(), name="unsure")
        add(box, "attribute", round(100 * each.score), name="score")
