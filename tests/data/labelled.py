"""Writes the same labelled images in every format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np

from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder

CLASSES = ("cat", "dog", "traffic light")

Labelled = tuple[str, float, float, float, float]


@dataclass(frozen=True)
class Photo:
    """An image to write and its objects: class name and x1, y1, x2, y2."""

    name: str
    objects: Sequence[Labelled] = ((CLASSES[0], 10, 10, 40, 40),)
    split: str = ""
    size_wh: tuple[int, int] = (64, 48)
    look: int | None = field(default=None)  # photos of the same look have the same pixels

    @property
    def stem(self) -> str:
        return Path(self.name).stem


def write_image(path: Path, size_wh: tuple[int, int] = (64, 48), look: int | str = 0) -> Path:
    """An image of coarse noise; another ``look`` is another image."""
    seed = look if isinstance(look, int) else int.from_bytes(look.encode()[-8:], "big")
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    others = (".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
    suffix = path.suffix if path.suffix.lower() in others else ".jpg"
    path.write_bytes(
        cv2.imencode(suffix, cv2.resize(coarse, size_wh, interpolation=cv2.INTER_CUBIC))[1].tobytes()
    )
    return path


def _write_photo(photo: Photo, path: Path) -> None:
    write_image(path, photo.size_wh, photo.stem if photo.look is None else photo.look)


def write_voc(root: Path, photos: Sequence[Photo]) -> Path:
    """Pascal VOC with JPEGImages, Annotations and ImageSets/Main where photos name splits."""
    for photo in photos:
        _write_photo(photo, root / "JPEGImages" / photo.name)
        objects = "".join(
            f"<object><name>{escape(name)}</name><bndbox><xmin>{x1!r}</xmin><ymin>{y1!r}</ymin>"
            f"<xmax>{x2!r}</xmax><ymax>{y2!r}</ymax></bndbox></object>"
            for name, x1, y1, x2, y2 in photo.objects
        )
        write_xml(root / "Annotations" / f"{photo.stem}.xml", objects, photo.name, photo.size_wh)
        if photo.split:
            lists = root / "ImageSets/Main"
            lists.mkdir(parents=True, exist_ok=True)
            with (lists / f"{photo.split}.txt").open("a") as file:
                file.write(f"{photo.stem}\n")
    return root


def write_xml(path: Path, objects: str, filename: str, size_wh: tuple[int, int] | None = (64, 48)) -> Path:
    size = f"<size><width>{size_wh[0]}</width><height>{size_wh[1]}</height></size>" if size_wh else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<annotation><filename>{escape(filename)}</filename>{size}{objects}</annotation>", "utf-8"
    )
    return path


def xml_object(name: str, *box: object, more: str = "") -> str:
    values = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    return f"<object><name>{name}</name>{more}<bndbox>{values}</bndbox></object>"


def write_coco(root: Path, photos: Sequence[Photo]) -> Path:
    """COCO with annotations/instances_SPLIT.json and a folder of images for each split."""
    for split in dict.fromkeys(photo.split for photo in photos):
        content: dict[str, list[dict[str, object]]] = {"images": [], "annotations": [], "categories": []}
        content["categories"] = [{"id": 7 * n + 3, "name": name} for n, name in enumerate(CLASSES)]
        # Ids run against the names, so that they cannot be the ones that come out.
        mine = [photo for photo in photos if photo.split == split]
        for number, photo in enumerate(mine):
            _write_photo(photo, root / (split or "images") / photo.name)
            width, height = photo.size_wh
            id_ = 1000 - number
            content["images"].append({"id": id_, "file_name": photo.name, "width": width, "height": height})
            content["annotations"] += [
                {
                    "id": 1,
                    "image_id": id_,
                    "category_id": 7 * CLASSES.index(name) + 3,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                }
                for name, x1, y1, x2, y2 in photo.objects
            ]
        path = root / "annotations" / (f"instances_{split}.json" if split else "instances.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return root


def write_yolo(root: Path, photos: Sequence[Photo], *, data_yaml: bool = True) -> Path:
    """YOLO with images/SPLIT, labels/SPLIT and, if asked for, data.yaml."""
    for photo in photos:
        _write_photo(photo, root / "images" / photo.split / photo.name)
        width, height = photo.size_wh
        label = root / "labels" / photo.split / f"{photo.stem}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(
            "".join(
                f"{CLASSES.index(name)} {(x1 + x2) / 2 / width!r} {(y1 + y2) / 2 / height!r} "
                f"{(x2 - x1) / width!r} {(y2 - y1) / height!r}\n"
                for name, x1, y1, x2, y2 in photo.objects
            )
        )
    if data_yaml:
        splits = sorted({photo.split for photo in photos})
        lines = [f"{split or 'train'}: images/{split}" for split in splits]
        (root / "data.yaml").write_text("\n".join([*lines, f"names: {list(CLASSES)}"]))
    return root


def write_cvat(root: Path, photos: Sequence[Photo]) -> Path:
    """CVAT for images: annotations.xml and images/SUBSET."""
    entries = []
    for number, photo in enumerate(photos):
        _write_photo(photo, root / "images" / photo.split / photo.name)
        boxes = "".join(
            f'<box label="{escape(name)}" xtl="{x1!r}" ytl="{y1!r}" xbr="{x2!r}" ybr="{y2!r}"></box>\n'
            for name, x1, y1, x2, y2 in photo.objects
        )
        subset = f' subset="{photo.split}"' if photo.split else ""
        entries.append(
            f'<image id="{number}" name="{escape(photo.name)}"{subset} width="{photo.size_wh[0]}" '
            f'height="{photo.size_wh[1]}">\n{boxes}</image>\n'
        )
    (root / "annotations.xml").write_text(
        f"<annotations>\n<version>1.1</version>\n{''.join(entries)}</annotations>", "utf-8"
    )
    return root


def write_label_studio(root: Path, photos: Sequence[Photo]) -> Path:
    """Label Studio's JSON, and images/SPLIT."""
    tasks = []
    for number, photo in enumerate(photos, start=1):
        _write_photo(photo, root / "images" / photo.split / photo.name)
        width, height = photo.size_wh
        result = [
            {
                "id": f"r{number}_{each}",
                "type": "rectanglelabels",
                "from_name": "label",
                "to_name": "image",
                "original_width": width,
                "original_height": height,
                "value": {
                    "x": 100 * x1 / width,
                    "y": 100 * y1 / height,
                    "width": 100 * (x2 - x1) / width,
                    "height": 100 * (y2 - y1) / height,
                    "rotation": 0,
                    "rectanglelabels": [name],
                },
            }
            for each, (name, x1, y1, x2, y2) in enumerate(photo.objects)
        ]
        place = f"/data/local-files/?d=images/{photo.split}/{photo.name}".replace("//", "/")
        tasks.append({"id": number, "annotations": [{"result": result}], "data": {"image": place}})
    (root / "project.json").write_text(json.dumps(tasks))
    return root


