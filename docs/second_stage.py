"""Makes docs/second_stage.jpg: ``uv run docs/second_stage.py mobilenet_v2-b0353104.pth``.

The file is torchvision's MobileNetV2, with ImageNet's classes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from detector import Classifier, Detector, SecondStage, draw_detections, load_image
from detector.data.sample import SAMPLE_FOLDER

HEIGHT = 300  # pixels of each photograph
CLASSES = {"chelsea.jpg": "cat", "coffee.jpg": "cup"}


def main(weights: str) -> None:
    """Write the photographs of a cat and of a cup, each with the detector's name and with the finer one."""
    detector = Detector.load(score_threshold=0.5)
    classifier = Classifier.load(weights)
    stage = SecondStage(detector, dict.fromkeys(CLASSES.values(), classifier))
    panels = []
    for file, name in CLASSES.items():
        photo = load_image(SAMPLE_FOLDER / file)
        photo = np.asarray(
            cv2.resize(photo, (round(photo.shape[1] * HEIGHT / photo.shape[0]), HEIGHT)), np.uint8
        )
        found = detector.detect(photo)
        found = found[np.array(found.names) == name]
        panels += [draw_detections(photo, found), draw_detections(photo, stage.add_kinds(photo, found))]
    target = Path(__file__).with_name("second_stage.jpg")
    cv2.imwrite(str(target), cv2.hconcat(panels), [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main(sys.argv[1])
