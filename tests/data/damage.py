"""What happens to datasets in other hands, one kind of damage a function.

A damage changes a dataset on the disk at random. It takes nothing away that a reader could not notice, and
what it says about a picture is either still true or contradicts something else that the dataset says.
"""

from __future__ import annotations

import json
import os
import random
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from tests.data.labelled import write_image

Damage = Callable[[Path, random.Random], object]


def images_of(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".bmp"))


def labels_of(root: Path) -> list[Path]:
    kinds = (".json", ".xml", ".txt", ".yaml", ".csv")
    return sorted(path for path in root.rglob("*") if path.suffix.lower() in kinds and path.is_file())


def change_json(root: Path, rng: random.Random, change: Callable[[Any], object]) -> None:
    path = rng.choice([path for path in labels_of(root) if path.suffix == ".json"])
    content = json.loads(path.read_bytes())
    content = change(content) or content
    path.write_text(json.dumps(content))


def change_xml(path: Path, change: Callable[[ElementTree.Element], object]) -> None:
    tree = ElementTree.parse(path)
    change(tree.getroot())
    tree.write(path, encoding="utf-8")


# Pictures ---------------------------------------------------------------------------------------------


def lose_pictures(root: Path, rng: random.Random) -> None:
    for path in rng.sample(images_of(root), 2):
        path.unlink()


def same_names_elsewhere(root: Path, rng: random.Random) -> None:
    """Other pictures of the same names, as thumbnails, masks and former versions are."""
    folder = root / rng.choice(["backup", "thumbs", "masks", "old/images", "a/b/c"])
    for path in images_of(root):
        write_image(folder / path.name, look=rng.randrange(10_000, 99_999))


def lose_pictures_with_namesakes(root: Path, rng: random.Random) -> None:
    """Pictures that are gone, though others of their names lie elsewhere."""
    paths = images_of(root)
    same_names_elsewhere(root, rng)
    for path in rng.sample(paths, 2):
        path.unlink()


def resize_pictures(root: Path, rng: random.Random) -> None:
    factor = rng.choice([0.5, 2, 3])
    for path in images_of(root):
        image = cv2.imread(str(path))
        cv2.imwrite(str(path), cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def turn_pictures(root: Path, rng: random.Random) -> None:
    for path in rng.sample(images_of(root), 2):
        cv2.imwrite(str(path), cv2.rotate(cv2.imread(str(path)), cv2.ROTATE_90_CLOCKWISE))


def convert_pictures(root: Path, rng: random.Random) -> None:
    for path in images_of(root):
        cv2.imwrite(str(path.with_suffix(".bmp")), cv2.imread(str(path)))
        path.unlink()


def cry_suffixes(root: Path, rng: random.Random) -> None:
    for path in images_of(root):
        path.rename(path.with_suffix(path.suffix.upper()))


# Label files of any format ----------------------------------------------------------------------------


def cut_a_label_file(root: Path, rng: random.Random) -> None:
    path = rng.choice(labels_of(root))
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(1, len(content))])


def write_in_utf_16(root: Path, rng: random.Random) -> None:
    for path in labels_of(root):
        path.write_text(path.read_text("utf-8"), rng.choice(["utf-8-sig", "utf-16"]))


def add_a_pipe(root: Path, rng: random.Random) -> None:
    for suffix in ("xml", "json", "txt", "yaml"):
        os.mkfifo(root / f"pipe.{suffix}")


def mix_up_a_former_version(root: Path, rng: random.Random) -> None:
    """An older description beside the good one, whose boxes belong to other pictures."""
    path = rng.choice(labels_of(root))
    folder = root / rng.choice(["old", "v1/annotations", "copy"])
    folder.mkdir(parents=True, exist_ok=True)
    text = path.read_text("utf-8")
    names = [image.name for image in images_of(root) if image.name in text]
    if len(names) > 1:
        text = text.replace(names[0], "\0").replace(names[1], names[0]).replace("\0", names[1])
    (folder / path.name).write_text(text, "utf-8")


# COCO -------------------------------------------------------------------------------------------------


def coco_text_ids(root: Path, rng: random.Random) -> None:
    keys = rng.sample([("images", "id"), ("annotations", "image_id"), ("annotations", "category_id")], 2)
    form = rng.choice(["{}", "{:06}", "{}.0"])

    def change(content: Any) -> None:
        for what, key in keys:
            for entry in content[what]:
                entry[key] = form.format(entry[key])

    change_json(root, rng, change)


def coco_text_boxes(root: Path, rng: random.Random) -> None:
    def change(content: Any) -> None:
        for entry in content["annotations"]:
            entry["bbox"] = [str(value) for value in entry["bbox"]]

    change_json(root, rng, change)


