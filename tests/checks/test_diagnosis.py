"""Each mistake is put into good detections, or a good dataset, and has to be named, and nothing else."""

import json
from dataclasses import replace

import numpy as np
import pytest

from detector.checks.diagnosis import diagnose
from tests.evaluation.noisy_detections import NAMES, build_dataset, with_noise
from tests.evaluation.test_coco_metrics import as_detections

# One phrase for each finding; no other finding contains it.
PHRASES = {
    "no objects": "has no object in its",
    "broken annotations": "are broken",
    "annotated layout": "The annotated boxes of",
    "classes": "no training object has",
    "no detections": "There is no detection of its classes: the score",
    "other images": "images that are not in",
    "not finite": "no finite number",
    "coverage": "have no detection;",
    "other classes": "(--classes)",
    "scores": "below the threshold",
    "swapped": "(x and y are swapped)",
    "corners": "(corners, written as if",
    "swapped corners": "(corners with x and y swapped)",
    "converted twice": "(converted from corners, which they were not)",
    "centres": "(the centre instead of the corner)",
    "normalised": "normalised to 0 .. 1 ",
    "percent": "normalised to 0 .. 100 ",
    "input size": "in the pixels of an input of about",
    "longer side": "at its longer side",
    "constant": "scaled by the constant",
    "exchanged": "class names are exchanged",
    "mixed up": "classes are mixed up",
    "nothing": "No fault was found",
}


def named(findings):
    """The findings by name, in any order; each sentence has to be one of them."""
    assert findings
    for sentence in findings:
        assert any(phrase in sentence for phrase in PHRASES.values()), sentence
        assert sentence.endswith(".")
    return {name for name, phrase in PHRASES.items() if any(phrase in sentence for sentence in findings)}


@pytest.fixture(scope="module")
def truth():
    return build_dataset()


@pytest.fixture(scope="module")
def good(truth):
    return with_noise(truth)


def reboxed(detections, change, truth):
    sizes = {image.id: image.size_wh for image in truth.images}
    return [{**d, "bbox": [*map(float, change(*d["bbox"], *sizes[d["image_id"]]))]} for d in detections]


def renamed(detections, ids):
    return [{**d, "category_id": ids[d["category_id"]]} for d in detections]


def reannotated(dataset, change):
    sizes = {image.id: image.size_wh for image in dataset.images}
    annotations = [
        {**a, "bbox": [*map(float, change(*a["bbox"], *sizes[a["image_id"]]))]} for a in dataset.annotations
    ]
    return replace(dataset, annotations=tuple(annotations))


def test_good_detections_have_no_fault(truth, good):
    (sentence,) = diagnose(truth, good, training=build_dataset(seed=5))
    assert named([sentence]) == {"nothing"}
    assert "too few steps" in sentence


@pytest.mark.parametrize("seed", range(3))
def test_detections_that_are_just_bad_are_blamed_on_nothing_else(truth, good, seed):
    generator = np.random.default_rng(seed)
    bad = reboxed(
        good, lambda x, y, w, h, iw, ih: (*generator.uniform(0, (iw / 2, ih / 2)), iw / 3, ih / 3), truth
    )
    assert named(diagnose(truth, bad, training=truth)) == {"nothing"}


def layout_swapped(x, y, w, h, iw, ih):
    return y, x, h, w


def layout_corners(x, y, w, h, iw, ih):
    return x, y, x + w, y + h


def layout_normalised(x, y, w, h, iw, ih):
    return x / iw, y / ih, w / iw, h / ih


BOX_FAULTS = {
    "swapped": layout_swapped,
    "corners": layout_corners,
    "swapped corners": lambda x, y, w, h, iw, ih: (y, x, y + h, x + w),
    "converted twice": lambda x, y, w, h, iw, ih: (x, y, w - x, h - y),
    "centres": lambda x, y, w, h, iw, ih: (x + w / 2, y + h / 2, w, h),
    "normalised": layout_normalised,
    "percent": lambda x, y, w, h, iw, ih: (100 * x / iw, 100 * y / ih, 100 * w / iw, 100 * h / ih),
    "input size": lambda x, y, w, h, iw, ih: (x / iw * 300, y / ih * 300, w / iw * 300, h / ih * 300),
    "longer side": lambda *b: tuple(320 / max(b[4:]) * value for value in b[:4]),
    "constant": lambda x, y, w, h, iw, ih: (2 * x, 2 * y, 2 * w, 2 * h),
}


