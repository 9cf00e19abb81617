import json
from dataclasses import replace

import numpy as np
import pytest

from detector.evaluation import compute_metrics
from detector.evaluation.bootstrap import draw_resamples
from detector.evaluation.metadata import group_metadata
from detector.evaluation.slices import Light, Part, build_parts, build_size_parts, measure_slices
from detector.evaluation.tables import build_tables
from tests.evaluation.noisy_detections import build_dataset, with_noise


@pytest.fixture(scope="module")
def truth():
    return build_dataset(120)


@pytest.fixture(scope="module")
def found(truth):
    return with_noise(truth)


def measured(dataset, detections, light=None):
    tables = build_tables(dataset, detections, dataset.categories)
    parts = [*build_size_parts(tables), *build_parts(tables, dataset, light or {})]
    slices = measure_slices(tables, parts, draw_resamples(len(tables.images), 50))
    return {(each.dimension, each.name): each for each in slices}


def test_a_slice_of_images_is_the_evaluation_of_these_images(truth, found):
    half = {image.id for image in truth.images[::2]}
    tagged = replace(
        truth,
        images=tuple(
            replace(image, metadata={"weather": "rain" if image.id in half else "sun"})
            for image in truth.images
        ),
    )
    slices = measured(tagged, found)
    for name, ids in (("rain", half), ("sun", {image.id for image in truth.images} - half)):
        part = slices["image: weather", name]
        alone = truth.select(ids)
        expected = compute_metrics(alone, found, list(truth.categories)).summary
        assert part.ap.value == pytest.approx(expected["AP"], abs=1e-9)
        assert part.ar.value == pytest.approx(expected["AR100"], abs=1e-9)
        assert (part.images, part.objects) == (len(ids), len(alone.annotations))
        assert part.ap.low < part.ap.value < part.ap.high


def test_a_slice_of_sizes_is_what_coco_does_with_its_area_ranges(coco_sample, golden_detections):
    detections = json.loads(golden_detections.read_text())
    tables = build_tables(coco_sample, detections, coco_sample.categories)
    small = Part("size", "small", tables.objects.area <= 32**2, tables.found.area <= 32**2)
    (part,) = measure_slices(tables, [small], draw_resamples(103, 10))
    assert 100 * part.ap.value == pytest.approx(5.91, abs=0.005)
    assert part.objects == sum(a["area"] <= 32**2 for a in coco_sample.annotations if not a["iscrowd"])
    assert part.beyond_chance == -1


def test_sizes_hold_about_equally_many_objects(truth, found):
    sizes = [part for (dimension, _), part in measured(truth, found).items() if dimension == "size"]
    counts = [part.objects for part in sizes]
    assert len(sizes) == 5
    assert sum(counts) == len(truth.annotations)
    assert max(counts) < 1.5 * min(counts)


def test_the_dimension_that_matters_is_found_and_the_others_are_not(truth, found):
    """Detections in dark images are moved; brightness has nothing to do with anything else."""
    brightness = {image.id: 40.0 if number % 2 else 200.0 for number, image in enumerate(truth.images)}
    worse = [
        {**d, "bbox": [d["bbox"][0] + 0.4 * d["bbox"][2], *d["bbox"][1:]]}
        if brightness[d["image_id"]] < 100
        else d
        for d in found
    ]
    light = {id_: Light(value, 50.0) for id_, value in brightness.items()}
    slices = measured(truth, worse, light)
    flags = {
        name: part.beyond_chance for (dimension, name), part in slices.items() if dimension == "brightness"
    }
    assert sorted(flags.values()) == [-1, 1]
    assert flags[min(flags, key=lambda name: slices["brightness", name].ap.value)] == -1


def test_labels_of_objects_give_recall_alone(truth, found):
    annotations = tuple(
        {**a, "metadata": {"attributes": {"occluded": a["id"] % 3 == 0}}} for a in truth.annotations
    )
    tagged = replace(truth, annotations=annotations)
    lost = {(a["image_id"], tuple(a["bbox"])) for a in annotations if a["metadata"]["attributes"]["occluded"]}
    seen = [
        {"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"], "score": 0.9}
        for a in annotations
        if (a["image_id"], tuple(a["bbox"])) not in lost
    ]
    slices = measured(tagged, seen)
    hidden, open_ = slices["object: occluded", "yes"], slices["object: occluded", "no"]
    assert hidden.ap is None
    assert hidden.ar.value < 0.3 < open_.ar.value == pytest.approx(1)
    assert (hidden.beyond_chance, open_.beyond_chance) == (-1, 1)
    assert hidden.objects + open_.objects == len(annotations)


def test_truncated_objects_touch_the_border():
    truth = build_dataset(30)
    for annotation in truth.annotations[::4]:
        annotation["bbox"][0] = 0.0
    slices = measured(truth, with_noise(truth))
    assert slices["truncation", "touches the image's border"].objects == len(truth.annotations[::4])


def test_groups_of_metadata():
    groups = group_metadata(
        [
            {"site": "north", "tags": ["night", "rain"], "caption": f"text {number}", "temperature": number}
            if number % 2
            else {"site": "south", "tags": ["night"], "temperature": number, "flag": True, "nothing": None}
            for number in range(40)
        ]
    )
    assert set(groups) == {"site", "tags", "temperature", "flag"}
    assert {name: int(chosen.sum()) for name, chosen in groups["site"]} == {"north": 20, "south": 20}
    assert {name: int(chosen.sum()) for name, chosen in groups["tags"]} == {"night": 40, "rain": 20}
    assert [int(chosen.sum()) for _, chosen in groups["temperature"]] == [10, 10, 10, 10]
    assert np.sum([chosen for _, chosen in groups["temperature"]], axis=0).tolist() == [1] * 40
    assert [(name, int(chosen.sum())) for name, chosen in groups["flag"]] == [("yes", 20), ("not given", 20)]
    odd = [{"a": 10**400, "b": float("inf"), "c": [[1]], "d": ""} for _ in range(9)]
    assert group_metadata(odd) == {}
    assert group_metadata([]) == group_metadata([{}, {}]) == {}
