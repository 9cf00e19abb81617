"""How far scores are trusted."""

from __future__ import annotations

import numpy as np

from detector.checks.trust import cover_of, fit_trust
from tests.checks.made_up_scenes import Maker, scene

NO_COVER = np.zeros((5, 2))


def test_trust_is_the_share_of_detections_that_are_right() -> None:
    # Of detections with a score of .6, one in four is right.
    rng = np.random.default_rng(0)
    scenes = []
    for _ in range(400):
        labels = [(100.0, 100.0, 50.0, 50.0, 1)] if rng.random() < 0.25 else []
        scenes.append(scene(labels, [(100.0, 100.0, 50.0, 50.0, 1, 0.6)]))
    trust = fit_trust(scenes)
    (value,) = trust(np.array([0.6], np.float32), np.array([1]), np.zeros((1, 2)))
    assert abs(value - 0.25) < 0.05


def test_trust_rises_with_the_score_and_is_less_for_a_class_of_many_false_positives() -> None:
    images = Maker(1).images(60)
    ghosts = [
        (labels, [*found, *((9.0 * n, 9.0, 60.0, 60.0, 3, 0.8) for n in (1, 40))]) for labels, found in images
    ]
    trust = fit_trust([scene(*image) for image in ghosts])
    scores = np.linspace(0.1, 0.9, 5, dtype=np.float32)
    first, third = (trust(scores, np.full(5, class_), NO_COVER) for class_ in (1, 3))
    assert (np.diff(first) > 0).all()
    assert (third < first).all()


def test_without_detections_a_score_is_taken_as_it_is() -> None:
    trust = fit_trust([scene([(1, 1, 9, 9, 1)], [])])
    scores = np.array([0.2, 0.7], np.float32)
    np.testing.assert_allclose(trust(scores, np.array([1, 2]), np.zeros((2, 2))), scores, atol=1e-6)


def test_cover_is_by_other_objects_and_by_class() -> None:
    one = scene([(0, 0, 100, 100, 1), (0, 0, 50, 100, 2)], [(0, 0, 100, 100, 1, 0.9)])
    np.testing.assert_allclose(cover_of(one, np.array([-1])), [[1, 0.5]])
    np.testing.assert_allclose(cover_of(one, np.array([0])), [[0, 0.5]])