def coco_shapes(root: Path, rng: random.Random) -> None:
    def change(content: Any) -> None:
        for entry in content["annotations"]:
            x, y, w, h = entry.pop("bbox")
            entry["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
            if rng.random() < 0.3:
                entry["segmentation"] = rng.choice([[], None, {"counts": "?", "size": [0, 0]}])
            if rng.random() < 0.3:
                entry["bbox"] = None

    change_json(root, rng, change)


def coco_hostile_values(root: Path, rng: random.Random) -> None:
    values = [True, None, [], {}, "x", float("nan"), 1e308, 10**400, -1]

    def change(content: Any) -> None:
        for _ in range(3):
            entry = rng.choice(content["annotations"])
            key = rng.choice(["bbox", "image_id", "category_id", "iscrowd"])
            entry[key] = rng.choice(values) if key != "iscrowd" else rng.choice(["no", [1], {}])
        for what, key in (("categories", "supercategory"), ("images", "width"), ("images", "license")):
            rng.choice(content[what])[key] = rng.choice(values)

    change_json(root, rng, change)


def coco_fractions(root: Path, rng: random.Random) -> None:
    def change(content: Any) -> None:
        sizes = {entry["id"]: (entry["width"], entry["height"]) * 2 for entry in content["images"]}
        for entry in content["annotations"]:
            entry["bbox"] = [v / s for v, s in zip(entry["bbox"], sizes[entry["image_id"]], strict=True)]

    change_json(root, rng, change)


def coco_addresses(root: Path, rng: random.Random) -> None:
    form = rng.choice(
        ["https://b.s3.example/data/{}?X-Sig=abc/def&x=1", "/home/me/{}", "C:\\data\\{}", "./{}", "x/y/{}"]
    )

    def change(content: Any) -> None:
        for entry in content["images"]:
            entry["file_name"] = form.format(entry["file_name"])

    change_json(root, rng, change)


def coco_two_entries_of_one_file(root: Path, rng: random.Random) -> None:
    def change(content: Any) -> None:
        one, other = rng.sample(content["images"], 2)
        one["file_name"] = other["file_name"]

    change_json(root, rng, change)


def coco_same_category_twice(root: Path, rng: random.Random) -> None:
    def change(content: Any) -> None:
        first = content["categories"][0]
        content["categories"].append({"id": 999, "name": first["name"]})
        for entry in content["annotations"]:
            if entry["category_id"] == first["id"] and rng.random() < 0.5:
                entry["category_id"] = 999

    change_json(root, rng, change)


def coco_ids_off_by_one(root: Path, rng: random.Random) -> None:
    def change(content: Any) -> None:
        numbers = {entry["id"]: number for number, entry in enumerate(content["categories"])}
        for each in content["annotations"]:
            each["category_id"] = numbers[each["category_id"]]
        for entry in content["categories"]:
            entry["id"] = numbers[entry["id"]] + 1

    change_json(root, rng, change)


def coco_late_keys(root: Path, rng: random.Random) -> None:
    change_json(root, rng, lambda content: {"info": "x" * 200_000, **content, "licenses": ["y" * 200_000]})


def coco_other_file_names(root: Path, rng: random.Random) -> None:
    form = rng.choice(["custom_{}.json", "{}-labels.json", "instances_{}2017.json", "my{}.json"])
    for path in labels_of(root):
        split = path.stem.removeprefix("instances").removeprefix("_")
        path.rename(path.with_name(form.format(split.title() if form.startswith("my") else split)))


def coco_folds(root: Path, rng: random.Random) -> None:
    for path in labels_of(root):
        for fold in ("fold0", "fold1"):
            (root / fold).mkdir(exist_ok=True)
            (root / fold / path.name).write_bytes(path.read_bytes())
        path.unlink()


GENERIC: tuple[Damage, ...] = (
    lose_pictures, same_names_elsewhere, lose_pictures_with_namesakes, convert_pictures, cry_suffixes,
    cut_a_label_file, write_in_utf_16, add_a_pipe, mix_up_a_former_version,
)  # fmt: skip
SIZED: tuple[Damage, ...] = (resize_pictures, turn_pictures)
COCO: tuple[Damage, ...] = (
    coco_text_ids, coco_text_boxes, coco_shapes, coco_hostile_values, coco_fractions, coco_addresses,
    coco_two_entries_of_one_file, coco_same_category_twice, coco_ids_off_by_one, coco_late_keys,
    coco_other_file_names, coco_folds,
)  # fmt: skip
