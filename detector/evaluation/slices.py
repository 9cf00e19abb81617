"""The same numbers for parts of the data: by everything that is known of an image or of a box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from detector.data.dataset import Dataset, DatasetImage, load_image_bytes
from detector.errors import DetectorError
from detector.evaluation.bootstrap import Interval, Resamples, blocks, interval_of
from detector.evaluation.measure import mean_of_known
from detector.evaluation.metadata import Groups, group_metadata
from detector.evaluation.precision_recall import PrecisionRecall
from detector.evaluation.tables import Doubles, Flags, Tables
from detector.images import decode_preview
from detector.system.parallel import map_threads

_ASPECTS = (0.5, 0.8, 1.25, 2.0)  # width by height
_ASPECT_NAMES = ("tall, 2 : 1 or more", "upright", "about square", "lying", "wide, 2 : 1 or more")
_PLACES = (0.5, 0.8)  # of the way from the image's centre to its border
_PLACE_NAMES = ("in the middle", "between", "near the border")
_TOUCH = 1.0  # pixels from the border at which an object counts as cut off
LIGHT = ("brightness", "contrast")  # dimensions that a photographer can do something about
_FEW_OBJECTS, _FEW_IMAGES = 20, 8  # at the least, on average, in a bin that is fitted to the data


@dataclass(frozen=True)
class Part:
    """Some objects and the detections that are counted with them.

    Attributes:
        dimension: by what the data is divided.
        name: of the part.
        objects: (G,) which belong to it.
        detections: (D,) which count as false positives of it when they find nothing; None where detections
            cannot be told apart, because the label belongs to the object: then there is recall, and no AP.
    """

    dimension: str
    name: str
    objects: Flags
    detections: Flags | None


@dataclass(frozen=True)
class Slice:
    """What was measured on a part.

    Attributes:
        dimension, name: of the part.
        images, objects: how many it has; crowds do not count.
        ap, ar: in [0, 1]; None where there can be none.
        beyond_chance: whether it differs from the whole, in AP or else in AR, by more than chance: 1 above,
            -1 below, 0 neither.
    """

    dimension: str
    name: str
    images: int
    objects: int
    ap: Interval | None
    ar: Interval
    beyond_chance: int


def measure_slices(tables: Tables, parts: Sequence[Part], resamples: Resamples) -> list[Slice]:
    """Each part's AP and AR with 95 % intervals, on the same resampled images as everything else.

    Detections that find nothing count only in the part that they themselves lie in, as in COCO's area
    ranges. A part without objects is left out.
    """
    objects, found = (np.ones(len(each.image), np.bool_) for each in (tables.objects, tables.found))
    whole_ap, whole_ar = _measure(tables, Part("", "", objects, found), resamples)
    parts = [part for part in parts if (part.objects & ~tables.objects.crowd).any()]
    measured = map_threads(lambda part: _measure(tables, part, resamples), parts, desc="slices", unit="slice")
    slices = []
    for part, (ap, ar) in zip(parts, measured, strict=True):
        counted = part.objects & ~tables.objects.crowd
        own, whole = (ar, whole_ar) if ap is None else (ap, whole_ap)
        assert whole is not None
        images = len(np.unique(tables.objects.image[counted]))
        difference = interval_of(own[0] - whole[0], own[1:] - whole[1:], images=images)
        slices.append(
            Slice(
                part.dimension,
                part.name,
                images,
                int(counted.sum()),
                None if ap is None else interval_of(float(ap[0]), ap[1:], images=images),
                interval_of(float(ar[0]), ar[1:], images=images),
                int(difference.low > 0) - int(difference.high < 0),
            )
        )
    return slices


def _measure(tables: Tables, part: Part, resamples: Resamples) -> tuple[Doubles | None, Doubles]:
    """AP and AR (1 + R,): of the images as they are, then of each round."""
    with_ap = part.detections is not None
    outside = np.zeros(len(tables.found.score), np.bool_) if part.detections is None else ~part.detections
    counts = PrecisionRecall(tables, tables.objects.crowd | ~part.objects, outside)
    weights = np.vstack([np.ones((1, resamples.shape[1]), np.uint8), resamples])
    precisions, recalls = [], []
    for rounds in blocks(weights, counts.rounds_at_once):
        block = rounds.astype(np.float64)
        recalls.append(mean_of_known(counts.recall(block, counts.positives(block))))
        if with_ap:
            precisions.append(mean_of_known(counts.average_precision(counts.curve(block))))
    return np.concatenate(precisions) if with_ap else None, np.concatenate(recalls)


@dataclass(frozen=True)
class Light:
    """How an image is lit: mean and standard deviation of its grey levels, which are in [0, 255]."""

    brightness: float
    contrast: float


def measure_light(images: Sequence[DatasetImage]) -> dict[int, Light]:
    """The light of images by id; without those that cannot be read."""
    values = map_threads(_light, images, desc="light", unit="image")
    return {image.id: value for image, value in zip(images, values, strict=True) if value is not None}


def _light(image: DatasetImage) -> Light | None:
    try:
        grey = decode_preview(load_image_bytes(image), name=image.name).grey
    except DetectorError:
        return None
    return Light(float(np.mean(grey)), float(np.std(grey)))


def build_parts(tables: Tables, dataset: Dataset, light: Mapping[int, Light]) -> list[Part]:
    """All parts of the data that can be told apart; a dimension with one part only says nothing.

    Args:
        dataset: gives what its file says of images and objects beyond COCO's own keys.
        light: of images, by id; may be empty.
    """
    by_dimension = [
        *_box_dimensions(tables),
        _by_crowding(tables),
        *(_by_light(tables, light, dimension) for dimension in LIGHT),
        *_by_metadata(tables, dataset),
    ]
    return [part for parts in by_dimension if len(parts) > 1 for part in parts]


def build_size_parts(tables: Tables) -> list[Part]:
    """About equally many objects in each, by the side of a square of their area."""
    objects, found = tables.objects, tables.found
    side, found_side = np.sqrt(np.maximum(objects.area, 0)), np.sqrt(np.maximum(found.area, 0))
    edges = _fit_edges(side[~objects.crowd], most=5, least=_FEW_OBJECTS)
    names = _name_bins(edges, "px")
    return _binned("size", names, edges, side, found_side)


def _box_dimensions(tables: Tables) -> Iterable[list[Part]]:
    objects, found = tables.objects, tables.found
    boxes, found_boxes = objects.boxes_xywh, found.boxes_xywh
    yield _binned("aspect ratio", _ASPECT_NAMES, _ASPECTS, _aspect(boxes), _aspect(found_boxes))
    sizes = np.array([image.size_wh or (np.nan, np.nan) for image in tables.images], np.float64)
    if np.isnan(sizes).any():
        return
    own, theirs = sizes[objects.image], sizes[found.image]
    yield _binned(
        "position", _PLACE_NAMES, _PLACES, _off_centre(boxes, own), _off_centre(found_boxes, theirs)
    )
    cut, found_cut = _touches(boxes, own), _touches(found_boxes, theirs)
    yield [
        Part("truncation", "touches the image's border", cut, found_cut),
        Part("truncation", "wholly inside", ~cut, ~found_cut),
    ]


def _aspect(boxes_xywh: Doubles) -> Doubles:
    return boxes_xywh[:, 2] / np.maximum(boxes_xywh[:, 3], 1e-9)


def _off_centre(boxes_xywh: Doubles, sizes_wh: Doubles) -> Doubles:
    """How far the boxes' centres are from the image's, 0, towards its border, 1."""
    centre = boxes_xywh[:, :2] + boxes_xywh[:, 2:] / 2
    return np.abs(2 * centre / sizes_wh - 1).max(axis=1, initial=0)


def _touches(boxes_xywh: Doubles, sizes_wh: Doubles) -> Flags:
    end = boxes_xywh[:, :2] + boxes_xywh[:, 2:]
    touching: Flags = (boxes_xywh[:, :2] <= _TOUCH) | (end >= sizes_wh - _TOUCH)
    return touching[:, 0] | touching[:, 1]


def _by_crowding(tables: Tables) -> list[Part]:
    objects = tables.objects
    counts = np.bincount(objects.image[~objects.crowd], minlength=len(tables.images)).astype(np.float64)
    edges = _fit_edges(counts[counts > 0], most=4, least=_FEW_IMAGES)
    names = _name_bins(edges, "objects in the image")
    return _binned("crowding", names, edges, counts[objects.image], counts[tables.found.image])


def _by_light(tables: Tables, light: Mapping[int, Light], dimension: str) -> list[Part]:
    unknown = Light(np.nan, np.nan)
    values = np.array([getattr(light.get(image.id, unknown), dimension) for image in tables.images])
    edges = _fit_edges(values[~np.isnan(values)], most=4, least=_FEW_IMAGES)
    names = _name_bins(edges, "of 255")
    return _binned(dimension, names, edges, values[tables.objects.image], values[tables.found.image])


def _by_metadata(tables: Tables, dataset: Dataset) -> Iterable[list[Part]]:
    objects = tables.objects
    of_images: Groups = group_metadata([image.metadata for image in tables.images])
    for dimension, groups in of_images.items():
        yield [
            Part(f"image: {dimension}", name, chosen[objects.image], chosen[tables.found.image])
            for name, chosen in groups
        ]
    annotations = [dataset.annotations[number].get("metadata", {}) for number in objects.number.tolist()]
    for dimension, groups in group_metadata(annotations).items():
        yield [Part(f"object: {dimension}", name, chosen, None) for name, chosen in groups]


def _fit_edges(values: Doubles, *, most: int, least: int) -> tuple[float, ...]:
    """Whole numbers that divide the values into about equal parts, none of them almost empty."""
    count = min(most, len(values) // least)
    if count < 2:
        return ()
    edges = np.unique(np.rint(np.quantile(values, np.arange(1, count) / count)))
    return tuple(edge for edge in edges.tolist() if values.min() < edge <= values.max())


def _name_bins(edges: Sequence[float], unit: str) -> tuple[str, ...]:
    if not edges:
        return ("all",)
    between = (f"{low:.0f} to {high:.0f} {unit}" for low, high in pairwise(edges))
    return f"under {edges[0]:.0f} {unit}", *between, f"{edges[-1]:.0f} {unit} or more"


def _binned(
    dimension: str, names: Sequence[str], edges: Sequence[float], values: Doubles, found_values: Doubles
) -> list[Part]:
    """A part for each bin that has an object; values that are not known are in none."""
    bins, found_bins = np.digitize(values, edges), np.digitize(found_values, edges)
    bins[np.isnan(values)], found_bins[np.isnan(found_values)] = -1, -1
    return [
        Part(dimension, name, bins == number, found_bins == number)
        for number, name in enumerate(names)
        if (bins == number).any()
    ]
