"""Boxes that stand in rows otherwise than their format has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder, load_split
from tests.data.labelled import CLASSES, Photo, found, write_coco, write_image, write_yolo

Row = Callable[[float, float, float, float], tuple[float, float, float, float]]
OTHERWISE: dict[str, Row] = {
    "x1, y1, x2, y2": lambda x1, y1, x2, y2: (x1, y1, x2, y2),
    "the corner where the centre belongs": lambda x1, y1, x2, y2: (x1, y1, x2 - x1, y2 - y1),
}


def write_rows(root: Path, count: int, row: Row) -> list[Photo]:
    photos = [
        Photo(f"{n:02}.png", [(CLASSES[n % 3], 2.0 + n, 3.0 + n, 30.0 + 2 * n, 28.0 + n)], look=n)
        for n in range(count)
    ]
    write_yolo(root, photos)
    for photo in photos:
        name, x1, y1, x2, y2 = photo.objects[0]
        numbers = row(x1 / 64, y1 / 48, x2 / 64, y2 / 48)
        text = " ".join(map(str, (CLASSES.index(name), *numbers)))
        (root / f"labels/{photo.stem}.txt").write_text(text)
    return photos


@pytest.mark.parametrize("layout", OTHERWISE)
def test_rows_without_a_centre_are_put_right(tmp_path: Path, layout: str) -> None:
    photos = write_rows(tmp_path, 15, OTHERWISE[layout])
    folder = load_labelled_folder(tmp_path)
    assert found(folder, layout)[0] == 15
    for part in (folder.train, folder.val, load_split(tmp_path, None)):
        named = {image.id: image.path.stem for image in part.images}
        for each in part.annotations:
            _, x1, y1, x2, y2 = photos[int(named[each["image_id"]])].objects[0]
            assert each["bbox"] == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=1e-3)


def test_a_few_boxes_beyond_their_images_are_no_layout(tmp_path: Path) -> None:
    write_rows(tmp_path, 5, OTHERWISE["the corner where the centre belongs"])
    folder = load_labelled_folder(tmp_path)
    assert found(folder, "boxes that reach beyond their image, clipped")[0] > 1
    assert not any("put right" in finding.kind for finding in folder.findings)


def test_an_image_without_a_size_among_resized_ones_is_left_out(tmp_path: Path) -> None:
    write_coco(tmp_path, [Photo(f"{n}.png", look=n) for n in range(6)])
    for number in range(6):
        write_image(tmp_path / f"images/{number}.png", (128, 96), number)
    path = tmp_path / "annotations/instances.json"
    content = json.loads(path.read_text())
    del content["images"][2]["width"]
    path.write_text(json.dumps(content))
    folder = load_labelled_folder(tmp_path)
    assert found(folder, "size the labels do not give") == (1, "images/2.png")
    assert len(folder.train.images) + len(folder.val.images) == 5
