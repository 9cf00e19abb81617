from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.colours import class_colour
from detector.data.dataset import Dataset, DatasetImage
from detector.errors import ImageError
from detector.training.gallery import _CAPTION, _GAP, _LINE, _TILE_WH, draw_gallery

NAMES = {1: "person", 2: "cup"}
YELLOW = (0, 215, 255)
SIZES = ((640, 480), (90, 60), (300, 1200), (3000, 800))


def annotation(number, image_id, box, category=1, crowd=0):
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category,
        "bbox": box,
        "area": box[2] * box[3],
        "iscrowd": crowd,
    }


@pytest.fixture
def dataset(tmp_path):
    """Eight grey images, each of a brightness of its own, with one object in its middle."""
    images, annotations = [], []
    for id_ in range(1, 9):
        width, height = SIZES[id_ % 4]
        path = tmp_path / f"picture {id_}.png"
        cv2.imwrite(str(path), np.full((height, width, 3), 60 + 20 * id_, np.uint8))
        images.append(DatasetImage(id_, path, (width, height)))
        annotations.append(annotation(id_, id_, [width / 4, height / 4, width / 2, height / 2]))
    return Dataset(tmp_path, tuple(images), tuple(annotations), NAMES, "val")


def found(dataset, score=0.9, **changes):
    return [
        {"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"], "score": score}
        | changes
        for a in dataset.annotations
    ]


def draw(dataset, detections, tmp_path, **options):
    path = tmp_path / "sheets" / "gallery.jpg"
    draw_gallery(dataset, detections, path, **{"score_threshold": 0.4, **options})
    assert path.read_bytes().startswith(b"\xff\xd8")
    return cv2.imread(str(path))


def tiles(sheet):
    """The images on the sheet, without captions."""
    top = _GAP + 3 * _LINE + _GAP + _CAPTION
    rows = range(top, sheet.shape[0] - _TILE_WH[1], _TILE_WH[1] + _CAPTION + _GAP)
    columns = range(_GAP, sheet.shape[1] - _TILE_WH[0], _TILE_WH[0] + _GAP)
    return [sheet[y : y + _TILE_WH[1], x : x + _TILE_WH[0]] for y in rows for x in columns]


def count(image, colour):
    return int((np.abs(image.astype(int) - colour).max(axis=2) < 40).sum())


def shown(tile):
    """Which image a tile shows, by the brightness of its middle; 0 for an empty one."""
    middle = tile[_TILE_WH[1] // 2, _TILE_WH[0] // 2].mean()
    return max(0, round((middle - 60) / 20))


def test_all_found_is_drawn_in_the_classs_colour_and_without_a_warning(dataset, tmp_path):
    sheet = draw(dataset, found(dataset), tmp_path)
    pictures = tiles(sheet)
    assert len(pictures) == 9
    assert sorted(map(shown, pictures)) == list(range(9))
    for tile in pictures[:8]:
        assert count(tile, class_colour("person", ("person", "cup"))) > 200
        assert count(tile, YELLOW) == 0


def test_missed_objects_are_warned_of(dataset, tmp_path):
    for detections in ([], found(dataset, score=0.3), found(dataset, category_id=2)):
        for tile in tiles(draw(dataset, detections, tmp_path))[:8]:
            assert count(tile, YELLOW) > 300
            assert count(tile, class_colour("person", ("person", "cup"))) < 20  # JPEG's own


def test_the_threshold_decides(dataset, tmp_path):
    sheet = draw(dataset, found(dataset, score=0.3), tmp_path, score_threshold=0.2)
    assert all(count(tile, YELLOW) == 0 for tile in tiles(sheet))


def test_ghosts_are_told_from_what_is_found(dataset, tmp_path):
    good = tiles(draw(dataset, found(dataset), tmp_path))[0]
    both = tiles(draw(dataset, [*found(dataset), *found(dataset, score=0.8)], tmp_path))[0]
    assert np.abs(good.astype(int) - both).max() > 100  # the second of the same object is a ghost
    assert count(both, YELLOW) == 0


def test_detections_in_a_crowd_are_not_drawn_and_a_crowd_is_not_missed(dataset, tmp_path):
    crowd = replace(dataset, annotations=tuple({**a, "iscrowd": 1} for a in dataset.annotations))
    for tile in tiles(draw(crowd, found(dataset), tmp_path)):
        assert count(tile, YELLOW) == count(tile, class_colour("person", ("person", "cup"))) == 0


def test_the_worst_come_first_and_then_typical_ones(dataset, tmp_path):
    more = []
    for image_id, times in ((5, 4), (3, 2)):
        width, height = dataset.images[image_id - 1].size_wh
        more += [
            annotation(100 + image_id * 10 + n, image_id, [width * n / 8, 0, width / 10, height / 10])
            for n in range(times)
        ]
    crowded = replace(dataset, annotations=(*dataset.annotations, *more))
    pictures = tiles(draw(crowded, found(dataset), tmp_path, images=3))
    # 5 and 3 have mistakes; of the other six, without any, the one in the middle is typical.
    assert [shown(tile) for tile in pictures] == [5, 3, 4]


def test_the_same_input_gives_the_same_sheet(dataset, tmp_path):
    detections = found(dataset)[::2]
    first = draw(dataset, detections, tmp_path)
    turned = replace(dataset, images=dataset.images[::-1], annotations=dataset.annotations[::-1])
    assert (draw(turned, detections[::-1], tmp_path) == first).all()


def test_the_sheet_is_as_wide_for_one_image_and_none_need_be_annotated(dataset, tmp_path):
    one = draw(replace(dataset.select({1}), annotations=()), [], tmp_path)
    assert one.shape[1] == draw(dataset, [], tmp_path).shape[1]
    assert shown(tiles(one)[0]) == 1


def test_names_in_any_script_unknown_classes_and_boxes_that_are_none(dataset, tmp_path):
    named = replace(dataset, categories={1: "Waschbär 猫", 2: "cup"})
    nowhere = found(dataset, bbox=[float("nan"), 0, float("inf"), 1])
    sheet = draw(named, [*found(dataset), *found(dataset, category_id=99), *nowhere], tmp_path)
    assert all(count(tile, YELLOW) == 0 for tile in tiles(sheet))


def test_an_image_that_is_not_there(dataset, tmp_path):
    (tmp_path / "picture 2.png").unlink()
    with pytest.raises(ImageError, match=r"picture 2\.png"):
        draw(dataset, [], tmp_path)
    assert not Path(tmp_path / "sheets" / "gallery.jpg").exists()


def test_real_photographs(coco_sample, tmp_path):
    pictures = tiles(draw(coco_sample, found(coco_sample)[::2], tmp_path, images=6))
    assert len(pictures) == 6
    assert all(count(tile, YELLOW) > 100 for tile in pictures)
