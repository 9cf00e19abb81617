"""Folders as labelling tools really export them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.data.labelled import write_image

# One picture of 64 x 48 with a cat at 8 12 40 36 and a dog at 20 6 60 42, and one without anything.
CAT, DOG = [8, 12, 32, 24], [20, 6, 40, 36]


def cvat_images(root: Path) -> None:
    write_image(root / "images/street/a.jpg")
    write_image(root / "images/street/b.jpg", look=1)
    (root / "annotations.xml").write_text(
        """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>4</id>
      <name>street</name>
      <mode>annotation</mode>
      <labels>
        <label><name>cat</name><color>#fa3253</color><type>any</type><attributes></attributes></label>
        <label><name>dog</name><color>#33ddff</color><type>any</type><attributes></attributes></label>
      </labels>
    </task>
    <dumped>2025-02-03 10:11:12.000000+00:00</dumped>
  </meta>
  <image id="0" name="street/a.jpg" width="64" height="48">
    <box label="cat" source="manual" occluded="0" xtl="8.00" ytl="12.00" xbr="40.00" ybr="36.00" z_order="0">
      <attribute name="age">3</attribute>
    </box>
    <polygon label="dog" source="manual" occluded="1" points="20.0,10.0;60.0,6.0;30.0,42.0" z_order="0">
    </polygon>
    <polyline label="dog" source="manual" occluded="0" points="1.0,1.0;2.0,2.0" z_order="0">
    </polyline>
  </image>
  <image id="1" name="street/b.jpg" width="64" height="48">
  </image>
</annotations>
"""
    )


def cvat_voc(root: Path) -> None:
    write_image(root / "JPEGImages/a.jpg")
    write_image(root / "JPEGImages/b.jpg", look=1)
    objects = "".join(
        f"""  <object>
    <name>{name}</name>
    <truncated>0</truncated>
    <occluded>0</occluded>
    <difficult>0</difficult>
    <bndbox>
      <xmin>{x}.0</xmin>
      <ymin>{y}.0</ymin>
      <xmax>{x + w}.0</xmax>
      <ymax>{y + h}.0</ymax>
    </bndbox>
  </object>
