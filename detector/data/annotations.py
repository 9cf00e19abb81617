"""An object of an image and a detection, as the dicts that COCO's files have and pycocotools takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict


class LabelledObject(TypedDict):
    """An object before it has an id, of an image that is known from elsewhere.

    ``bbox`` is x, y, width, height in pixels of the image; ``iscrowd`` is 1 for what is neither trained on
    nor counted.
    """

    category_id: int
    bbox: list[float]
    area: float
    iscrowd: int


class _ImageObject(LabelledObject):
    id: int
    image_id: int


class Annotation(_ImageObject, total=False):
    """An object of a dataset; ``metadata``, if there is any, is what its file says of it beyond COCO's own
    keys.
    """

    metadata: Mapping[str, object]


class Result(TypedDict):
    """A detection in COCO's results format: ``bbox`` is x, y, width, height in pixels of the image."""

    image_id: int
    category_id: int
    bbox: list[float]
    score: float
