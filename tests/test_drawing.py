import numpy as np
import pytest

from detector.detections import Detections, draw_detections
from detector.drawing import class_colour


@pytest.mark.parametrize("size_hw", [(480, 640), (40, 30), (3000, 4000)])
def test_boxes_and_labels_are_drawn_inside_the_image(size_hw):
    height, width = size_hw
    image = np.zeros((height, width, 3), np.uint8)
    box = np.array([[0.5 * width, 0.5 * height, width, height], [0, 0, width / 4, height / 4]], np.float32)
    detections = Detections(box, np.array([0.9, 0.8], np.float32), np.array([0, 1]), ("dog", "cat"))
    drawn = draw_detections(image, detections)
    assert not image.any()
    assert drawn.shape == image.shape
    pixels = drawn.reshape(-1, 3)[:: max(1, width // 640)]
    for name in ("dog", "cat"):
        assert (pixels == class_colour(name)).all(axis=1).any()


def test_colours_are_stable_and_differ():
    assert class_colour("dog") == class_colour("dog")
    assert class_colour("dog") != class_colour("cat")