@pytest.mark.parametrize("fault", BOX_FAULTS)
def test_boxes_of_the_wrong_kind_are_named(truth, good, fault):
    assert named(diagnose(truth, reboxed(good, BOX_FAULTS[fault], truth), training=truth)) == {fault}


def test_the_evidence_is_in_numbers(truth, good):
    (sentence,) = diagnose(truth, reboxed(good, BOX_FAULTS["input size"], truth))
    assert "300 x 300" in sentence
    assert "AP50 with classes left aside rises from 0.0" in sentence
    (sentence,) = diagnose(truth, reboxed(good, BOX_FAULTS["longer side"], truth))
    assert "resized to about 320 at" in sentence
    (sentence,) = diagnose(truth, reboxed(good, BOX_FAULTS["constant"], truth))
    assert "constant 2 compared" in sentence


def test_two_faults_of_the_boxes_at_once(truth, good):
    both = reboxed(reboxed(good, layout_normalised, truth), layout_corners, truth)
    assert named(diagnose(truth, both)) == {"corners", "normalised"}


def test_boxes_and_classes_may_both_be_wrong(truth, good):
    both = renamed(reboxed(good, layout_swapped, truth), {1: 2, 2: 4, 4: 5, 5: 1})
    assert named(diagnose(truth, both)) == {"swapped", "exchanged"}


@pytest.mark.parametrize(
    ("ids", "pattern"),
    [
        ({1: 2, 2: 4, 4: 5, 5: 1}, "class names look shifted by one"),
        ({1: 5, 2: 1, 4: 2, 5: 4}, "class names look shifted by one"),
        ({1: 0, 2: 1, 4: 2, 5: 3}, "counted from 0"),
        ({1: 17, 2: 18, 4: 19, 5: 20}, "exchanged:"),
        ({1: 4, 2: 5, 4: 2, 5: 1}, "exchanged:"),
    ],
)
def test_exchanged_classes_are_named(truth, good, ids, pattern):
    findings = diagnose(truth, renamed(good, ids), training=truth)
    assert named(findings) == {"exchanged"}
    assert pattern in findings[0]
    claimed = {f"{NAMES[true]!r} objects found" for true in NAMES}
    assert any(claim in findings[0] for claim in claimed)


def test_a_single_class_with_another_id(good):
    truth = build_dataset(names={1: "ant"})
    findings = diagnose(truth, [{**d, "category_id": 0} for d in with_noise(truth)])
    assert named(findings) == {"exchanged"}
    assert "the unknown category 0" in findings[0]


def test_one_class_for_everything_is_mixed_up(truth):
    found = [{**d, "category_id": 4} for d in as_detections(truth)]
    findings = diagnose(truth, found)
    assert named(findings) == {"mixed up"}
    assert "'cow'" in findings[0]


def test_scores_below_the_threshold(truth, good):
    low = [{**d, "score": d["score"] / 100} for d in good]
    assert named(diagnose(truth, low)) == {"scores"}
    assert named(diagnose(truth, low, score_threshold=0.001)) == {"nothing"}


def test_no_detections(truth):
    assert named(diagnose(truth, [])) == {"no detections"}


def test_no_objects(truth, good):
    assert named(diagnose(replace(truth, annotations=()), good)) == {"no objects"}
    crowds = tuple({**a, "iscrowd": 1} for a in truth.annotations)
    (sentence,) = diagnose(replace(truth, annotations=crowds), good)
    assert "all of crowds" in sentence


def test_detections_of_other_images(truth, good):
    findings = diagnose(truth, [{**d, "image_id": d["image_id"] + 1000} for d in good])
    assert named(findings) == {"other images"}
    assert "image_id 1010" in findings[0]
    assert "validation set has 10" in findings[0]


def test_detections_of_few_of_the_images(truth, good):
    assert "coverage" in named(diagnose(truth, [d for d in good if d["image_id"] < 20]))


def test_images_whose_detections_are_of_classes_that_the_dataset_does_not_have(truth, good):
    full = {image.id for image in truth.images}
    (sentence,) = diagnose(truth, [], crowded=full)
    assert named([sentence]) == {"other classes"}
    assert "in 40 of 40 images all detections that an image may have are of classes that val.json" in sentence
    assert named(diagnose(truth, [], crowded={10, 11})) == {"no detections"}
    few = [d for d in good if d["image_id"] < 20]
    findings = diagnose(truth, few, crowded=full - {49})
    assert "other classes" in named(findings)
    assert "coverage" not in named(findings)
    assert "30 of 40 images with objects have no detection of its classes: in 29 of 30 images" in findings[0]
    assert "coverage" in named(diagnose(truth, few, crowded={10, 49}))


