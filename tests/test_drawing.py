import numpy as np
import pytest

from detector.colours import class_colour
from detector.detections import Detections, draw_detections
from detector.drawing import draw_text, fit_text, text_size_wh


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
        assert (pixels == class_colour(name, ("dog", "cat"))).all(axis=1).any()


def test_a_name_that_is_no_text_is_drawn_all_the_same():
    name = b"caf\xe9.jpg".decode(errors="surrogateescape")
    image = np.zeros((40, 200, 3), np.uint8)
    draw_text(image, f"{name}\n\x00", (0, 0), 14, (255, 255, 255))
    assert image.any()
    assert text_size_wh(name, 14)[0] > text_size_wh("caf.jpg", 14)[0]


@pytest.mark.parametrize("text", ["", "a", "IMG_2041.jpg", 30 * "long name " + "0007.jpg", "猫" * 40])
@pytest.mark.parametrize("width", [0, 60, 200, 10_000])
def test_a_text_that_does_not_fit_loses_its_middle(text, width):
    fitted = fit_text(text, 14, width)
    if text_size_wh(text, 14)[0] <= width or len(text) < 3:
        assert fitted == text
    else:
        start, end = fitted.split("...", 1)
        assert text.startswith(start)
        assert text.endswith(end)
        assert 0 <= len(end) - len(start) <= 1
        assert width < 60 or text_size_wh(fitted, 14)[0] <= width
