"""Damage to the formats of labelling tools: Pascal VOC, CVAT and Label Studio; see ``damage``."""

from __future__ import annotations

import json
import random
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from tests.data.damage import Damage, change_json, change_xml, images_of, labels_of

# Pascal VOC -------------------------------------------------------------------------------------------


def voc_names_of_neighbours(root: Path, rng: random.Random) -> None:
    """<filename> as it was before the files were renamed: all, or some of them, have another's."""
    files = labels_of(root)
    some = files if rng.random() < 0.5 else rng.sample(files, 3)
    names = [ElementTree.parse(path).getroot().findtext("filename") for path in some]
    for path, name in zip(some, [*names[1:], rng.choice([names[0], "gone.png"])], strict=True):
        change_xml(path, lambda tree, name=name: tree.find("filename").__setattr__("text", name))


def voc_no_names(root: Path, rng: random.Random) -> None:
    text = rng.choice(["", "another.jpg", "C:\\pics\\x.png"])
    for path in labels_of(root):
        change_xml(path, lambda tree: tree.find("filename").__setattr__("text", text))


def voc_numbered_files(root: Path, rng: random.Random) -> None:
    """Label files that are called by number, so that only <filename> says what they are of."""
    for number, path in enumerate(labels_of(root)):
        path.rename(path.with_name(f"label {number}.xml"))


def voc_several_boxes(root: Path, rng: random.Random) -> None:
    def change(tree: ElementTree.Element) -> None:
        objects = tree.findall("object")
        for one in objects[1:]:
            if one.findtext("name") == objects[0].findtext("name"):
                objects[0].append(one.find("bndbox"))
                tree.remove(one)

    for path in labels_of(root):
        change_xml(path, change)


def voc_polygons(root: Path, rng: random.Random) -> None:
    def change(tree: ElementTree.Element) -> None:
        for each in tree.iter("object"):
            box = each.find("bndbox")
            x1, y1, x2, y2 = (box.findtext(key) for key in ("xmin", "ymin", "xmax", "ymax"))
            each.remove(box)
            if rng.random() < 0.2:
                continue
            polygon = ElementTree.SubElement(each, "polygon")
            for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2)):
                point = ElementTree.SubElement(polygon, "pt")
                ElementTree.SubElement(point, "x").text = x
                ElementTree.SubElement(point, "y").text = y

    for path in labels_of(root):
        change_xml(path, change)


def voc_swapped_corners(root: Path, rng: random.Random) -> None:
    for path in labels_of(root):
        text = path.read_text("utf-8")
        path.write_text(text.replace("xmin", "\0").replace("xmax", "xmin").replace("\0", "xmax"), "utf-8")


def voc_no_sizes(root: Path, rng: random.Random) -> None:
    value = rng.choice(["0", "", "²", "-1", "9" * 400, "nan"])
    for path in labels_of(root):
        change_xml(path, lambda tree: tree.find("size/width").__setattr__("text", value))


def xml_prologue(root: Path, rng: random.Random) -> None:
    """Comments and a document type of more than what one reads to recognise a file."""
    before = f"<!-- <annotations> {'x' * 10_000} -->\n<!DOCTYPE a [<!ENTITY b 'c'>]>\n"
    for path in labels_of(root):
        path.write_text(before + path.read_text("utf-8"), "utf-8")


def voc_encoding(root: Path, rng: random.Random) -> None:
    name = rng.choice(["gb2312", "latin-1", "shift_jis", "windows-1251", "utf-16"])
    for path in labels_of(root):
        text = f'<?xml version="1.0" encoding="{name}"?>\n{path.read_text("utf-8")}'
        path.write_bytes(text.encode("utf-8" if name == "utf-16" and rng.random() < 0.5 else name))


# CVAT -------------------------------------------------------------------------------------------------


def cvat_shapes(root: Path, rng: random.Random) -> None:
    def change(tree: ElementTree.Element) -> None:
        for box in list(tree.iter("box")):
            x1, y1, x2, y2 = (float(box.attrib.pop(key)) for key in ("xtl", "ytl", "xbr", "ybr"))
            box.tag = rng.choice(["mask", "polygon", "ellipse", "cuboid", "points", "skeleton", "polyline"])
            points = f"{x1},{y1};{x2},{y1};{x2},{y2};{x1},{y2}"
            places = {"tl": (x1, y1), "bl": (x1, y2), "tr": (x2, y1), "br": (x2, y2)}
            corners = {f"x{corner}{n}": x for corner, (x, _) in places.items() for n in "12"}
            corners |= {f"y{corner}{n}": y for corner, (_, y) in places.items() for n in "12"}
            values: dict[str, Any] = {
                "mask": {"left": x1, "top": y1, "width": x2 - x1, "height": y2 - y1, "rle": "0, 1"},
                "ellipse": {
                    "cx": (x1 + x2) / 2,
                    "cy": (y1 + y2) / 2,
                    "rx": (x2 - x1) / 2,
                    "ry": (y2 - y1) / 2,
                },
                "cuboid": corners,
            }.get(box.tag, {"points": points})
            box.attrib.update({key: str(value) for key, value in values.items()})

    change_xml(root / "annotations.xml", change)


