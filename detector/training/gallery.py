"""A contact sheet of detections against the truth, for people to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from detector.boxes import xywh_to_xyxy
from detector.colours import Colour, class_colour
from detector.data.annotations import Result
from detector.data.dataset import Dataset, load_dataset_image
from detector.drawing import Labels, draw_outline, draw_text, fit_text, text_size_wh
from detector.evaluation.matching import FALSE_POSITIVE, Scene, build_scenes, match_scene
from detector.images import Image, save_image
from detector.system.progress import bars_hidden
from detector.system.terminal import counted

_COLUMNS = 3
_TILE_WH = (560, 420)  # pixels; every image is fitted into one, so that text is as large on all of them
_CAPTION, _GAP, _LINE = 30, 12, 30
_SMALL = 30  # pixels; a thick outline would hide what is smaller
_MOST_MISSED_LABELS = 10  # of the largest in an image; more would hide it
_WORST_SHARE = 2 / 3  # of the images shown; the rest are typical ones
_PAPER: Colour = (32, 32, 32)
_BLACK: Colour = (0, 0, 0)
_WHITE: Colour = (255, 255, 255)
_WARNING: Colour = (0, 215, 255)  # yellow, in BGR
_GREY: Colour = (190, 190, 190)
_TEXT = 14  # pixels


@dataclass(frozen=True)
class _Judged:
    """An image with what was found in it, object by object and detection by detection."""

    scene: Scene
    matched: NDArray[np.int64]

    @property
    def missed(self) -> NDArray[np.bool_]:
        """(G,) whether an object was not found; crowds are not looked for."""
        missed = ~self.scene.crowd
        missed[self.matched[self.matched >= 0]] = False
        return missed

    @property
    def counts(self) -> NDArray[np.int64]:
        """Numbers of found objects, missed objects and false positives."""
        return np.array(
            [(self.matched >= 0).sum(), self.missed.sum(), (self.matched == FALSE_POSITIVE).sum()]
        )

    @property
    def errors(self) -> int:
        return int(self.counts[1:].sum())


def draw_gallery(
    dataset: Dataset,
    detections: Sequence[Result],
    path: Path,
    *,
    score_threshold: float,
    images: int = 12,
) -> None:
    """Write a JPEG sheet: the images with the most mistakes and some typical ones, with a legend.

    An object is found by a detection of its class at IoU .5 or more; otherwise it is missed. A detection that
    finds no object is a ghost. The same input gives the same sheet.

    Args:
        dataset: the validation images and their objects.
        detections: COCO's result objects: ``image_id``, ``category_id``, ``bbox`` (xywh, pixels), ``score``.
        path: file to write, ``.jpg``.
        score_threshold: least score of a detection that is shown and counted.
        images: how many images to show, at most.

    Raises:
        ImageError: an image that cannot be read.
        DetectorError: the file cannot be written.
    """
    shown = [detection for detection in detections if detection["score"] >= score_threshold]
    judged = [_Judged(scene, match_scene(scene)) for scene in build_scenes(dataset, shown)]
    worst, typical = _choose(judged, images)
    tiles = [
        _draw_tile(item, dataset.categories, "typical" if number >= len(worst) else "worst")
        for number, item in enumerate(
            tqdm([*worst, *typical], desc="gallery", disable=bars_hidden(), leave=False)
        )
    ]
    legend = _draw_legend(judged, score_threshold)
    save_image(path, _arrange(legend, tiles), [cv2.IMWRITE_JPEG_QUALITY, 88])


def _choose(judged: Sequence[_Judged], count: int) -> tuple[list[_Judged], list[_Judged]]:
    """The images with the most mistakes, worst first, and those in the middle of the rest."""
    ordered = sorted(judged, key=lambda item: (-item.errors, item.scene.image.id))
    worst = [item for item in ordered[: round(count * _WORST_SHARE)] if item.errors]
    rest = [item for item in ordered[len(worst) :] if item.counts.any()] or ordered[len(worst) :]
    start = max(0, (len(rest) - (count - len(worst))) // 2)
    return worst, rest[start : start + count - len(worst)]


def _draw_tile(judged: _Judged, names: Mapping[int, str], kind: str) -> Image:
    """An image with boxes and labels, and its caption above it."""
    scene = judged.scene
    tile, scale, offset = _fit(load_dataset_image(scene.image))
    shift = np.array(offset * 2)
    objects = np.rint(xywh_to_xyxy(scene.objects_xywh) * scale + shift).astype(int).tolist()
    boxes = np.rint(xywh_to_xyxy(scene.boxes_xywh) * scale + shift).astype(int).tolist()
    labels, classes = Labels(tile, _TEXT), tuple(names.values())
    missed = sorted(np.flatnonzero(judged.missed).tolist(), key=lambda index: -_side(objects[index]))
    for number, index in enumerate(missed):
        small = _side(objects[index]) < _SMALL
        draw_outline(
            tile, objects[index], _WARNING, _BLACK, thickness=2 if small else 4, dash=5 if small else 10
        )
        if number < _MOST_MISSED_LABELS:
            name = names.get(int(scene.object_classes[index]), "?")
            labels.add(f"missed {name}", objects[index], ground=_WARNING, edge=_BLACK)
    for index, box in enumerate(boxes):
        name = names.get(int(scene.classes[index]), "?")
        text, colour = f"{name} {scene.scores[index]:.0%}", class_colour(name, classes)
        if judged.matched[index] == FALSE_POSITIVE:
            draw_outline(tile, box, colour, _BLACK, thickness=2, dash=5)
            labels.add(f"ghost {text}", box, ground=_BLACK, edge=colour)
        elif judged.matched[index] >= 0:
            draw_outline(tile, box, colour, thickness=2)
            draw_outline(tile, objects[judged.matched[index]], _WHITE, _BLACK, thickness=1, dash=4)
            labels.add(text, box, ground=colour)
    labels.draw()
    counts = judged.counts.tolist()
    facts = f"{kind}: {counts[0]} found, {counts[1]} missed, {counted(counts[2], 'ghost')}"
    return np.vstack([_draw_caption(scene.image.name, facts), tile])


def _draw_caption(name: str, facts: str) -> Image:
    """A strip with a name at its left, shortened in its middle to what fits, and facts at its right."""
    width, facts_width = _TILE_WH[0], text_size_wh(facts, _TEXT)[0]
    strip = np.full((_CAPTION, width, 3), _PAPER, np.uint8)
    top = _CAPTION - _TEXT - 10
    draw_text(strip, fit_text(name, _TEXT, width - facts_width - 16), (0, top), _TEXT, _GREY)
    draw_text(strip, facts, (width - facts_width, top), _TEXT, _WHITE)
    return strip


def _side(box: Sequence[int]) -> int:
    """The shorter side of a box."""
    return min(box[2] - box[0], box[3] - box[1])


def _fit(image: Image) -> tuple[Image, float, tuple[int, int]]:
    """The image in the middle of a tile, by what it was scaled, and its corner's x and y there."""
    height, width = image.shape[:2]
    scale = min(_TILE_WH[0] / width, _TILE_WH[1] / height)
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = ((whole - part) // 2 for whole, part in zip(_TILE_WH, size_wh, strict=True))
    tile = np.full((_TILE_WH[1], _TILE_WH[0], 3), _PAPER, np.uint8)
    tile[top : top + size_wh[1], left : left + size_wh[0]] = cv2.resize(image, size_wh, interpolation=method)
    return tile, scale, (left, top)


def _draw_legend(judged: Sequence[_Judged], score_threshold: float) -> Image:
    """What the outlines mean, and the counts over all images."""
    found, missed, false_positives = np.sum([item.counts for item in judged], axis=0).tolist()
    strip = np.full((3 * _LINE + _GAP, _COLUMNS * (_TILE_WH[0] + _GAP) - _GAP, 3), _PAPER, np.uint8)
    title = (
        f"{counted(len(judged), 'validation image')} at score {score_threshold:g} or more: {found:,} of "
        f"{counted(found + missed, 'object')} found, {missed:,} missed, {counted(false_positives, 'ghost')}"
    )
    draw_text(strip, title, (0, _LINE - 28), 20, _WHITE)
    colour = class_colour("it", ("it",))
    left, middle = 0, _LINE + _LINE // 2
    for text, style in (
        ("object (truth)", (_WHITE, _BLACK, 1, 4)),
        ("detection that finds it, in its class's colour", (colour, None, 2, 0)),
        ("missed: no detection of its class at IoU .5", (_WARNING, _BLACK, 4, 10)),
        ("ghost: detection without an object", (colour, _BLACK, 2, 5)),
    ):
        ink, ground, thickness, dash = style
        box = [left + 3, middle - 9, left + 42, middle + 9]
        draw_outline(strip, box, ink, ground, thickness=thickness, dash=dash)
        draw_text(strip, text, (left + 52, middle - _TEXT // 2 - 2), _TEXT, _WHITE)
        left += 52 + text_size_wh(text, _TEXT)[0] + 36
    note = (
        "An object that is detected as another class is missed, and the detection a ghost. "
        f"In each image the {_MOST_MISSED_LABELS} largest missed objects have a label."
    )
    draw_text(strip, note, (0, 3 * _LINE - 24), _TEXT, _GREY)
    return strip


def _arrange(legend: Image, tiles: Sequence[Image]) -> Image:
    """The sheet: the legend above rows of tiles, all with the same gaps."""
    rows = -(-len(tiles) // _COLUMNS)
    height, width = _TILE_WH[1] + _CAPTION + _GAP, _TILE_WH[0] + _GAP
    sheet_hw = legend.shape[0] + rows * height + _GAP, _COLUMNS * width + _GAP
    sheet = np.full((*sheet_hw, 3), _PAPER, np.uint8)
    sheet[_GAP : _GAP + legend.shape[0], _GAP:-_GAP] = legend
    for number, tile in enumerate(tiles):
        top = _GAP + legend.shape[0] + number // _COLUMNS * height
        left = _GAP + number % _COLUMNS * width
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet
