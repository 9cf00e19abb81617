"""Makes the pictures of docs/loop.md: ``uv run docs/loop_pictures.py output/first_loop COLLECTED``.

From what ``python -m studies.first_loop`` and then ``ssdlite demo --source DATASET/test --model
output/first_loop/run-both --headless --collect COLLECTED`` have left there: a photograph as the first model
has labelled it and as it is corrected, and frames that were kept. Orange is what the model is not sure of.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from detector.images import Image, load_image

SURE, UNSURE, WHITE = (80, 220, 90), (0, 140, 255), (255, 255, 255)  # BGR
WIDTH, GAP = 600, 6

Box = tuple[float, float, float, float]
Objects = list[tuple[Box, bool]]  # boxes, x1, y1, x2, y2, and whether they are unsure


def draw(photo: Image, objects: Objects, title: str, width: int = WIDTH) -> Image:
    """The photograph in that width with boxes, below a title."""
    scale = width / photo.shape[1]
    picture = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for box, unsure in sorted(objects, key=lambda each: each[1]):
        left, top, right, bottom = (round(side * scale) for side in box)
        cv2.rectangle(picture, (left, top), (right, bottom), UNSURE if unsure else SURE, 2, cv2.LINE_AA)
    bar = np.full((30, width, 3), 30, np.uint8)
    cv2.putText(bar, title, (8, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.55, WHITE, 1, cv2.LINE_AA)
    return np.vstack([bar, picture])


def beside(pictures: list[Image]) -> Image:
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    return np.hstack([part for picture in pictures for part in (gap, picture)][1:])


def of_coco(path: Path) -> dict[str, Objects]:
    """The objects of a COCO file by the photograph's name."""
    content = json.loads(path.read_text())
    names = {each["id"]: each["file_name"] for each in content["images"]}
    objects: dict[str, Objects] = {name: [] for name in names.values()}
    for each in content["annotations"]:
        x, y, width, height = each["bbox"]
        unsure = each.get("attributes", {}).get("unsure", False)
        objects[names[each["image_id"]]].append(((x, y, x + width, y + height), unsure))
    return objects


def of_voc(path: Path) -> Iterator[tuple[Box, bool]]:
    """The objects of a Pascal VOC file."""
    for each in ElementTree.parse(path).iterfind("object"):
        left, top, right, bottom = (float(side.text or 0) for side in each.iterfind("bndbox/*"))
        yield (left, top, right, bottom), each.findtext("difficult") == "1"


def write(name: str, picture: Image) -> None:
    cv2.imwrite(str(Path(__file__).with_name(name)), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])


def main() -> None:
    loop, collected = map(Path, sys.argv[1:])
    proposed = of_coco(loop / "proposed/annotations/instances_default.json")
    corrected = of_coco(loop / "next/_annotations.coco.json")
    name = max(proposed, key=lambda each: (len(corrected[each]), each))
    photo = load_image(loop / "next" / name)
    unsure = sum(each[1] for each in proposed[name])
    titles = (
        f"labelled by the first model: {len(proposed[name])} boxes, {unsure} of them unsure",
        f"corrected: {len(corrected[name])} boxes",
    )
    both = zip((proposed[name], corrected[name]), titles, strict=True)
    write("loop_label.jpg", beside([draw(photo, objects, title) for objects, title in both]))
    kept = [(path.with_suffix(".jpg"), list(of_voc(path))) for path in sorted(collected.glob("*.xml"))]
    telling = [each for each in kept if any(unsure for _, unsure in each[1])][:3]
    frames = [draw(load_image(path), objects, path.stem.split("-")[0], 400) for path, objects in telling]
    write("loop_collect.jpg", beside(frames))


if __name__ == "__main__":
    main()
