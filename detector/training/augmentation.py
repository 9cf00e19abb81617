"""Augmentation: the same image and boxes, seen differently each time.

Every function draws from the generator that it is given and from nothing else, so a sample is a function
of its seed. Boxes are normalised to the image that they come with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, area, clip, intersection
from detector.images import Image

# Source: TensorFlow Object Detection API, ``ssd_random_crop``; Liu et al., SSD, 2016, section 2.2.
_LEAST_COVERED = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
_CROP_RATIO = (0.5, 2.0)
_ATTEMPTS = 50


@dataclass(frozen=True)
class LabelledImage:
    """An image and what is in it.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        boxes: (N, 4) float32, xyxy, normalised, inside the image.
        labels: (N,) int64.
        crowd: (N,) bool, regions that count neither way.
    """

    image: Image
    boxes: FloatArray
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]

    def keep(self, kept: NDArray[np.bool_], boxes: FloatArray, image: Image) -> LabelledImage:
        """The objects ``kept`` with their new boxes in a new image."""
        return LabelledImage(image, boxes[kept], self.labels[kept], self.crowd[kept])


def flip(sample: LabelledImage) -> LabelledImage:
    """The mirror image. Law: twice is the original."""
    left, top, right, bottom = sample.boxes.T
    mirrored = np.stack([1 - right, top, 1 - left, bottom], axis=1)
    return replace(sample, image=np.asarray(cv2.flip(sample.image, 1), np.uint8), boxes=mirrored)


def sample_crop(
    sample: LabelledImage,
    rng: np.random.Generator,
    *,
    least_covered: float = 0.0,
    least_area: float = 0.1,
    keep_aspect: bool = False,
) -> LabelledImage:
    """A random part of the image that covers at least one object by a random least share.

    Objects that keep less than that share of their area are dropped; the others are cut to the crop. An
    image without objects is cropped anywhere. When no crop fits, the image comes back as it is.

    Args:
        sample: the image and its objects.
        rng: what is drawn from.
        least_covered: the least share is one of SSD's 0, .1, .3, .5, .7, .9 and 1 that is not below this.
        least_area: smallest area of the crop, as a fraction of the image's.
        keep_aspect: crop in the shape of the image, so that nothing is stretched; otherwise width / height is
            between .5 and 2 as in SSD.
    """
    least = rng.choice([share for share in _LEAST_COVERED if share >= least_covered])
    height, width = sample.image.shape[:2]
    areas = area(sample.boxes)
    for _ in range(_ATTEMPTS):
        share = rng.uniform(least_area, 1)
        ratio = width / height if keep_aspect else rng.uniform(*_CROP_RATIO)
        # A crop of that share of the area and of that width / height in pixels.
        crop_w = np.sqrt(share * ratio * height / width)
        crop_h = np.sqrt(share / ratio * width / height)
        if crop_w > 1 or crop_h > 1:
            continue
        left, top = rng.uniform(0, 1 - crop_w), rng.uniform(0, 1 - crop_h)
        column, row = min(round(left * width), width - 1), min(round(top * height), height - 1)
        columns = slice(column, max(round((left + crop_w) * width), column + 1))
        rows = slice(row, max(round((top + crop_h) * height), row + 1))
        window = np.array(
            [[columns.start / width, rows.start / height, columns.stop / width, rows.stop / height]],
            np.float32,
        )
        covered = np.divide(
            intersection(sample.boxes, window)[:, 0], areas, out=np.zeros_like(areas), where=areas > 0
        )
        kept = (covered >= least - 1e-6) & (covered > 1e-4)  # less is a rounding error
        if len(areas) and not (kept & ~sample.crowd).any():
            continue
        origin, size = window[0, :2], window[0, 2:] - window[0, :2]
        boxes = clip(((sample.boxes - np.tile(origin, 2)) / np.tile(size, 2)).astype(np.float32), 1, 1)
        return sample.keep(kept, boxes, sample.image[rows, columns])
    return sample


def sample_expansion(sample: LabelledImage, rng: np.random.Generator, *, largest: float) -> LabelledImage:
    """The image somewhere on a grey ground up to ``largest`` times as wide and high: objects get smaller.

    Source: Liu et al., SSD, 2016, section 3.6, "zoom out".
    """
    factor = rng.uniform(1, largest)
    height, width = sample.image.shape[:2]
    canvas_h, canvas_w = round(height * factor), round(width * factor)
    top, left = rng.integers(0, canvas_h - height + 1), rng.integers(0, canvas_w - width + 1)
    canvas = np.full((canvas_h, canvas_w, 3), 127, np.uint8)
    canvas[top : top + height, left : left + width] = sample.image
    pixels = sample.boxes * np.array([width, height] * 2, np.float32) + np.array([left, top] * 2, np.float32)
    return replace(
        sample, image=canvas, boxes=(pixels / np.array([canvas_w, canvas_h] * 2)).astype(np.float32)
    )


def sample_colours(image: Image, rng: np.random.Generator, *, strength: float) -> Image:
    """The image with brightness, contrast, saturation and hue changed, each with probability one half.

    At strength 1: brightness +-32, contrast and saturation .5 to 1.5, hue +-18 degrees, as in today's
    reimplementations of SSD.

    Source: Liu et al., SSD, 2016, section 2.2 (after Howard, 2013).
    """
    image = _sample_contrast(image, rng, strength)
    saturation = rng.uniform(1 - 0.5 * strength, 1 + 0.5 * strength) if rng.random() < 0.5 else 1.0
    hue = round(rng.uniform(-9, 9) * strength) if rng.random() < 0.5 else 0  # OpenCV's unit is two degrees
    if saturation == 1 and hue == 0:
        return image
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    levels = np.arange(256)
    tables = np.stack([(levels + hue) % 180, np.clip(levels * saturation, 0, 255), levels], axis=1).astype(
        np.uint8
    )
    return np.asarray(cv2.cvtColor(cv2.LUT(hsv, tables[:, None]), cv2.COLOR_HSV2BGR), np.uint8)


def _sample_contrast(image: Image, rng: np.random.Generator, strength: float) -> Image:
    brightness = rng.uniform(-32, 32) * strength if rng.random() < 0.5 else 0.0
    contrast = rng.uniform(1 - 0.5 * strength, 1 + 0.5 * strength) if rng.random() < 0.5 else 1.0
    if brightness == 0 and contrast == 1:
        return image
    levels = np.clip(np.arange(256) * contrast + brightness, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, levels), np.uint8)
