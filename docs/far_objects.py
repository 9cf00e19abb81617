"""Makes docs/far_objects.jpg, the README's picture of far objects.

``uv run docs/far_objects.py coco/val2017/000000183709.jpg``: above what the released weights find in that
photograph at their own size, below at two sizes with voting. A part of it is shown, magnified, with what only
the two sizes find in orange.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from detector import Detections, Detector, load_image
from detector.boxes import intersection_over_union
from detector.images import Image

PART = slice(180, 305)  # rows of the photograph
FACTOR = 2.5
KNOWN, NEW, WHITE = (80, 220, 90), (0, 140, 255), (255, 255, 255)  # BGR
SAME_IOU = 0.5


def draw(photo: Image, found: Detections, known: Detections, title: str) -> Image:
    """The part of the photograph with its boxes; those that are not known yet stand out."""
    picture = cv2.resize(photo[PART], None, fx=FACTOR, fy=FACTOR, interpolation=cv2.INTER_CUBIC)
    overlaps = intersection_over_union(found.boxes, known.boxes) * (found.labels[:, None] == known.labels)
    for box, overlap in zip(found.boxes, overlaps, strict=True):
        x1, y1, x2, y2 = ((box - [0, PART.start, 0, PART.start]) * FACTOR).round().astype(int).tolist()
        cv2.rectangle(picture, (x1, y1), (x2, y2), KNOWN if overlap.max() > SAME_IOU else NEW, 2, cv2.LINE_AA)
    bar = np.full((34, picture.shape[1], 3), 30, np.uint8)
    cv2.putText(bar, title, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.65, WHITE, 1, cv2.LINE_AA)
    return np.vstack([bar, picture])


def main() -> None:
    photo = load_image(Path(sys.argv[1]))
    own, accurate = (Detector.load(accurate=accurate).detect(photo) for accurate in (False, True))
    for each in (own, accurate):
        print(len(each), {name: each.names.count(name) for name in dict.fromkeys(each.names)})
    pictures = [
        draw(photo, own, own, f"300 x 300, as released: {len(own)} objects in the whole photograph"),
        draw(photo, accurate, own, f"--accurate, 300 and 512 together: {len(accurate)} objects"),
    ]
    target = Path(__file__).with_name("far_objects.jpg")
    cv2.imwrite(str(target), np.vstack(pictures), [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main()
