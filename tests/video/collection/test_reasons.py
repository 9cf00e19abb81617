import pytest

from detector.video.collection.reasons import FLICKERING, UNSURE, Choice
from tests.video.collection.frames import live_frame

PERSON = ("person", 0.9, (10.0, 10.0, 60.0, 100.0))
ASIDE = ("person", 0.9, (14.0, 10.0, 64.0, 100.0))
DOG = ("dog", 0.9, (200.0, 50.0, 260.0, 90.0))


def chosen(frames, threshold=0.4):
    choice = Choice()
    return [(live, reason) for each in frames for live, reason in choice.add(each, threshold)], choice


@pytest.mark.parametrize(
    ("shown", "weak", "unsure"),
    [(0.9, None, False), (0.45, None, True), (0.9, 0.35, True), (0.9, 0.2, False), (0.52, None, False)],
)
def test_what_scores_near_the_threshold_is_unsure(shown, weak, unsure):
    low = () if weak is None else (("dog", weak, DOG[2]),)
    found, _ = chosen([live_frame(0, ("person", shown, PERSON[2]), weak=low)])
    assert [reason for _, reason in found] == [UNSURE] * unsure


def test_what_is_far_below_the_threshold_is_no_suggestion():
    noise, near = ("dog", 0.22, DOG[2]), ("dog", 0.33, DOG[2])
    ((live, _),), _ = chosen([live_frame(0, PERSON, weak=(near, noise))])
    assert live.weak.scores.tolist() == pytest.approx([0.33])


def flickers(*present, moved=False, period=0.1):
    """The frames that are chosen where a person is shown as told, beside a dog that stays."""
    frames = [
        live_frame(number, DOG, *([ASIDE if moved and number % 2 else PERSON] * shown), period=period)
        for number, shown in enumerate(present)
    ]
    found, _ = chosen(frames)
    assert all(reason == FLICKERING for _, reason in found)
    return [live for live, _ in found]


def test_an_object_that_is_missing_in_between_is_suggested_there():
    for present in ((1, 1, 0, 1, 1), (0, 1, 0, 1, 1), (1, 0, 0, 1, 1)):
        (live,) = flickers(*present)
        assert live.frame.number == 2
        assert live.detections.names == ["dog"]
        assert live.weak.names == ["person"]
        assert live.weak.boxes[0].tolist() == list(PERSON[2])


def test_an_object_that_is_in_one_frame_alone_flickers():
    (live,) = flickers(0, 0, 1, 0, 0)
    assert sorted(live.detections.names) == ["dog", "person"]


def test_what_stays_comes_goes_or_moves_does_not_flicker():
    for present in ((1, 1, 1, 1, 1), (0, 0, 0, 1, 1), (1, 1, 0, 0, 0), (0, 0, 1, 1, 1), (0, 0, 0, 0, 0)):
        assert flickers(*present, moved=True) == []


def test_frames_that_are_seconds_apart_do_not_flicker():
    assert flickers(1, 1, 0, 1, 1, period=1) == []


def test_one_frame_a_second_for_each_reason_and_the_rest_is_counted():
    unsure = ("person", 0.4, PERSON[2])
    found, choice = chosen([live_frame(number, unsure) for number in range(25)])  # of 2.5 seconds
    assert [live.frame.number for live, _ in found] == [0, 10, 20]
    assert choice.held_back == 22
