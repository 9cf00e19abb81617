"""What to photograph next: the weakest class, size and light, and no more than can be known."""

import re
from dataclasses import replace

import pytest

from detector.evaluation.analysis import analyse
from detector.evaluation.coco_metrics import compute_metrics
from detector.evaluation.slices import Light
from detector.report.photograph import build_photograph, find_weakest
from tests.evaluation.noisy_detections import build_dataset, with_noise


def analysis_of(dataset, detections, rounds=200):
    ids = list(dataset.categories)
    return analyse(dataset, detections, ids, compute_metrics(dataset, detections, ids), rounds=rounds)


def spoil(detections, wrong):
    """Detections of which those that the function names are far off, and as large as before."""

    def move(bbox):
        x, y, w, h = bbox
        return [x + 3 * w, y, w, h]

    return [{**each, "bbox": move(each["bbox"])} if wrong(each) else each for each in detections]


def text_of(html):
    return " ".join(re.sub("<[^>]*>", " ", html).split())


@pytest.fixture
def lit(monkeypatch):
    """Every other image is dark; its contrast has nothing to do with it."""

    def measure(images):
        return {
            image.id: Light(40.0 if image.id % 2 else 200.0, 30.0 + 10 * (image.id % 3)) for image in images
        }

    monkeypatch.setattr("detector.evaluation.analysis.measure_light", measure)


def test_a_class_that_is_hardly_found_is_named_and_sure():
    truth = build_dataset(60)
    analysis = analysis_of(truth, spoil(with_noise(truth), lambda each: each["category_id"] == 4))
    weakest = find_weakest(analysis)[0]
    assert (weakest.dimension, weakest.name, weakest.sure) == ("class", "cow", True)
    assert weakest.objects == sum(each["category_id"] == 4 for each in truth.annotations)
    text = text_of(build_photograph(analysis, {"cow": 7, "bee": 400}))
    assert "Photograph more of cow. There the model is weaker than on the whole" in text
    assert f"{weakest.objects} objects in {weakest.images} images, trained on 7" in text
    assert "Trained on fewer than 20 objects, so more of them help: cow (7)." in text


@pytest.mark.usefixtures("lit")
def test_the_light_in_which_objects_are_missed_is_named():
    truth = build_dataset(60)
    analysis = analysis_of(truth, spoil(with_noise(truth), lambda each: each["image_id"] % 2))
    by_dimension = {each.dimension: each for each in find_weakest(analysis)}
    assert by_dimension["brightness"].sure
    assert by_dimension["brightness"].wanted.startswith("dark pictures (under ")
    assert not by_dimension["contrast"].sure
    assert "Photograph dark pictures (under 120 of 255). There" in text_of(build_photograph(analysis))


@pytest.mark.usefixtures("lit")
def test_small_objects_that_are_missed_are_named():
    truth = build_dataset(60)
    ordered = sorted(truth.annotations, key=lambda each: each["area"])
    least = ordered[len(ordered) // 5]["area"]
    analysis = analysis_of(
        truth, spoil(with_noise(truth), lambda each: each["bbox"][2] * each["bbox"][3] < least)
    )
    weakest = find_weakest(analysis)[1]
    assert weakest.sure
    assert re.fullmatch(r"objects with a side of under \d+ px in the picture", weakest.wanted)


@pytest.mark.usefixtures("lit")
def test_what_may_be_chance_is_said_to_be_that():
    truth = build_dataset(30)
    analysis = analysis_of(truth, with_noise(truth))
    weakest = find_weakest(analysis)
    assert len(weakest) == 4
    assert all("may be chance" in each.remark for each in weakest if not each.sure)
    if not any(each.sure for each in weakest):
        assert "no class, size or light is weaker than the whole by more than chance" in text_of(
            build_photograph(analysis)
        )


def test_what_cannot_be_told_is_said_with_its_reason():
    truth = build_dataset(8, names={1: "a"})
    analysis = analysis_of(truth, with_noise(truth))
    remarks = {each.dimension: each.remark for each in find_weakest(analysis)}
    assert remarks["class"] == "cannot be told: there is one class"
    assert "cannot be divided by size" in remarks["size"]
    assert "8 images, or files that are not here" in remarks["brightness"]
    assert "8 images cannot tell classes, sizes or light apart" in text_of(build_photograph(analysis))


def test_a_class_in_few_images_is_no_verdict():
    truth = build_dataset(30)
    rare = [each for each in truth.annotations if each["category_id"] != 5]
    once = next(each for each in truth.annotations if each["category_id"] == 5)
    truth = replace(truth, annotations=(*rare, once))
    analysis = analysis_of(truth, spoil(with_noise(truth), lambda each: each["category_id"] == 5))
    assert find_weakest(analysis)[0].name != "dog"
    assert "so that nothing can be told of them: dog." in text_of(build_photograph(analysis))
