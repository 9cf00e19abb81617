"""The recipes beside the default: what each changes is what it says, and nothing else."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from detector.box_coder import decode as decode_numpy
from detector.boxes import clip, intersection_over_union
from detector.data.folder import load_labelled_folder
from detector.spec import ModelSpec
from detector.training.augmentation import LabelledImage
from detector.training.config import AugmentationConfig
from detector.training.features import FeatureSource, Pool
from detector.training.samples import SampleSource
from detector.training.targets import match_anchors
from studies.recipe_pictures import Balanced, Features, join_corners, match_top, paste, repeat_factors
from studies.recipe_results import BASELINE, Run, differences, table
from tests.data.labelled import Photo, write_voc

tf = pytest.importorskip("tensorflow")
pytest.importorskip("official.core.base_trainer")

SCALES = (10.0, 10.0, 5.0, 5.0)
B, A, K = 2, 60, 3


def boxes_of(rng: np.random.Generator, count: int, side: float = 0.3) -> np.ndarray:
    corner = rng.uniform(0, 1 - side, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(side / 3, side, (count, 2))], axis=1).astype(
        np.float32
    )


@pytest.fixture
def answers() -> object:
    from studies.recipe_losses import Answers, decode

    rng = np.random.default_rng(0)
    classes = rng.choice([-1, 0, 0, 0, 0, 1, 2, 3], (B, A)).astype(np.int32)
    anchors = boxes_of(rng, A)
    to_boxes = functools.partial(decode, anchors=anchors, scales=SCALES)
    encodings, wanted = (rng.normal(0, 2, (B, A, 4)).astype(np.float32) for _ in range(2))
    logits = rng.normal(-2, 2, (B, A, K + 1)).astype(np.float32)
    assert to_boxes(encodings).numpy() == pytest.approx(
        np.stack([decode_numpy(each, anchors, scales=SCALES) for each in encodings]), abs=1e-5
    )
    return Answers(tf.constant(logits), tf.constant(classes), to_boxes(encodings), to_boxes(wanted))


def hard_negatives(answers) -> float:  # type: ignore[no-untyped-def]
    from detector.training.losses import sum_losses

    boxes = tf.zeros((B, A, 4))
    return float(
        sum_losses(boxes, answers.logits, boxes, answers.classes, class_loss="hard_negatives").classification
    )


def test_without_their_change_losses_are_those_of_the_product(answers) -> None:  # type: ignore[no-untyped-def]
    from studies.recipe_losses import smoothed, suppressed

    assert float(smoothed(0.0)(answers)) == pytest.approx(hard_negatives(answers), rel=1e-5)
    assert float(suppressed(1.0)(answers)) == pytest.approx(hard_negatives(answers), rel=1e-5)
    assert float(suppressed(0.1)(answers)) < 0.99 * hard_negatives(answers)
    assert float(smoothed(0.1)(answers)) != pytest.approx(hard_negatives(answers), rel=1e-2)


def test_losses_over_all_anchors(answers) -> None:  # type: ignore[no-untyped-def]
    from studies.recipe_losses import focal, quality_focal

    logits, classes = answers.logits.numpy().astype(float), answers.classes.numpy()
    predicted, truth = answers.boxes.numpy(), answers.truth.numpy()
    sums = np.zeros(2)
    for image, anchor in np.argwhere(classes >= 0):
        box, own = (each[image, anchor][None] for each in (predicted, truth))
        iou = float(intersection_over_union(box, own)[0, 0])
        for column in range(1, K + 1):
            score = 1 / (1 + np.exp(-logits[image, anchor, column]))
            on = classes[image, anchor] == column

            def cross(target: float, score: float = score) -> float:
                return float(-target * np.log(score) - (1 - target) * np.log(1 - score))

            sums[0] += cross(1) * 0.25 * (1 - score) ** 2 if on else cross(0) * 0.75 * score**2
            sums[1] += cross(iou if on else 0) * abs((iou if on else 0) - score) ** 2
    found = [float(loss(2.0)(answers)) for loss in (focal, quality_focal)]
    assert found == pytest.approx(2 * sums, rel=1e-4)


def test_losses_of_boxes(answers) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    from studies.recipe_losses import Answers, overlap_loss

    kinds = ("giou", "diou", "ciou")
    same = replace(answers, boxes=answers.truth)
    assert [float(overlap_loss(kind, 5.0)(same)) for kind in kinds] == pytest.approx([0, 0, 0], abs=1e-2)
    # Two unit squares, three apart: hull 4 x 1, no overlap, centres 3 apart, diagonal of the hull 17.
    pair = Answers(
        tf.zeros((1, 1, 2)),
        tf.ones((1, 1), tf.int32),
        tf.constant([[[0.0, 0, 1, 1]]]),
        tf.constant([[[3.0, 0, 4, 1]]]),
    )
    found = [float(overlap_loss(kind, 2.0)(pair)) for kind in kinds]
    assert found == pytest.approx([2 * (1 + 2 / 4), 2 * (1 + 9 / 17), 2 * (1 + 9 / 17)], rel=1e-4)
    wide = replace(pair, boxes=tf.constant([[[0.0, 0, 4, 1]]]), truth=tf.constant([[[1.5, -1.5, 2.5, 2.5]]]))
    assert float(overlap_loss("ciou", 1.0)(wide)) > float(overlap_loss("diou", 1.0)(wide))


def test_objects_keep_the_anchors_that_answer_best() -> None:
    from studies.recipe_losses import Answers, own_choice

    rng = np.random.default_rng(2)
    objects = np.array([[0.1, 0.1, 0.5, 0.5], [0.5, 0.4, 0.9, 0.9]], np.float32)
    of = rng.choice([-1, 0, 1], A, p=[0.4, 0.3, 0.3])
    truth = np.where(of[:, None] < 0, boxes_of(rng, A), objects[of]).astype(np.float32)
    predicted = (truth + rng.normal(0, 0.06, (A, 4))).astype(np.float32)
    classes = np.where(of < 0, rng.choice([-1, 0], A), of + 2).astype(np.int32)
    logits = rng.normal(-1, 2, (A, K + 1)).astype(np.float32)
    found = own_choice(Answers(*(tf.constant(each[None]) for each in (logits, classes, predicted, truth))))[0]
    expected = np.where(of < 0, classes, 0)
    for number, box in enumerate(objects):
        own = np.flatnonzero(of == number)
        overlaps = intersection_over_union(predicted[own], box[None])[:, 0]
        scores = 1 / (1 + np.exp(-logits[own, 1:].astype(float)))
        labels = np.eye(K)[number + 1]
        costs = -(labels * np.log(scores) + (1 - labels) * np.log(1 - scores)).sum(1) - 3 * np.log(overlaps)
        most = int(np.sort(overlaps)[-10:].sum())
        assert 2 < most < len(own)
        expected[own[np.argsort(costs)[:most]]] = number + 2
    assert found.numpy().tolist() == expected.tolist()


def test_assignments() -> None:
    rng = np.random.default_rng(1)
    anchors, objects = boxes_of(rng, 200), boxes_of(rng, 6)
    overlaps = intersection_over_union(objects, anchors)
    nine = match_top(anchors, objects, iou_threshold=0.5, fixed=9)
    counts = np.bincount(nine[nine >= 0], minlength=6)
    assert (counts <= 9 + 1).all()
    assert counts.sum() > 6 * 6
    first = int(np.flatnonzero(counts == 9)[0])
    assert set(np.flatnonzero(nine == first)) == set(np.argsort(-overlaps[first])[:9])
    some = match_top(anchors, objects, iou_threshold=0.5, fixed=None)
    most = np.maximum(1, np.sort(overlaps, axis=1)[:, -10:].sum(axis=1).astype(int))
    assert (np.bincount(some[some >= 0], minlength=6) <= most + 1).all()
    best = match_anchors(anchors, objects, iou_threshold=2.0)
    assert ((some == best) | (best < 0)).all()
    assert (match_top(anchors, objects[:0], iou_threshold=0.5, fixed=9) == -1).all()


def picture(colour: int, box: list[float], label: int) -> LabelledImage:
    """Grey with a rectangle of a colour."""
    image = np.full((100, 200, 3), 127, np.uint8)
    left, top, right, bottom = np.round(np.array(box) * [200, 100, 200, 100]).astype(int)
    image[top:bottom, left:right] = colour
    return LabelledImage(image, np.array([box], np.float32), np.array([label]), np.array([False]))


def colours_in(sample: LabelledImage) -> list[int]:
    """The colour in the middle of each box."""
    height, width = sample.image.shape[:2]
    middles = (sample.boxes[:, :2] + sample.boxes[:, 2:]) / 2 * [width, height]
    return [int(sample.image[int(y), int(x), 0]) for x, y in middles]


def test_boxes_go_with_the_pictures_that_are_joined() -> None:
    parts = [picture(40 * n, [0.1, 0.2, 0.6, 0.9], n) for n in range(1, 5)]
    joined = join_corners(parts, np.array([0.4, 0.55], np.float32), 400)
    assert joined.labels.tolist() == [1, 2, 3, 4]
    assert colours_in(joined) == [40, 80, 120, 160]
    assert joined.boxes[3] == pytest.approx([0.46, 0.64, 0.76, 0.955], abs=0.01)


def test_pasted_objects_hide_little() -> None:
    sample, other = picture(40, [0.0, 0.0, 0.4, 0.5], 1), picture(200, [0.1, 0.1, 0.9, 0.7], 2)
    pasted = [paste(sample, other, 0, np.random.default_rng(seed)) for seed in range(20)]
    there = [each for each in pasted if len(each.labels) == 2]
    assert len(there) > 10
    for each in there:
        assert each.labels.tolist() == [1, 2]
        assert colours_in(each)[1] == 200
        assert (each.boxes[1, 2:] - each.boxes[1, :2]).max() <= 0.51
        assert np.array_equal(clip(each.boxes, 1, 1), each.boxes)
    full = picture(40, [0.0, 0.0, 1.0, 1.0], 1)
    assert len(paste(full, other, 0, np.random.default_rng(0)).labels) == 2 - 1
    assert (sample.image == picture(40, [0.0, 0.0, 0.4, 0.5], 1).image).all()


def test_rare_classes_are_shown_more_often(tmp_path: Path) -> None:
    assert repeat_factors([np.array([0]), np.array([0, 1]), np.array([0, 0]), np.array([0])]).tolist() == [
        1,
        2,
        1,
        1,
    ]
    folder = load_labelled_folder(write_voc(tmp_path, [Photo(f"{n}.jpg") for n in range(12)]))
    spec = ModelSpec("test", folder.classes, input_hw=(64, 64))
    plain = AugmentationConfig(flip=0, crop=0, colours=0)
    source = Balanced(folder.train, spec, plain, iou_threshold=0.5, seed=0, cache_bytes=0)
    number = len(folder.train.images)
    shown = [source.image_index(n) for n in range(3 * number)]
    assert set(shown) == set(range(number))
    assert shown == [source.image_index(n) for n in range(3 * number)]


def test_shared_features_are_those_of_the_product(tmp_path: Path) -> None:

    folder = load_labelled_folder(write_voc(tmp_path, [Photo(f"{n}.jpg", look=n) for n in range(10)]))
    spec = ModelSpec("test", folder.classes, input_hw=(64, 64))
    changed = AugmentationConfig(flip=0.5, crop=1.0, colours=1.0)
    pictures = SampleSource(folder.train, spec, changed, iou_threshold=0.5, seed=0, cache_bytes=0)
    own, *others = (
        kind(pictures, spec, "block_13_expand", Pool(2, True), seed=1, cache_bytes=1 << 20)
        for kind in (FeatureSource, Features, Features)
    )
    known: dict[tuple[int, int], object] = {}
    for source in (own, *others):
        source._frozen = lambda image: (image[::8, ::8].astype(np.float32),)
        source.known, source.targets = known, {}
    assert own.dataset is others[0].dataset
    for number in range(8 * len(folder.train.images)):
        expected = own(number)
        for found in (other(number) for other in others):
            assert found.index == expected.index
            assert np.array_equal(found.inputs[0], expected.inputs[0])
            assert np.array_equal(found.targets.boxes, expected.targets.boxes)
            assert np.array_equal(found.targets.classes, expected.targets.classes)
    assert len(known) > 2 * len(folder.train.images)


def test_table() -> None:
    def run(dataset: str, seed: int, recipe: str, ap: float) -> Run:
        return Run(dataset=dataset, seed=seed, recipe=recipe, AP=ap, AP50=0, AP75=0, seconds=1)

    each = [run(d, seed, BASELINE, 50 + 10 * seed) for d in ("ants", "bees") for seed in (0, 1)]
    each += [run("ants", 0, "other", 51), run("ants", 1, "other", 63), run("bees", 0, "other", 52)]
    runs = {(one["dataset"], one["seed"], one["recipe"]): one for one in each}
    assert differences(runs, "other") == {("ants", 0): 1, ("ants", 1): 3, ("bees", 0): 2}
    first, _, default, other, chance = table(runs)
    assert first.startswith("| | ants | bees | all ")
    assert default == "| AP of SSD's losses | 55.0 | 55.0 | 55.0 | | 4 |"
    # Of 1, 3 and 2: deviation 1, by the root of 3, times 4.303.
    assert other == "| other | +2.0 | +2.0 | +2.0 | -0.5 to +4.5 | 3 |"
    assert chance.startswith("| chance of a mean over 2 seeds | +-2.0 | ")  # 1.96 * sqrt(2 / 1 / 2)
