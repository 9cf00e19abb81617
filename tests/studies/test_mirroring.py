"""The mirror image as a second look."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from detector import Detector, load_image
from detector.architecture import anchors_of
from detector.data.sample import SAMPLE_FOLDER
from detector.pretrained.releases import DEFAULT_MODEL, RELEASES
from studies.mirroring import average_outputs, find_twins, mirror

SPEC = RELEASES[DEFAULT_MODEL].spec


def test_twins_mirror_each_other() -> None:
    twins = find_twins(SPEC)
    anchors = anchors_of(SPEC)
    assert np.array_equal(twins[twins], np.arange(len(anchors)))
    np.testing.assert_allclose(anchors[twins][:, 0], 1 - anchors[:, 2], atol=1e-6)
    np.testing.assert_allclose(anchors[twins][:, 1], anchors[:, 1], atol=1e-6)
    # Of the 19 columns of the first map, the first becomes the last: 3 anchors a cell.
    assert twins[:3].tolist() == [54, 55, 56]


def test_a_mirror_image_gives_the_mirrored_outputs(released_weights: Path) -> None:
    detector = Detector.load()
    network_input = detector.preprocess(load_image(SAMPLE_FOLDER / "chelsea.jpg"))
    boxes, logits = detector.backend.run(network_input)
    seen = boxes.copy(), logits.copy()
    turned = detector.backend.run(mirror(network_input))
    twins = find_twins(SPEC)
    boxes, logits = average_outputs(seen, turned, twins)
    other_boxes, other_logits = average_outputs(turned, seen, twins)
    np.testing.assert_allclose(other_logits[twins], logits, atol=1e-4)
    np.testing.assert_allclose(other_boxes[twins], boxes * [1, -1, 1, 1], atol=1e-4)
    assert not np.allclose(logits, seen[1], atol=0.1)


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