def test_numbers_that_are_not_finite(truth, good):
    broken = [{**d, "score": float("nan")} if n % 9 == 0 else d for n, d in enumerate(good)]
    assert named(diagnose(truth, broken)) == {"not finite"}
    assert "not finite" in named(diagnose(truth, [{**d, "score": float("nan")} for d in good]))


def test_objects_without_area(truth, good):
    flat = tuple(
        {**a, "bbox": [*a["bbox"][:2], 0, a["bbox"][3]]} if n % 8 == 0 else a
        for n, a in enumerate(truth.annotations)
    )
    findings = diagnose(replace(truth, annotations=flat), good)
    assert named(findings) == {"broken annotations"}
    assert f"{len(flat[::8])} of {len(flat)} annotations have no area" in findings[0]


@pytest.mark.parametrize(("key", "value"), [("category_id", 77), ("image_id", 9999)])
def test_annotations_that_name_what_is_not_there(truth, good, key, value):
    annotations = tuple({**a, key: value} if n == 0 else a for n, a in enumerate(truth.annotations))
    findings = diagnose(replace(truth, annotations=annotations), good)
    assert named(findings) == {"broken annotations"}
    assert f"1 of {len(annotations)} annotations have a" in findings[0]
    assert f"{key} that is not in the list" in findings[0]


def test_annotation_ids_that_repeat(truth, good):
    same = tuple({**a, "id": 0} for a in truth.annotations)
    assert named(diagnose(replace(truth, annotations=same), good)) == {"broken annotations"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (layout_swapped, "x and y are swapped"),
        (layout_corners, "corners, written as if"),
        (layout_normalised, "normalised"),
    ],
)
def test_annotations_unlike_those_of_the_training_set(truth, good, change, text):
    (sentence,) = diagnose(reannotated(truth, change), good, training=truth)
    assert sentence.startswith("The annotated boxes of val.json look")
    assert text in sentence
    assert "unlike the training set's" in sentence


def test_classes_that_were_never_trained(truth, good):
    training = build_dataset(seed=3, names={1: "fox", 2: "gnu"})
    findings = diagnose(truth, good, training=training)
    assert named(findings) == {"classes"}
    assert "'fox'" in findings[0]
    same = build_dataset(seed=3, names={7: "Ant", 8: "BEE", 9: "cow", 10: "dog"})
    assert named(diagnose(truth, good, training=same)) == {"nothing"}


def test_images_of_unknown_size(truth, good):
    unknown = replace(truth, images=tuple(replace(image, size_wh=None) for image in truth.images))
    assert named(diagnose(unknown, good)) == {"nothing"}
    assert named(diagnose(unknown, reboxed(good, layout_swapped, truth))) == {"swapped"}
    assert named(diagnose(unknown, reboxed(good, layout_normalised, truth))) == {"nothing"}


@pytest.fixture(scope="module")
def official(golden_detections):
    return json.loads(golden_detections.read_text())


def test_a_real_detector_has_no_fault(coco_sample, official):
    assert named(diagnose(coco_sample, official, training=coco_sample)) == {"nothing"}


@pytest.mark.parametrize("fault", BOX_FAULTS)
def test_a_real_detectors_boxes(coco_sample, official, fault):
    assert named(diagnose(coco_sample, reboxed(official, BOX_FAULTS[fault], coco_sample))) == {fault}


def test_a_real_detectors_classes(coco_sample, official):
    ids = sorted(coco_sample.categories)
    shifted = renamed(official, dict(zip(ids, [*ids[1:], ids[0]], strict=True)))
    (sentence,) = diagnose(coco_sample, shifted)
    assert "class names look shifted by one" in sentence
    assert "'person' objects found" in sentence
    assert "'bicycle'" in sentence
    places = renamed(official, {id_: place for place, id_ in enumerate(ids)})
    (sentence,) = diagnose(coco_sample, places)
    assert "counted from 0" in sentence


def test_input_is_not_touched(truth, good):
    before = repr(truth), repr(good)
    diagnose(truth, reboxed(good, layout_swapped, truth), training=truth)
    diagnose(truth, good)
    assert (repr(truth), repr(good)) == before
