import json

import pytest

from detector.evaluation import compute_metrics
from detector.evaluation.matching import FALSE_POSITIVE, IN_CROWD, build_scenes, compute_ap50, match_scene
from tests.evaluation.noisy_detections import build_dataset, with_noise
from tests.evaluation.test_coco_metrics import as_detections


def test_ap50_is_that_of_pycocotools(coco_sample, golden_detections):
    detections = json.loads(golden_detections.read_text())
    expected = compute_metrics(coco_sample, detections, list(coco_sample.categories)).summary["AP50"]
    assert compute_ap50(build_scenes(coco_sample, detections)) == pytest.approx(expected, abs=2e-3)


def test_ap50_without_classes_is_that_of_a_dataset_with_one_class():
    dataset = build_dataset()
    detections = with_noise(dataset)
    merged = [{**d, "category_id": 1} for d in detections]
    one = build_dataset(names={1: "thing"})
    assert [a["bbox"] for a in one.annotations] != []
    scenes = build_scenes(dataset, detections)
    same = build_scenes(dataset, merged)
    assert compute_ap50(scenes, by_class=False) == compute_ap50(same, by_class=False)
    assert compute_ap50(scenes, by_class=False) > 0.9


def test_an_object_is_found_once_by_the_highest_score():
    dataset = build_dataset(images=1)
    twice = [{**d, "score": score} for score in (0.4, 0.9) for d in as_detections(dataset)]
    (scene,) = build_scenes(dataset, twice)
    matched = match_scene(scene)
    half = len(twice) // 2
    assert sorted(matched[:half]) == list(range(half))
    assert (matched[half:] == FALSE_POSITIVE).all()


def test_a_detection_in_a_crowd_is_neither_right_nor_wrong(coco_sample):
    crowd = next(annotation for annotation in coco_sample.annotations if annotation["iscrowd"])
    x, y, width, height = crowd["bbox"]
    inside = {
        "image_id": crowd["image_id"],
        "category_id": crowd["category_id"],
        "score": 1.0,
        "bbox": [x + width / 4, y + height / 4, 1, 1],
    }
    alone = coco_sample.select({crowd["image_id"]})
    (scene,) = build_scenes(alone, [inside])
    assert match_scene(scene).tolist() == [IN_CROWD]
    (scene,) = build_scenes(alone, [{**inside, "bbox": [x - 3000, y, 1, 1]}])
    assert match_scene(scene).tolist() == [FALSE_POSITIVE]


def test_no_images_and_no_detections_give_0():
    assert compute_ap50([]) == 0
    assert compute_ap50(build_scenes(build_dataset(), [])) == 0
