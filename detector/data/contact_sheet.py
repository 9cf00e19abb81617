"""A picture of some images of a dataset with their boxes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import cv2
import numpy as np

from detector.boxes import xywh_to_xyxy
from detector.colours import Colour, class_colour
from detector.data.dataset import Dataset, DatasetImage, load_dataset_image
from detector.drawing import draw_boxes, draw_text, fit_text
from detector.images import Image

_CELL_WH = (640, 480)  # pixels of an image, without its caption
_CAPTION, _TEXT = 28, 15  # height of a caption and of its text
_INK: Colour = (225, 225, 225)
_COLUMNS = 4
_MOST = 12
_GROUND = 32  # grey level between the images


def choose_images(dataset: Dataset, seed: int = 0) -> list[DatasetImage]:
    """Up to 12 images with objects, drawn by lot, those first that show a class not shown yet."""
    classes: dict[int, set[int]] = {}
    for annotation in dataset.annotations:
        classes.setdefault(annotation["image_id"], set()).add(annotation["category_id"])
    images = [image for image in dataset.images if image.id in classes]
    random.Random(seed).shuffle(images)
    shown: set[int] = set()
    chosen = []
    for image in images:
        if not classes[image.id] <= shown:
            chosen.append(image)
            shown |= classes[image.id]
    ids = {image.id for image in chosen}
    return [*chosen, *(image for image in images if image.id not in ids)][:_MOST]


def draw_contact_sheet(dataset: Dataset, images: Sequence[DatasetImage]) -> Image:
    """The images in rows of 4, each with its boxes, its class names and, above it, the name of its file.

    Where the class is that of the whole picture, it stands before the name of the file.
    """
    width, height = _CELL_WH[0], _CAPTION + _CELL_WH[1]
    columns, rows = min(_COLUMNS, len(images)), -(-len(images) // _COLUMNS)
    sheet = np.full((rows * height, columns * width, 3), _GROUND, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, _COLUMNS)
        cell = _draw_cell(dataset, image)
        top = row * height + _CAPTION + (_CELL_WH[1] - cell.shape[0]) // 2
        left = column * width + (width - cell.shape[1]) // 2
        caption = fit_text(f"{_class_before(dataset, image)}{image.name}", _TEXT, width - 8)
        draw_text(sheet, caption, (column * width + 4, row * height + 4), _TEXT, _INK)
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet


def _class_before(dataset: Dataset, image: DatasetImage) -> str:
    """The class of a whole picture, to be followed by a name; nothing where there are boxes."""
    if not dataset.names_pictures:
        return ""
    own = (each["category_id"] for each in dataset.annotations if each["image_id"] == image.id)
    return "".join(f"{dataset.categories[category]}: " for category in own)


def _draw_cell(dataset: Dataset, image: DatasetImage) -> Image:
    pixels = load_dataset_image(image)
    height, width = pixels.shape[:2]
    scale = min((_CELL_WH[0] - 4) / width, (_CELL_WH[1] - 4) / height)
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if dataset.names_pictures:
        return np.asarray(small, np.uint8)
    own = [annotation for annotation in dataset.annotations if annotation["image_id"] == image.id]
    boxes = xywh_to_xyxy(np.array([annotation["bbox"] for annotation in own], np.float32).reshape(-1, 4))
    names = [dataset.categories[annotation["category_id"]] for annotation in own]
    texts = [
        name + (" (ignored)" if annotation["iscrowd"] else "")
        for name, annotation in zip(names, own, strict=True)
    ]
    colours = [class_colour(name, tuple(dataset.categories.values())) for name in names]
    stretch = np.array([size_wh[0] / width, size_wh[1] / height] * 2, np.float32)
    return draw_boxes(np.asarray(small, np.uint8), boxes * stretch, texts, colours)
