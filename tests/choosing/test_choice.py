"""The choice among pictures that were looked at, and what a model sees in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector.boxes import FloatArray
from detector.choosing.choice import MIRROR, SIZE, UNLIKE, UNSURE, choose
from detector.choosing.description import describe, standardise
from detector.choosing.looks import Look, Looker
from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from detector.runtime import Detector


def looks(count: int) -> list[Look]:
    generator = np.random.default_rng(0)
    return [Look(1, 1, 1, generator.normal(size=8).astype(np.float32)) for _ in range(count)]


@pytest.mark.parametrize(("name", "reason"), [("doubt", UNSURE), ("mirror", MIRROR), ("size", SIZE)])
def test_each_doubt_makes_a_picture_worth_it(name: str, reason: str) -> None:
    given = looks(12)
    given[7] = replace(given[7], **{name: 50.0})
    (chosen,) = choose(given, [], 1)
    assert chosen.position == 7
    assert chosen.reasons[0] == reason


def test_what_is_unlike_the_rest_is_chosen_and_says_so() -> None:
    given = looks(12)
    given[4] = replace(given[4], description=np.full(8, 30, np.float32))
    (chosen,) = choose(given, [each.description for each in given if each is not given[4]], 1)
    assert chosen.position == 4
    assert chosen.reasons == (UNLIKE,)


def test_what_looks_like_a_labelled_one_waits() -> None:
    given = looks(6)
    order = [each.position for each in choose(given, [given[2].description], 6)]
    assert order[-1] == 2
    assert sorted(order) == list(range(6))


def test_there_may_be_fewer_and_none_and_all_the_same() -> None:
    assert len(choose(looks(3), [], 9)) == 3
    assert choose([], [], 9) == []
    same = [Look(0, 0, 0, np.ones(4, np.float32))] * 3
    assert [each.position for each in choose(same, [], 2)] == [0, 1]


def test_a_description_is_the_mean_of_each_map() -> None:
    encodings = np.arange(5 * 4, dtype=np.float32).reshape(5, 4)
    logits = np.arange(5 * 2, dtype=np.float32).reshape(5, 2)
    described = describe(encodings, logits, [(2, 2), (1, 1)])  # two cells of two anchors; one of one
    both = np.concatenate([encodings, logits], axis=1)
    expected = [*(both[0] + both[2]) / 2, *(both[1] + both[3]) / 2, *both[4]]
    assert described.tolist() == pytest.approx(expected)


def test_numbers_of_any_scale_count_alike() -> None:
    plain = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    scaled = plain * np.array([1, 100, 0.01, 7], np.float32) + np.float32(3)
    constant = np.ones((50, 1), np.float32)
    one, other = standardise(plain), standardise(np.concatenate([scaled, constant], axis=1))
    assert np.allclose(one, other, atol=1e-3)
    assert standardise(np.ones((3, 4), np.float32)).shape == (3, 0)


@pytest.fixture(scope="module")
def photographs() -> list[FloatArray]:
    return [load_image(path) for path in sorted(SAMPLE_FOLDER.glob("*.jpg"))]


@pytest.mark.parametrize("classes", [None, ["cat"]])
def test_a_detector_looks_at_pictures(classes: list[str] | None, photographs: list[FloatArray]) -> None:
    detector = Detector.load(classes=classes, say=None)
    before = detector.score_threshold
    looker = Looker(detector)
    assert looker.other_hw == (384, 384)
    first, *_, last = (looker.look(photo) for photo in photographs)
    assert not np.allclose(first.description, last.description)
    again = looker.look(photographs[0])
    assert (again.doubt, again.mirror, again.size) == (first.doubt, first.mirror, first.size)
    assert (looker.describe(photographs[0]) == first.description).all()
    assert detector.score_threshold == before


def test_a_picture_and_its_mirror_image_disagree_alike(photographs: list[FloatArray]) -> None:
    looker = Looker(Detector.load(say=None))
    for photo in photographs:
        mirrored = looker.look(np.ascontiguousarray(photo[:, ::-1]))
        assert mirrored.mirror == pytest.approx(looker.look(photo).mirror, rel=0.01, abs=1e-3)
