"""Each image of a contact sheet stands under the name of its file."""

import cv2
import numpy as np

from detector.data.contact_sheet import _CAPTION, _CELL_WH, draw_contact_sheet
from detector.data.dataset import Dataset, DatasetImage


def sheet_of(tmp_path, names):
    images = []
    for number, name in enumerate(names):
        cv2.imwrite(str(tmp_path / name), np.full((48, 64, 3), 100, np.uint8))
        images.append(DatasetImage(number, tmp_path / name, (64, 48)))
    dataset = Dataset(tmp_path, tuple(images), (), {1: "cat"}, "train")
    return draw_contact_sheet(dataset, images)


def captions(sheet):
    height = _CAPTION + _CELL_WH[1]
    return [
        sheet[top : top + _CAPTION, left : left + _CELL_WH[0]]
        for top in range(0, sheet.shape[0], height)
        for left in range(0, sheet.shape[1], _CELL_WH[0])
    ]


def test_every_image_has_its_name_above_it(tmp_path):
    sheet = sheet_of(tmp_path, [f"{number}.png" for number in range(6)])
    assert sheet.shape == (2 * (_CAPTION + _CELL_WH[1]), 4 * _CELL_WH[0], 3)
    strips = captions(sheet)
    assert [bool(strip.max() > 200) for strip in strips] == [True] * 6 + [False] * 2
    assert len({strip.tobytes() for strip in strips}) == 7
    for top in (0, _CAPTION + _CELL_WH[1]):  # the images are whole
        cell = sheet[top + _CAPTION : top + _CAPTION + _CELL_WH[1], : _CELL_WH[0]]
        assert (cell[2:-2, 2:-2] == 100).mean() > 0.98


def test_long_names_end_before_the_next_one_begins_and_differ_at_either_end(tmp_path):
    middle = "a name that goes on and on " * 6
    strips = captions(sheet_of(tmp_path, [f"1 {middle} 1.png", f"2 {middle} 1.png", f"1 {middle} 2.png"]))
    assert len({strip.tobytes() for strip in strips}) == 3
    assert all(strip[:, -4:].max() < 50 for strip in strips)
