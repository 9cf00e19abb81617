import numpy as np
import pytest

from detector.pretrained.releases import DEFAULT_MODEL, source_path
from detector.runtime import Detector

pytestmark = pytest.mark.slow
official = pytest.importorskip("detector.pretrained.official_graph")


def test_the_published_graph_and_the_detector_find_the_same(released_weights, coco_sample):
    detector = Detector.load(resize="tf1", score_threshold=0.3)
    graph = official.load_official_graph(
        source_path(DEFAULT_MODEL), detector.spec, detector.postprocess, threads=2
    )
    from detector.images import load_image

    found = 0
    for image in coco_sample.images[:8]:
        pixels = load_image(image.path)
        detections = detector.detect(pixels)
        boxes_yxyx, scores, *_ = graph(np.ascontiguousarray(pixels[..., ::-1]))
        count = int((scores[0] > 0.3).sum())
        assert count == len(detections)
        height, width = pixels.shape[:2]
        boxes = boxes_yxyx[0, :count, [1, 0, 3, 2]].T * [width, height, width, height]
        np.testing.assert_allclose(detections.boxes, boxes, atol=0.05)
        np.testing.assert_allclose(detections.scores, scores[0, :count], atol=1e-3)
        found += count
    assert found > 10
