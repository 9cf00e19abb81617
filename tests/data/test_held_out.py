"""Holding images out where no split is given."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.data.duplicates import ImageFacts
from detector.data.findings import FindingLog
from detector.data.held_out import choose_held_out, hold_out


def names_of(groups: list[list[int]]) -> dict[int, str]:
    return {image: f"{image}.jpg" for group in groups for image in group}


@pytest.mark.parametrize(("images", "held"), [(2, 1), (5, 1), (10, 2), (23, 5), (100, 20), (20_000, 2000)])
def test_how_many_are_held_out(images: int, held: int) -> None:
    groups = [[image] for image in range(images)]
    chosen = hold_out(groups, {image: Counter([1]) for image in range(images)}, names_of(groups), 0)
    assert len(chosen) == held
    assert chosen == hold_out(
        groups[::-1], {image: Counter([1]) for image in range(images)}, names_of(groups), 0
    )


def test_every_seed_holds_out_others() -> None:
    groups = [[image] for image in range(50)]
    classes = {image: Counter([1]) for image in range(50)}
    chosen = {frozenset(hold_out(groups, classes, names_of(groups), seed)) for seed in range(20)}
    assert len(chosen) == 20
    assert set().union(*chosen) == set(range(50))


@pytest.mark.parametrize("seed", range(10))
def test_groups_stay_whole_and_classes_stay_in_training(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [[10 * group + image for image in range(rng.integers(1, 5))] for group in range(40)]
    images = [image for group in groups for image in group]
    # Class 1 is everywhere, 2 to 6 are in two groups each, 7 in one.
    classes = {image: Counter([1]) for image in images}
    rare = rng.permutation(len(groups))
    for number, group in enumerate(rare[:11]):
        for image in groups[group]:
            classes[image] = {1, 2 + number // 2}
    chosen = hold_out(groups, classes, names_of(groups), seed)
    assert all(len(chosen.intersection(group)) in (0, len(group)) for group in groups)
    assert 0.15 * len(images) < len(chosen) <= round(0.2 * len(images))
    trained = set().union(*(classes[image] for image in images if image not in chosen))
    assert trained == {1, 2, 3, 4, 5, 6, 7}
    assert set().union(*(classes[image] for image in chosen)) >= {1, 2, 3, 4}


def test_groups_that_are_all_too_large() -> None:
    groups = [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]]
    assert hold_out(groups, {image: Counter() for image in range(10)}, names_of(groups), 0) == {6, 7, 8, 9}


def paths_and_facts(groups: list[int], cameras: int = 1) -> tuple[dict[int, Path], dict[int, ImageFacts]]:
    """Images in groups of look-alikes of these sizes; one camera's frames lie in one folder."""
    rng = np.random.default_rng(0)
    paths, facts = {}, {}
    for number, size in enumerate(groups):
        scene, hash_ = rng.integers(0, 256, 256).astype(np.uint8), int(rng.integers(1 << 63))
        for _ in range(size):
            image = len(paths)
            paths[image] = Path(f"camera{number % cameras}/f{image}.jpg")
            facts[image] = ImageFacts((64, 48), f"{image}".encode(), hash_, scene)
    return paths, facts


def annotated(paths: dict[int, Path], labels: dict[int, list[int]]) -> dict[int, list[dict[str, int]]]:
    return {n: [{"category_id": k, "iscrowd": 0} for k in labels.get(n, [])] for n in paths}