def cvat_full_names(root: Path, rng: random.Random) -> None:
    def change(tree: ElementTree.Element) -> None:
        for image in tree.iter("image"):
            image.set("name", f"{image.get('subset', '')}/{image.get('name')}".lstrip("/"))
            if rng.random() < 0.5:
                image.attrib.pop("subset", None)

    change_xml(root / "annotations.xml", change)


def cvat_hostile_values(root: Path, rng: random.Random) -> None:
    def change(tree: ElementTree.Element) -> None:
        for element in rng.sample([*tree.iter("box")], 3):
            element.set(rng.choice(["xtl", "ybr", "rotation"]), rng.choice(["²", "nan", "1e999", "9" * 400]))
        for image in tree.iter("image"):
            image.set("width", rng.choice(["²", "0", "", "9" * 400]))

    change_xml(root / "annotations.xml", change)


# Label Studio -----------------------------------------------------------------------------------------


def _regions(content: Any) -> list[Any]:
    return [region for task in content for each in task["annotations"] for region in each["result"]]


def studio_rectangles_and_labels(root: Path, rng: random.Random) -> None:
    def change(content: Any) -> None:
        for task in content:
            for annotation in task["annotations"]:
                pairs = []
                for region in annotation["result"]:
                    value = dict(region["value"])
                    names = value.pop("rectanglelabels")
                    pairs.append({**region, "type": "rectangle", "value": value})
                    pairs.append({**region, "type": "labels", "value": {**value, "labels": names}})
                annotation["result"] = pairs

    change_json(root, rng, change)


def studio_shapes(root: Path, rng: random.Random) -> None:
    def change(content: Any) -> None:
        for region in _regions(content):
            value = region["value"]
            names = value.pop("rectanglelabels")
            x, y, w, h = (value.pop(key) for key in ("x", "y", "width", "height"))
            kind = rng.choice(["polygonlabels", "ellipselabels", "brushlabels", "keypointlabels"])
            value[kind] = names
            if kind == "polygonlabels":
                value["points"] = [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]
            elif kind == "ellipselabels":
                value.update(x=x + w / 2, y=y + h / 2, radiusX=w / 2, radiusY=h / 2)
            elif kind == "brushlabels":
                value.update(format="rle", rle=[1, 2, 3])
            else:
                value.update(x=x, y=y, width=0.5)

    change_json(root, rng, change)


def studio_unlabelled_first(root: Path, rng: random.Random) -> None:
    empty = {"id": 0, "annotations": [], "data": {"image": "nothing.png", "note": "x" * 400}}
    change_json(root, rng, lambda content: [empty] * 300 + content)


def studio_other_fields(root: Path, rng: random.Random) -> None:
    """Fields beside the image's that name another picture."""
    names = [path.name for path in images_of(root)]

    def change(content: Any) -> None:
        for task in content:
            other = rng.choice(names)
            more = rng.choice([{"like": other}, {"text": other.split(".")[0]}, {"url": f"http://x/{other}"}])
            task["data"] = {**more, **task["data"]} if rng.random() < 0.5 else {**task["data"], **more}

    change_json(root, rng, change)


def studio_uploads(root: Path, rng: random.Random) -> None:
    def change(content: Any) -> None:
        for task in content:
            name = f"{rng.randrange(1 << 32):08x}-{task['data']['image'].rsplit('/', 1)[-1]}"
            task.update(file_upload=name, data={"image": f"/data/upload/3/{name}"})

    change_json(root, rng, change)


def studio_min(root: Path, rng: random.Random) -> None:
    path = root / "project.json"
    tasks = [
        {"id": task["id"], "image": task["data"]["image"], "label": [
            {**region["value"], "original_width": 64, "original_height": 48} for region in _regions([task])]}
        for task in json.loads(path.read_text())
    ]  # fmt: skip
    path.write_text(json.dumps(tasks))


VOC: tuple[Damage, ...] = (
    voc_names_of_neighbours, voc_no_names, voc_numbered_files, voc_several_boxes, voc_polygons,
    voc_swapped_corners, voc_no_sizes, xml_prologue, voc_encoding,
)  # fmt: skip
CVAT: tuple[Damage, ...] = (cvat_shapes, cvat_full_names, cvat_hostile_values, xml_prologue)
LABEL_STUDIO: tuple[Damage, ...] = (
    studio_rectangles_and_labels, studio_shapes, studio_unlabelled_first, studio_other_fields,
    studio_uploads, studio_min,
)  # fmt: skip
