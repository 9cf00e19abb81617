"""Which images are clean, and parts that are like the whole."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from detector.data.coco_part import fixed_part
from detector.data.dataset import Dataset, DatasetImage
from detector.data.minival import clean_images
from tests.data.test_coco_part import CLEAN, OTHERS, name_of


@pytest.mark.parametrize(
    ("name", "id_", "clean"),
    [
        (name_of(CLEAN[0]), CLEAN[0], True),
        (f"COCO_val2014_{name_of(CLEAN[0])}", CLEAN[0], True),
        (name_of(OTHERS[0]), OTHERS[0], False),
        (name_of(CLEAN[0]), CLEAN[1], False),  # numbered anew
        (name_of(OTHERS[0]), CLEAN[0], False),
        ("photo.jpg", CLEAN[0], False),
    ],
)
def test_an_image_is_clean_where_name_and_id_say_so(name: str, id_: int, clean: bool) -> None:
    dataset = Dataset(Path("a.json"), (DatasetImage(id_, Path(name), None),), (), {}, "val2017")
    assert clean_images(dataset) == [id_] * clean


@pytest.fixture(scope="module")
def many() -> dict[int, list[int]]:
    """Categories of the objects of 2,000 images: 40 classes, from common to rare, in scenes."""
    rng = random.Random(0)
    images = {}
    for number in range(2000):
        scene = rng.sample(range(40), 6)
        weights = [1 / (1 + each) for each in scene]
        count = min(40, int(rng.expovariate(1 / 6)))
        images[number * 7] = rng.choices(scene, weights, k=count)
    return images


@pytest.mark.parametrize("count", [50, 100, 400])
def test_a_part_is_like_the_whole(many: dict[int, list[int]], count: int) -> None:
    part = fixed_part(many, count)
    assert len(part) == count
    assert {each for image in part for each in many[image]} == set(range(40))
    whole = sum(map(len, many.values())) / len(many)
    assert sum(len(many[image]) for image in part) / count == pytest.approx(whole, rel=0.1)
    shares = Counter(each for objects in many.values() for each in set(objects))
    taken = Counter(each for image in part for each in set(many[image]))
    for each, images in shares.items():
        assert taken[each] / count == pytest.approx(images / len(many), abs=0.1)


def test_a_part_depends_on_nothing_but_the_images(many: dict[int, list[int]]) -> None:
    items = list(many.items())
    random.Random(1).shuffle(items)
    assert fixed_part(dict(items), 60) == fixed_part(many, 60)


def test_a_part_is_the_same_tomorrow() -> None:
    assert fixed_part({number: [number % 3] * (number % 4) for number in range(30)}, 6) == {
        *(8, 9, 10, 11, 13, 23)
    }
