"""How bright images are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from detector.data.dataset import DatasetImage, load_image_bytes
from detector.errors import DetectorError
from detector.image_header import read_header
from detector.system.parallel import map_threads


def measure_brightness(images: Sequence[DatasetImage]) -> dict[int, float]:
    """Mean grey level in [0, 255] by image id; without the images that cannot be read."""
    values = map_threads(_brightness, images, desc="brightness", unit="image")
    return {image.id: value for image, value in zip(images, values, strict=True) if value is not None}


def _brightness(image: DatasetImage) -> float | None:
    try:
        data = load_image_bytes(image)
        read_header(data, image.name)
        grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
    except (DetectorError, cv2.error):
        return None
    return None if grey is None else float(np.mean(grey))