"""
        for name, (x, y, w, h) in (("cat", CAT), ("dog", DOG))
    )
    for stem, content in (("a", objects), ("b", "")):
        path = root / f"Annotations/{stem}.xml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f"<annotation>\n  <folder></folder>\n  <filename>{stem}.jpg</filename>\n  <source>\n"
            "    <database>Unknown</database>\n  </source>\n  <size>\n    <width>64</width>\n"
            f"    <height>48</height>\n    <depth></depth>\n  </size>\n  <segmented>0</segmented>\n{content}"
            "</annotation>\n"
        )
    lists = root / "ImageSets/Main"
    lists.mkdir(parents=True)
    (lists / "default.txt").write_text("a\nb\n")
    (root / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83::\n"
    )


def coco_content(names: list[str], first_id: int = 1) -> dict[str, Any]:
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {
            "contributor": "",
            "date_created": "",
            "description": "",
            "url": "",
            "version": "",
            "year": "",
        },
        "categories": [
            {"id": first_id + n, "name": name, "supercategory": ""} for n, name in enumerate(("cat", "dog"))
        ],
        "images": [
            {"id": n + first_id, "width": 64, "height": 48, "file_name": name, "license": 0, "coco_url": ""}
            for n, name in enumerate(names)
        ],
        "annotations": [
            {
                "id": n + first_id,
                "image_id": first_id,
                "category_id": first_id + n,
                "segmentation": [],
                "area": box[2] * box[3],
                "bbox": box,
                "iscrowd": 0,
                "attributes": {"occluded": False},
            }
            for n, box in enumerate((CAT, DOG))
        ],
    }


def cvat_coco(root: Path) -> None:
    write_image(root / "images/default/a.jpg")
    write_image(root / "images/default/b.jpg", look=1)
    (root / "annotations").mkdir()
    content = coco_content(["a.jpg", "b.jpg"])
    (root / "annotations/instances_default.json").write_text(json.dumps(content))


def cvat_yolo(root: Path) -> None:
    data = root / "obj_train_data"
    write_image(data / "a.jpg")
    write_image(data / "b.jpg", look=1)
    (data / "a.txt").write_text("0 0.375 0.5 0.5 0.5\n1 0.625 0.5 0.625 0.75\n")
    (data / "b.txt").write_text("")
    (root / "obj.names").write_text("cat\ndog\n")
    (root / "obj.data").write_text(
        "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n"
    )
    (root / "train.txt").write_text("data/obj_train_data/a.jpg\ndata/obj_train_data/b.jpg\n")


def label_studio_coco(root: Path) -> None:
    write_image(root / "images/1c2d3e4f-a.jpg")
    write_image(root / "images/5a6b7c8d-b.jpg", look=1)
    # Ids from 0, and a path as it was on the machine that exported it.
    names = ["images\\1c2d3e4f-a.jpg", "../../label-studio/data/media/upload/7/5a6b7c8d-b.jpg"]
    (root / "result.json").write_text(json.dumps(coco_content(names, 0), indent=2))


def label_studio_voc(root: Path) -> None:
    write_image(root / "images/1c2d3e4f-a.jpg")
    write_image(root / "images/5a6b7c8d-b.jpg", look=1)
    cvat_voc(root / "tmp")
    (root / "Annotations").mkdir()
    for stem, name in (("a", "1c2d3e4f-a"), ("b", "5a6b7c8d-b")):
        text = (root / f"tmp/Annotations/{stem}.xml").read_text()
        path = root / f"Annotations/{name}.xml"
        path.write_text(text.replace(f"<filename>{stem}.jpg", f"<filename>{name}"))  # without the suffix
    for path in sorted((root / "tmp").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def label_studio_yolo(root: Path) -> None:
    write_image(root / "images/1c2d3e4f-a.jpg")
    write_image(root / "images/5a6b7c8d-b.jpg", look=1)
    (root / "labels").mkdir()
    (root / "labels/1c2d3e4f-a.txt").write_text(
        "0 0.375 0.5 0.5 0.5\n1 0.6250000000000001 0.5 0.6250000000000001 0.7499999999999999\n"
    )
    (root / "labels/5a6b7c8d-b.txt").write_text("")
    (root / "classes.txt").write_text("cat\ndog")
    (root / "notes.json").write_text('{"categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]}')


def label_studio_json(root: Path) -> None:
    # The pictures are those that were uploaded, before Label Studio put a prefix to their names.
    write_image(root / "a.jpg")
    write_image(root / "b.jpg", look=1)

    def region(name: str, box: list[int]) -> dict[str, Any]:
        x, y, w, h = box
        value = {"x": x / 0.64, "y": y / 0.48, "width": w / 0.64, "height": h / 0.48, "rotation": 0}
        return {
            "original_width": 64,
            "original_height": 48,
            "image_rotation": 0,
            "value": {**value, "rectanglelabels": [name]},
            "id": "Dx_aB3ISEF",
            "from_name": "label",
            "to_name": "image",
            "type": "rectanglelabels",
            "origin": "manual",
        }

    def task(number: int, name: str, annotations: list[Any]) -> dict[str, Any]:
        address = {"image": f"/data/upload/7/{name}"}
        return {"id": number, "annotations": annotations, "file_upload": name, "data": address, "project": 7}

    done = [{"id": 1, "was_cancelled": False, "result": [region("cat", CAT), region("dog", DOG)]}]
    (root / "project-7-at-2025-02-03-10-11-1c2d3e4f.json").write_text(
        json.dumps(
            [
                task(1, "1c2d3e4f-a.jpg", done),
                task(2, "5a6b7c8d-b.jpg", [{"id": 2, "was_cancelled": False, "result": []}]),
                task(3, "0a0b0c0d-c.jpg", []),
                task(4, "0a0b0c0d-d.jpg", [{"id": 3, "was_cancelled": True, "result": []}]),
            ]
        )
    )


def label_studio_json_min(root: Path) -> None:
    write_image(root / "a.jpg")
    write_image(root / "b.jpg", look=1)
    label_studio_json(root / "full")
    (path,) = (root / "full").glob("*.json")
    (first, *_) = json.loads(path.read_text())
    for each in (root / "full").iterdir():
        each.unlink()
    regions = [
        {**r["value"], "original_width": 64, "original_height": 48} for r in first["annotations"][0]["result"]
    ]
    content = [
        {"image": "/data/local-files/?d=photos/a.jpg", "id": 1, "label": regions, "annotator": 1},
        {"image": "/data/local-files/?d=photos/b.jpg", "id": 2, "label": [], "annotator": 1},
    ]
    (root / "min.json").write_text(json.dumps(content))


def roboflow_coco(root: Path) -> None:
    # A category 0 with the project's name above all others, and the hash in every file name.
    names = ["a_jpg.rf.0123456789abcdef0123456789abcdef.jpg", "b_jpg.rf.89abcdef0123456789abcdef01234567.jpg"]
    content = coco_content(names)
    content["categories"] = [
        {"id": 0, "name": "animals", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "animals"},
        {"id": 2, "name": "dog", "supercategory": "animals"},
    ]
    for number, name in enumerate(names):
        write_image(root / "train" / name, look=number)
    (root / "train/_annotations.coco.json").write_text(json.dumps(content))
    (root / "README.roboflow.txt").write_text("animals - v1\n==============================\n")


def roboflow_yolo(root: Path) -> None:
    for number, stem in enumerate(("a_jpg.rf.0123456789abcdef", "b_jpg.rf.89abcdef01234567")):
        write_image(root / f"train/images/{stem}.jpg", look=number)
        path = root / f"train/labels/{stem}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("" if number else "0 0.375 0.5 0.5 0.5\n1 0.625 0.5 0.625 0.75")
    (root / "data.yaml").write_text(
        "train: ../train/images\n\nnc: 2\nnames: ['cat', 'dog']\n\nroboflow:\n  workspace: me\n  version: 1\n"
    )


def label_img(root: Path) -> None:
    # Pictures and XML side by side, a path of another machine, and the size that labelImg could not read.
    cvat_voc(root)
    for stem in ("a", "b"):
        (root / f"JPEGImages/{stem}.jpg").rename(root / f"{stem}.jpg")
        text = (
            (root / f"Annotations/{stem}.xml")
            .read_text()
            .replace("<folder></folder>", "<folder>pics</folder>")
        )
        text = text.replace("</filename>", f"</filename>\n\t<path>C:\\Users\\me\\pics\\{stem}.jpg</path>")
        text = text.replace("<width>64</width>", "<width>0</width>").replace("48</height>", "0</height>")
        (root / f"{stem}.xml").write_text(text.replace("<annotation>", '<annotation verified="yes">'))
    for name in ("Annotations", "JPEGImages", "ImageSets"):
        for path in sorted((root / name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (root / name).rmdir()


EXPORTS: dict[str, Callable[[Path], None]] = {
    each.__name__: each
    for each in (
        cvat_images, cvat_voc, cvat_coco, cvat_yolo, label_studio_coco, label_studio_voc, label_studio_yolo,
        label_studio_json, label_studio_json_min, roboflow_coco, roboflow_yolo, label_img,
    )
}  # fmt: skip