SCENES = {
    # groups of look-alikes, labels by image
    "6 of 60 frames, unlike each other": ([54, *[1] * 6], {n: [1] for n in range(54, 60)}),
    "6 of 60 frames, in a row": ([60], {n: [1] for n in range(30, 36)}),
    "3 of 100 frames": ([97, 1, 1, 1], {97: [1], 98: [1], 99: [1, 1]}),
    "2 of 200 frames": ([200], {10: [1], 150: [1]}),
    "half of the frames": ([80], {n: [1] for n in range(0, 80, 2)}),
    "all frames": ([50], {n: [1] * 3 for n in range(50)}),
    "two classes, one rare and in one group": ([40, 38, 2], {n: [1 + (n >= 78)] for n in range(20, 80)}),
    "rare classes in one frame each": ([90, 10], {n: [n - 89] for n in range(90, 100)} | {3: [11], 50: [11]}),
    "four cameras": ([15] * 4, {n: [1] for n in range(0, 60, 4)}),
    "four cameras, positives at one": ([15] * 4, {n: [1] for n in range(16, 26)}),
    "two cameras": ([30, 30], {n: [1 + n % 3] for n in range(0, 60, 5)}),
    "many objects in one frame": ([40, *[1] * 5], {40: [1] * 40, 41: [1], 42: [1], 43: [1], 44: [1]}),
    "no fixed camera": ([1] * 60, {n: [1] for n in range(0, 60, 10)}),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scene", SCENES)
def test_most_objects_stay_in_training_and_some_validate(scene: str, seed: int) -> None:
    sizes, labels = SCENES[scene]
    paths, facts = paths_and_facts(sizes)
    log = FindingLog()
    classes = [f"class{k}" for k in range(1, 13)]
    chosen = choose_held_out(paths, facts, annotated(paths, labels), classes, seed, log)
    held = chosen.images
    assert 0.1 * len(paths) <= len(held) <= max(0.21, 1 / 3) * len(paths)
    taken = sum(image in held for image in labels)
    assert 1 <= taken <= len(labels) / 2
    for label in {k for each in labels.values() for k in each}:
        objects = sum(each.count(label) for each in labels.values())
        assert sum(labels[n].count(label) for n in held if n in labels) <= objects / 2
    # What is divided is said, and nothing else is divided.
    starts = np.cumsum([0, *sizes])
    divided = [
        group
        for group in (range(a, b) for a, b in itertools.pairwise(starts))
        if 0 < len(held.intersection(group)) < len(group)
    ]
    said = [finding for finding in log.findings if "look-alikes divided" in finding.kind]
    assert [finding.count for finding in said] == [sum(map(len, divided))] * bool(divided)
    assert ("divided" in chosen.words) == bool(divided)
    unmeasured = {k for each in labels.values() for k in each} - {k for n in held for k in labels.get(n, [])}
    assert sum("not validated" in finding.kind for finding in log.findings) == bool(unmeasured)


def test_a_whole_camera_is_held_out_where_that_is_fair() -> None:
    paths, facts = paths_and_facts([15] * 4)
    labels = {n: [1] for n in range(60) if n % 15 < 6}
    chosen = choose_held_out(paths, facts, annotated(paths, labels), ["cat"], 0, FindingLog())
    assert len(chosen.images) == 15
    assert len({image // 15 for image in chosen.images}) == 1
    assert chosen.words == "look-alikes kept together"


def test_groups_are_cut_into_stretches_and_equal_images_are_not_divided() -> None:
    paths, facts = paths_and_facts([100])
    for image in range(1, 100, 2):  # pairs of equal images
        facts[image] = replace(facts[image], digest=facts[image - 1].digest)
    labels = {n: [1] for n in range(100)}
    held = sorted(choose_held_out(paths, facts, annotated(paths, labels), ["cat"], 1, FindingLog()).images)
    assert len(held) == 20
    assert held == list(range(held[0], held[0] + 20))
    assert held[0] % 2 == 0


def test_images_without_objects_give_their_share() -> None:
    groups = [[image] for image in range(200)]
    objects = {image: Counter([1]) if image < 150 else Counter() for image in range(200)}
    for seed in range(5):
        chosen = hold_out(groups, objects, names_of(groups), seed)
        assert len(chosen) == 40
        assert 8 <= sum(image >= 150 for image in chosen) <= 12