def write_labelme(root: Path, photos: Sequence[Photo]) -> Path:
    """labelme's JSON files beside their images, in folders called like splits."""
    for photo in photos:
        place = root / photo.split / photo.name
        _write_photo(photo, place)
        shapes = [
            {"label": name, "points": [[x1, y1], [x2, y2]], "shape_type": "rectangle", "flags": {}}
            for name, x1, y1, x2, y2 in photo.objects
        ]
        width, height = photo.size_wh
        content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": photo.name}
        content |= {"imageData": None, "imageHeight": height, "imageWidth": width}
        place.with_suffix(".json").write_text(json.dumps(content))
    return root


def write_create_ml(root: Path, photos: Sequence[Photo]) -> Path:
    """A JSON file of Create ML in each split's folder, as Roboflow exports it."""
    entries: dict[Path, list[dict[str, object]]] = {}
    for photo in photos:
        _write_photo(photo, root / photo.split / photo.name)
        annotations = [
            {
                "label": name,
                "coordinates": {"x": (x1 + x2) / 2, "y": (y1 + y2) / 2, "width": x2 - x1, "height": y2 - y1},
            }
            for name, x1, y1, x2, y2 in photo.objects
        ]
        entries.setdefault(root / photo.split, []).append({"image": photo.name, "annotations": annotations})
    for folder, content in entries.items():
        (folder / "_annotations.createml.json").write_text(json.dumps(content))
    return root


def write_csv(root: Path, photos: Sequence[Photo]) -> Path:
    """SPLIT_labels.csv, and images/SPLIT."""
    rows: dict[str, list[str]] = {}
    for photo in photos:
        _write_photo(photo, root / "images" / photo.split / photo.name)
        width, height = photo.size_wh
        rows.setdefault(photo.split, []).extend(
            f"{photo.name},{width},{height},{name},{x1:g},{y1:g},{x2:g},{y2:g}"
            for name, x1, y1, x2, y2 in photo.objects
        )
    for split, lines in rows.items():
        header = "filename,width,height,class,xmin,ymin,xmax,ymax"
        (root / f"{split or 'all'}_labels.csv").write_text("\n".join([header, *lines, ""]))
    return root


WRITERS = {"Pascal VOC": write_voc, "COCO": write_coco, "YOLO": write_yolo}


def content_of(dataset: Dataset) -> tuple[object, ...]:
    """What must be equal whatever the format is."""
    images = [(image.id, image.path.name, image.size_wh) for image in dataset.images]
    return images, dataset.annotations, dataset.categories, dataset.split


def names_of(dataset: Dataset | None) -> list[str]:
    return [] if dataset is None else [image.path.name for image in dataset.images]


def found(folder: LabelledFolder, kind: str) -> tuple[int, str]:
    """Count and example of the one finding whose kind contains these words."""
    (finding,) = [finding for finding in folder.findings if kind in finding.kind]
    return finding.count, finding.example
