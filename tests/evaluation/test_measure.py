"""Every number against pycocotools, on random datasets with all that is odd in real ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.data.dataset import Dataset, DatasetImage
from detector.evaluation import METRICS, compute_metrics
from detector.evaluation.coco_metrics import match_detections
from detector.evaluation.measure import AREA_RANGES, Measure
from detector.evaluation.precision_recall import PrecisionRecall
from detector.evaluation.tables import build_tables
from detector.system.silence import silenced

SIDES = (16, 32, 96, 200)  # areas of exactly 32 x 32 and 96 x 96 belong to two of COCO's ranges


def random_dataset(seed):
    """Few images, most with few objects; ids with gaps, crowds, areas that are not the boxes'."""
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, 9))
    ids = generator.choice(500, count, replace=False).tolist()
    categories = sorted(generator.choice(90, int(generator.choice([1, 2, 5])), replace=False).tolist())
    annotations = []
    for image_id in ids:
        for _ in range(generator.choice([0, 1, 4, 12])):
            width, height = generator.choice(SIDES, 2)
            x, y = generator.integers(0, 80, 2)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(generator.choice(categories)),
                    "bbox": [float(v) for v in (x, y, width, height)],
                    "area": float(width * height * generator.choice([1, 1, 0.5])),
                    "iscrowd": int(generator.random() < (1 if seed % 10 == 9 else 0.15)),
                }
            )
    images = tuple(DatasetImage(id_, Path(f"{id_}.jpg"), (400, 400)) for id_ in ids)
    names = {id_: f"class {id_}" for id_ in categories}
    return Dataset(Path("random.json"), images, tuple(annotations), names, "val"), generator


def random_detections(dataset, generator, *, ties=True):
    """Objects that were found well, badly, twice or as another class, and ghosts; scores tie."""
    categories = list(dataset.categories)
    found = []
    for annotation in dataset.annotations:
        for _ in range(generator.choice([0, 1, 1, 3])):
            shift = generator.choice([0, 0, 4, 20], 4) * generator.choice([-1, 1], 4)
            box = np.maximum(np.array(annotation["bbox"]) + shift, [-50, -50, 1, 1])
            category = annotation["category_id"]
            if generator.random() < 0.15:
                category = int(generator.choice(categories))
            found.append((annotation["image_id"], category, box.tolist()))
    for image in dataset.images:
        for _ in range(generator.choice([0, 2, 120])):
            box = [*generator.integers(0, 80, 2), *generator.choice(SIDES, 2)]
            found.append((image.id, int(generator.choice(categories)), [float(v) for v in box]))
    if generator.random() < 0.1:
        found = []
    order = generator.permutation(len(found))
    scores = generator.random(len(found))
    return [
        {
            "image_id": found[k][0],
            "category_id": found[k][1],
            "bbox": found[k][2],
            "score": float(np.round(scores[k], 1) if ties else scores[k]),
        }
        for k in order
    ]


def assert_equals_pycocotools(dataset, detections):
    categories = sorted(dataset.categories)
    tables = build_tables(dataset, detections, categories)
    measure, ones = Measure(tables), np.ones((1, len(dataset.images)))
    measured = measure(ones)
    with silenced():
        reference = match_detections(dataset, detections, categories)
        reference.accumulate()
        reference.summarize()
    ours = np.nan_to_num(measured.summary[0], nan=-1)
    np.testing.assert_allclose(ours, reference.stats, rtol=0, atol=1e-9)
    precision, recall = reference.eval["precision"], reference.eval["recall"]
    for number, name in enumerate(AREA_RANGES):
        counts = measure.ranges[name]
        curve = counts.curve(ones)
        sampled = np.nan_to_num(counts.precision_at_recall(curve), nan=-1)
        np.testing.assert_allclose(sampled, precision[..., number, -1].transpose(0, 2, 1), rtol=0, atol=1e-9)
        for place, limit in enumerate((1, 10, 100)):
            found = counts.recall(ones, curve.positives, limit)
            np.testing.assert_allclose(
                np.nan_to_num(found[0], nan=-1), recall[..., number, place], rtol=0, atol=1e-9
            )
    return reference


@pytest.mark.parametrize("block", range(4))
def test_every_number_is_that_of_pycocotools_on_random_datasets(block):
    values = []
    for seed in range(25 * block, 25 * block + 25):
        dataset, generator = random_dataset(seed)
        values.append(assert_equals_pycocotools(dataset, random_detections(dataset, generator)).stats)
    values = np.array(values)
    assert (values == -1).any()  # the datasets are as odd as they should be ...
    assert ((values > 0.05) & (values < 0.95)).any(axis=0).all()  # ... and not trivial


def test_a_weighted_image_is_one_that_is_there_so_often():
    for seed in range(20):
        dataset, generator = random_dataset(seed)
        detections = random_detections(dataset, generator, ties=False)
        weights = generator.integers(0, 4, len(dataset.images))
        images, annotations, repeated = [], [], []
        for image, times in zip(sorted(dataset.images, key=lambda image: image.id), weights, strict=True):
            for _ in range(times):
                id_ = len(images) + 1
                images.append(replace(image, id=id_))
                own = [{**a, "image_id": id_} for a in dataset.annotations if a["image_id"] == image.id]
                annotations += [{**a, "id": len(annotations) + k} for k, a in enumerate(own, start=1)]
                repeated += [{**d, "image_id": id_} for d in detections if d["image_id"] == image.id]
        if not images:
            continue
        written_out = replace(dataset, images=tuple(images), annotations=tuple(annotations))
        expected = compute_metrics(written_out, repeated, list(dataset.categories)).summary
        measured = Measure(build_tables(dataset, detections, dataset.categories))(weights[None].astype(float))
        found = dict(zip(METRICS, np.nan_to_num(measured.summary[0], nan=-1), strict=True))
        assert found == pytest.approx(expected, abs=1e-9)


def test_many_weightings_at_once_are_each_by_itself():
    dataset, generator = random_dataset(3)
    measure = Measure(build_tables(dataset, random_detections(dataset, generator), dataset.categories))
    weights = generator.integers(0, 3, (7, len(dataset.images))).astype(float)
    together = measure(weights)
    for number, row in enumerate(weights):
        alone = measure(row[None])
        for name in ("summary", "ap", "ap50", "ar"):
            np.testing.assert_array_equal(getattr(together, name)[number], getattr(alone, name)[0])


def test_detections_outside_are_not_counted_unless_they_find_something():
    dataset, generator = random_dataset(4)
    tables = build_tables(dataset, random_detections(dataset, generator), dataset.categories)
    everything = PrecisionRecall(tables, tables.objects.crowd, np.zeros(len(tables.found.image), np.bool_))
    only_finders = PrecisionRecall(tables, tables.objects.crowd, np.ones(len(tables.found.image), np.bool_))
    ones = np.ones((1, len(tables.images)))
    without_ghosts = only_finders.average_precision(only_finders.curve(ones))
    with_ghosts = everything.average_precision(everything.curve(ones))
    recall = only_finders.recall(ones, only_finders.curve(ones).positives)
    assert np.nanmean(with_ghosts) < np.nanmean(without_ghosts)
    # Without a ghost, precision is 1 as far as recall goes: 101 thresholds, rounded down, and one for 0.
    known = (recall > 0) & ~np.isnan(recall)
    np.testing.assert_allclose(
        without_ghosts[known], (np.floor(recall[known] * 100 + 1e-9) + 1) / 101, atol=1e-9
    )
