"""SSD anchors: the default boxes that the network's outputs are offsets from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from detector.boxes import FloatArray, cxcywh_to_xyxy
from detector.system.bounds import check_count, check_integer, check_number

LARGEST_SIDE = 4096  # of an input, in pixels
# Wide of what is used, and narrow enough to build.
_MOST_MAPS = _MOST_SHAPES = 16
_SCALES, _RATIOS = (1e-4, 10.0), (1e-3, 1e3)


@dataclass(frozen=True)
class AnchorSpec:
    """Sizes and shapes of the anchors; the defaults are the released model's.

    A scale is a share of a side in pixels: of ``reference_hw`` where that is given, so that anchors keep
    their size in pixels whatever the input's is, and of the input itself otherwise.

    Attributes:
        min_scale: scale of the first feature map.
        max_scale: scale of the last one; those between are evenly spaced.
        num_maps: number of feature maps.
        aspect_ratios: width / height of the anchors on every map but the first. ``.3333`` is the
            released model's literal, not 1/3.
        first_map: (scale, aspect ratio) of each anchor on the first map.
        reference_hw: height and width in pixels of which the scales are shares; None for the input's.

    Raises:
        ModelError: a value that no network has.

    Source: Liu et al., SSD, 2016, section 2.2; TensorFlow Object Detection API, ``ssd_anchor_generator``.
    """

    min_scale: float = 0.2
    max_scale: float = 0.95
    num_maps: int = 6
    aspect_ratios: tuple[float, ...] = (1.0, 2.0, 0.5, 3.0, 0.3333)
    first_map: tuple[tuple[float, float], ...] = ((0.1, 1.0), (0.2, 2.0), (0.2, 0.5))
    reference_hw: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_integer("number of feature maps", self.num_maps, 2, _MOST_MAPS)
        check_number("min_scale", self.min_scale, *_SCALES)
        check_number("max_scale", self.max_scale, *_SCALES)
        check_count("aspect_ratios", self.aspect_ratios, 0, _MOST_SHAPES)
        check_count("first_map", self.first_map, 1, _MOST_SHAPES)
        for ratio in self.aspect_ratios:
            check_number("aspect ratio", ratio, *_RATIOS)
        for shape in self.first_map:
            check_count("first_map's shape", shape, 2, 2)
            check_number("scale", shape[0], *_SCALES)
            check_number("aspect ratio", shape[1], *_RATIOS)
        if self.reference_hw is not None:
            check_count("reference_hw", self.reference_hw, 2, 2)
            for side in self.reference_hw:
                check_integer("reference_hw", side, 1, LARGEST_SIDE)

    def shapes(self) -> list[list[tuple[float, float]]]:
        """(scale, aspect ratio) of each anchor of a cell, for each feature map in turn.

        On every map but the first a square anchor between this map's scale and the next one's follows
        the listed ratios; the scale after the last is 1.
        """
        step = (self.max_scale - self.min_scale) / (self.num_maps - 1)
        scales = [self.min_scale + step * i for i in range(self.num_maps)] + [1.0]
        maps = [list(self.first_map)]
        for scale, next_scale in pairwise(scales[1:]):
            between = (float(np.sqrt(scale * next_scale)), 1.0)
            maps.append([(scale, ratio) for ratio in self.aspect_ratios] + [between])
        return maps

    def per_cell(self) -> list[int]:
        """Number of anchors of a cell, for each feature map."""
        return [len(shapes) for shapes in self.shapes()]


def build_anchors(
    spec: AnchorSpec, feature_map_sizes_hw: Sequence[tuple[int, int]], input_hw: tuple[int, int]
) -> FloatArray:
    """All anchors of a network.

    The order is map, row, column, shape: the order in which the heads' outputs are laid out. Centres lie
    at ``(i + 0.5) / grid``; nothing is clipped.

    Args:
        spec: sizes and shapes.
        feature_map_sizes_hw: (height, width) of each feature map in cells.
        input_hw: height and width of the input in pixels.

    Returns:
        (A, 4) float32, xyxy, normalised.

    Raises:
        ValueError: the number of feature maps differs from the spec's.
    """
    maps = spec.shapes()
    if len(maps) != len(feature_map_sizes_hw):
        raise ValueError(f"expected {len(maps)} feature maps, got {len(feature_map_sizes_hw)}")
    height, width = (unit / side for unit, side in zip(spec.reference_hw or input_hw, input_hw, strict=True))
    anchors_cxcywh = []
    for shapes, (rows, columns) in zip(maps, feature_map_sizes_hw, strict=True):
        scale, ratio = np.array(shapes, np.float64).T
        grid = np.empty((rows, columns, len(shapes), 4))
        grid[..., 0] = ((np.arange(columns) + 0.5) / columns)[None, :, None]
        grid[..., 1] = ((np.arange(rows) + 0.5) / rows)[:, None, None]
        grid[..., 2] = scale * np.sqrt(ratio) * width
        grid[..., 3] = scale / np.sqrt(ratio) * height
        anchors_cxcywh.append(grid.reshape(-1, 4))
    return cxcywh_to_xyxy(np.concatenate(anchors_cxcywh)).astype(np.float32)
