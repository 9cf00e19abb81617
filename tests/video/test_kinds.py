"""Names of tracks: how often they are looked at, how the looks are counted, and what that may take."""

import itertools

import numpy as np
import pytest

from detector.runtime.second_stage import SecondStage
from detector.video.kinds import TrackKinds
from tests.runtime.toy_stage import ToyClassifier, ToyDetector, scene


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def follow(frames, *, seconds=0.01, a_frame=0.04, least=0.5):
    """What is known after each of the frames, (objects, track ids), and the toy that was asked."""
    clock = Clock()
    classifier = ToyClassifier(seconds, clock)
    stage = SecondStage(ToyDetector(scene()[1]), {"bird": classifier}, least=least)
    kinds = TrackKinds(stage, clock)
    known = []
    for number, (objects, ids) in enumerate(frames):
        image, found = scene(*objects)
        ids = None if ids is None else np.array(ids, np.int64)
        known.append(kinds(image, found, ids, number * a_frame).kinds)
        clock.now += a_frame
    return known, classifier


def still(red=1.0):
    return ("bird", (20, 20, 60, 60), red)


def test_a_track_is_looked_at_a_few_times_and_keeps_its_name():
    known, classifier = follow([([still()], [7])] * 200)
    first = next(number for number, kinds in enumerate(known) if kinds[0])
    assert 7 <= first <= 9  # with the second look, 0.3 s after the first
    assert all(kinds[0].name == "robin" for kinds in known[first:])
    assert len(classifier.seen) == 3


def test_a_track_whose_class_flips_has_the_name_of_the_classifier_of_its_class():
    """A tracker does not look at classes, and classifiers have other names and other numbers of them."""
    cats = ("tabby", "lynx", "puma")
    stage = SecondStage(
        ToyDetector(scene()[1]), {"bird": ToyClassifier(), "cat": ToyClassifier(names=cats)}, least=0.5
    )
    clock = Clock()
    kinds = TrackKinds(stage, clock)
    for number in range(200):
        name = ("bird", "cat")[number // 3 % 2]
        image, found = scene((name, (20, 20, 60, 60), 1.0))
        known = kinds(image, found, np.array([7], np.int64), number * 0.04).kinds[0]
        clock.now += 0.04
        assert known is None or known.name == {"bird": "robin", "cat": "tabby"}[name]
    assert known is not None


def test_an_unsure_vote_is_looked_at_more_and_not_for_ever():
    known, classifier = follow([([still(0.6)], [7])] * 300)
    assert len(classifier.seen) == 8
    assert known[-1][0].name == "robin"
    assert known[-1][0].score == pytest.approx(0.6, abs=0.01)
    assert follow([([still(0.6)], [7])] * 300, least=0.7)[0][-1] == (None,)


def test_names_are_the_mean_over_all_looks():
    """A look that is wrong, as of a bird half behind a leaf, is outvoted by later ones."""
    frames = [([still(0.1 if number < 12 else 0.95)], [7]) for number in range(200)]
    known, _ = follow(frames)
    names = [kinds[0] and kinds[0].name for kinds in known]
    assert names[11] == "wren"  # after two looks
    assert names[-1] == "robin"
    assert known[-1][0].score == pytest.approx((2 * 0.1 + 6 * 0.95) / 8, abs=0.02)


def test_what_has_come_much_closer_is_looked_at_again():
    near = ("bird", (20, 20, 150, 150), 1.0)
    known, classifier = follow([([still(0.1)], [7])] * 100 + [([near], [7])] * 100)
    assert len(classifier.seen) == 4
    assert (known[99][0].name, known[-1][0].name) == ("wren", "robin")  # the nearer look shows more
    assert [side > 100 for side, _ in classifier.seen] == [False, False, False, True]


def test_looks_take_no_more_than_their_share_of_the_time():
    """New objects all the time, and a classifier that takes as long as five frames."""
    frames = [([still()], [number]) for number in range(1000)]
    _, classifier = follow(frames, seconds=0.2)
    assert 0.03 < 0.2 * len(classifier.seen) / (1000 * 0.04 + 0.2 * len(classifier.seen)) < 0.08


def test_those_without_a_look_come_first_and_one_in_a_frame():
    objects = [("bird", (10 + 60 * n, 10, 50 + 60 * n, 60), 1.0) for n in range(4)]
    known, _ = follow([(objects, [0, 1, 2, 3])] * 60, seconds=0.001)
    counts = [sum(kind is not None for kind in kinds) for kinds in known]
    assert counts[7:12] == [0, 1, 2, 3, 4]


def test_what_is_seen_for_the_first_time_has_no_name_and_other_classes_have_none():
    cat = ("cat", (100, 20, 140, 60), 1.0)
    known, classifier = follow([([still(), cat], [-1, 3])] * 10)
    assert set(known) == {(None, None)}
    assert classifier.seen == []


def test_without_tracks_the_largest_of_each_frame_are_named():
    objects = [("bird", (10 + 60 * n, 10, 50 + 60 * n, 60 + 10 * n), 1.0) for n in range(4)]
    known, _ = follow([(objects, None)] * 3)
    assert [[kind is not None for kind in kinds] for kinds in known] == [[False, False, True, True]] * 3


def test_votes_of_old_tracks_are_forgotten(monkeypatch):
    monkeypatch.setattr("detector.video.kinds._REMEMBERED", 5)
    clock = itertools.count()
    stage = SecondStage(ToyDetector(scene()[1]), {"bird": ToyClassifier()})
    kinds = TrackKinds(stage, lambda: 100.0 * next(clock))
    for number in range(200):
        image, found = scene(still())
        kinds(image, found, np.array([number]), float(number))
    assert len(kinds._votes) == 5
