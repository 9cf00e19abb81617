"""The mirror image as a second look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detector import Detector, load_image
from detector.anchors import build_anchors
from detector.architecture import build_architecture
from detector.boxes import FloatArray
from detector.data.sample import SAMPLE_FOLDER
from detector.pretrained import DEFAULT_MODEL, RELEASES
from detector.runtime.mirroring import MirroringBackend, average_outputs, find_twins, mirror

SPEC = RELEASES[DEFAULT_MODEL].spec


def test_twins_mirror_each_other() -> None:
    twins = find_twins(SPEC)
    anchors = build_anchors(SPEC.anchors, build_architecture(SPEC).feature_map_sizes_hw)
    assert np.array_equal(twins[twins], np.arange(len(anchors)))
    np.testing.assert_allclose(anchors[twins][:, 0], 1 - anchors[:, 2], atol=1e-6)
    np.testing.assert_allclose(anchors[twins][:, 1], anchors[:, 1], atol=1e-6)
    # Of the 19 columns of the first map, the first becomes the last: 3 anchors a cell.
    assert twins[:3].tolist() == [54, 55, 56]


class Recorder:
    """A backend that says how bright the left half of its input is, in the logits of the first anchor."""

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        width = network_input.shape[2]
        boxes, logits = np.zeros((1917, 4), np.float32), np.zeros((1917, 2), np.float32)
        boxes[0] = (1, 2, 3, 4)
        logits[0, 1] = network_input[:, :, : width // 2].mean()
        return boxes, logits

    def split(self, count: int) -> Sequence[Recorder]:
        return [self] * count


def test_outputs_of_both_are_averaged() -> None:
    image = np.zeros((1, 300, 300, 3), np.float32)
    image[:, :, :150] = 8
    (backend,) = MirroringBackend(Recorder(), SPEC).split(1)
    boxes, logits = backend.run(image)
    # Anchor 0 has half of what was said of the image, its twin half of what was said of the mirror image.
    assert (logits[0, 1], logits[54, 1]) == (4, 0)
    assert boxes[0].tolist() == [0.5, 1, 1.5, 2]
    assert boxes[54].tolist() == [0.5, -1, 1.5, 2]  # tx the other way
    boxes, logits = backend.run(mirror(image))
    assert (logits[0, 1], logits[54, 1]) == (0, 4)


def test_a_mirror_image_gives_the_mirrored_detections(released_weights: Path) -> None:
    detector = Detector.load(flip=True)
    image = load_image(SAMPLE_FOLDER / "chelsea.jpg")
    found, mirrored = detector.detect(image), detector.detect(np.ascontiguousarray(image[:, ::-1]))
    assert found.names == mirrored.names == ["cat"]
    width = image.shape[1]
    expected = found.boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [width, 0, width, 0]
    np.testing.assert_allclose(mirrored.boxes, expected, atol=0.5)
    np.testing.assert_allclose(mirrored.scores, found.scores, atol=1e-3)
    assert not np.allclose(found.boxes, Detector.load().detect(image).boxes, atol=0.01)
    assert [each.names for each in detector.detect_batch([image])] == [["cat"]]


def test_averaging_with_itself_changes_nothing() -> None:
    generator = np.random.default_rng(0)
    outputs = (
        generator.normal(size=(1917, 4)).astype(np.float32),
        generator.normal(size=(1917, 81)).astype(np.float32),
    )
    twins = find_twins(SPEC)
    own_mirror = (outputs[0][twins] * np.array([1, -1, 1, 1], np.float32), outputs[1][twins])
    for found, expected in zip(average_outputs(outputs, own_mirror, twins), outputs, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
