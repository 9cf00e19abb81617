"""Labels that are wrong, found on made-up boxes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from detector.checks.wrong_labels import KINDS, Suspect, find_suspects, shortlist
from detector.evaluation.matching import Scene
from tests.checks.made_up_scenes import SIDE, Maker, Row, Scored, scene

Image = tuple[list[Row], list[Scored]]
IMAGES = 60
FAULTY = 12  # the first of them have one fault each


def forget(image: Image) -> Image:
    labels, found = image
    return labels[1:], found


def misplace(image: Image) -> Image:
    (x, y, width, height, class_), *others = image[0]
    return [(x + 0.25 * width, y - 0.1 * height, 1.2 * width, height, class_), *others], image[1]


def swap(image: Image) -> Image:
    (*box, class_), *others = image[0]
    return [(*box, class_ % 3 + 1), *others], image[1]  # type: ignore[list-item]


def make_up(image: Image) -> Image:
    return [(20.0, 20.0, 90.0, 90.0, 1), *image[0]], image[1]


def build(images: list[Image]) -> list[Scene]:
    return [scene(*image) for image in images]


def of_kind(suspects: list[Suspect], kind: str) -> list[Suspect]:
    return [each for each in suspects if each.kind == kind]


FAULTS: dict[str, Callable[[Image], Image]] = {
    "forgotten": forget,
    "badly placed": misplace,
    "swapped": swap,
    "unsupported": make_up,
}


def first_of(kind: str, images: list[Image], count: int = FAULTY) -> list[Suspect]:
    return of_kind(find_suspects(build(images)), kind)[:count]


def spoil(images: list[Image], kind: str) -> list[Image]:
    return [FAULTS[kind](image) if number < FAULTY else image for number, image in enumerate(images)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_is_among_the_first_of_its_kind(kind: str, seed: int) -> None:
    # All objects are detected: of one that is missed nothing can be known.
    first = first_of(kind, spoil(Maker(seed, missed=0).images(IMAGES), kind))
    assert len({each.scene for each in first if each.scene < FAULTY}) >= 0.75 * FAULTY
    assert all((each.label is None) == (kind == "forgotten") for each in first)
    assert all((each.detection is None) == (kind == "unsupported") for each in first)
    assert [each.sure for each in first] == sorted((each.sure for each in first), reverse=True)


@pytest.mark.parametrize("seed", range(3))
def test_sound_labels_are_not_suspected_with_confidence(seed: int) -> None:
    suspects = find_suspects(build(Maker(seed).images(IMAGES)))
    assert suspects
    # Unsupported are those that the detector misses, which nothing tells from labels that are made up.
    assert sum(each.sure > 0.9 for each in suspects if each.kind != "unsupported") <= 3


def test_one_class_cannot_be_swapped() -> None:
    suspects = find_suspects(build(Maker(classes=1).images(IMAGES)))
    assert not of_kind(suspects, "swapped")


def test_nothing_is_made_of_nothing() -> None:
    assert find_suspects([]) == []
    assert find_suspects([scene([], [])]) == []
    # One label, or one detection, and nothing to compare it with: no confidence.
    for one in (scene([(9, 9, 50, 50, 1)], []), scene([], [(9, 9, 50, 50, 1, 0.6)])):
        assert all(each.sure <= 0.6 for each in find_suspects([one]))


def test_crowds_are_not_judged_and_excuse_what_is_found_in_them() -> None:
    images = Maker(missed=0).images(IMAGES)
    where: list[Row] = [(0, 0, SIDE, SIDE, class_) for class_ in (1, 2, 3)]
    crowd = [scene([*where, *labels[1:]], found, crowd=range(3)) for labels, found in images[:FAULTY]]
    suspects = find_suspects([*crowd, *build(images[FAULTY:])])
    first = of_kind(suspects, "forgotten")[:FAULTY]
    assert not [each for each in first if each.scene < FAULTY and each.sure > 0.5]
    assert not [each for each in suspects if each.scene < FAULTY and each.label in range(3)]


def test_parts_of_objects_are_not_forgotten_objects() -> None:
    # Heads of labelled animals, as a second detection of a good score: usual here, so they are not trusted.
    images = [
        (
            labels,
            [
                *found,
                *((x, y, 0.5 * width, 0.4 * height, class_, 0.7) for x, y, width, height, class_ in labels),
            ],
        )
        for labels, found in Maker(missed=0).images(IMAGES)
    ]
    images = spoil(images, "forgotten")
    first = first_of("forgotten", images)
    scenes = build(images)
    right = [
        each
        for each in first
        if each.scene < FAULTY and scenes[each.scene].scores[each.detection or 0] != 0.7
    ]
    assert len(right) >= 0.75 * FAULTY


@pytest.mark.parametrize(("noise", "suspected"), [(0.02, True), (0.12, False)])
def test_how_far_a_box_may_be_off_is_a_matter_of_the_dataset(noise: float, suspected: bool) -> None:
    images = Maker(noise=noise, missed=0).images(IMAGES)
    (x, y, width, height, class_), *others = images[0][0]
    images[0] = ([(x + 0.12 * width, y, width, height, class_), *others], images[0][1])
    first = first_of("badly placed", images, 3)
    assert any(each.scene == 0 and each.label == 0 and each.sure > 0.6 for each in first) is suspected


def test_a_margin_that_all_labels_have_is_no_fault() -> None:
    def widen(row: Row) -> Row:
        x, y, width, height, class_ = row
        return x - 0.1 * width, y - 0.1 * height, 1.2 * width, 1.2 * height, class_

    images = [([widen(row) for row in labels], found) for labels, found in Maker(missed=0).images(IMAGES)]
    plain, wide = (
        [each.sure for each in of_kind(find_suspects(build(some)), "badly placed")]
        for some in (Maker(missed=0).images(IMAGES), images)
    )
    assert abs(sum(sure > 0.5 for sure in plain) - sum(sure > 0.5 for sure in wide)) <= 5


def test_classes_that_the_model_confuses_are_suspected_less() -> None:
    # Every third object of class 1 is found as 2, and nothing else is ever confused.
    maker = Maker(missed=0)
    images = []
    for number, (labels, found) in enumerate(maker.images(IMAGES)):
        taken = [(*row[:4], 2, row[5]) if row[4] == 1 and number % 3 == 0 else row for row in found]
        images.append((labels, taken))
    suspects = of_kind(find_suspects(build(images)), "swapped")
    assert suspects
    clear = first_of("swapped", spoil(maker.images(IMAGES), "swapped"))
    assert max(each.sure for each in suspects) < max(each.sure for each in clear)


def test_a_class_that_is_hardly_ever_found_is_not_unsupported() -> None:
    images = [
        (labels, [row for row in found if row[4] != 1]) for labels, found in Maker(missed=0).images(IMAGES)
    ]
    scenes = build(images)
    suspects = [each for each in of_kind(find_suspects(scenes), "unsupported") if each.sure > 0.5]
    assert not [each for each in suspects if scenes[each.scene].object_classes[each.label or 0] == 1]


def test_the_short_list_has_the_likely_ones_of_each_kind_and_no_more_than_asked_for() -> None:
    suspects = find_suspects(build(spoil(Maker().images(IMAGES), "swapped")))
    short = shortlist(suspects, 5)
    assert all(each.sure >= 0.5 for each in short)
    assert len(of_kind(short, "swapped")) == 5
    assert short == [each for each in suspects if each in short]
