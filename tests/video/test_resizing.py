"""Another input size while the pipeline runs."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import pytest

from detector.errors import ArgumentError, DetectorError
from detector.input_sizes import describe_sizes
from detector.runtime import Detector
from detector.video.pipeline import LivePipeline
from detector.video.resizing import choose_detector, offered_sizes
from detector.video.settings import LiveSettings
from detector.video.sources import open_source
from detector.video.tracking import Tracker
from tests.video.conftest import VIDEO_FRAMES, FakeSource, ResizableDetector
from tests.waiting import wait_until

OTHER = ((512, 512),)


@pytest.mark.parametrize("live", [False, True])
def test_the_old_network_goes_on_while_the_new_one_is_loaded(live: bool) -> None:
    may_load = threading.Event()
    detector = ResizableDetector(load=lambda size: may_load.wait(60))
    settings = LiveSettings(0.0)
    logged = []
    meanwhile = 0  # frames since the new one is being loaded
    with LivePipeline(
        FakeSource(None, live=live, period=0.001), detector, settings=settings, on_frame=logged.append
    ) as pipeline:
        for live_frame in pipeline:
            if live_frame.frame.number > 5:
                settings.input_size = "512"
            if detector.opened and not may_load.is_set():
                assert live_frame.input_sizes == ((300, 300),)
                meanwhile += 1
                if meanwhile == 8:
                    may_load.set()
            if live_frame.input_sizes == OTHER:
                break
        assert pipeline.detector.input_sizes == OTHER
    numbers = [each.frame.number for each in logged]
    assert numbers == sorted(set(numbers))
    if not live:
        assert numbers == list(range(len(numbers)))
    sizes = [each.input_sizes for each in logged]
    assert sizes == sorted(sizes)  # the smaller first, and none of it after the larger
    assert detector.opened == ["512"]
    assert detector.input_sizes == ((300, 300),)  # whoever else has it keeps it as it is
    assert {"300", "512"} == set(pipeline.meter.whole().input_sizes)


def test_no_frame_of_a_file_is_lost_however_often_the_size_changes() -> None:
    detector, settings = ResizableDetector(), LiveSettings(0.1)
    sizes = ["224", "300,512", "640", "300", "256x320"]
    shown = []
    with LivePipeline(FakeSource(600, live=False), detector, settings=settings) as pipeline:
        for live in pipeline:
            settings.input_size = sizes[live.frame.number // 20 % len(sizes)]
            shown.append(live)
    assert [live.frame.number for live in shown] == list(range(600))
    assert len(detector.opened) > 3
    for live in shown:
        brightness = live.frame.number % 256 / 255
        assert live.detections.scores == pytest.approx([brightness] if brightness >= 0.1 else [])


def test_the_threshold_is_that_of_the_settings_for_every_size() -> None:
    settings = LiveSettings(0.5)
    with LivePipeline(
        FakeSource(None, live=True, period=0.001), ResizableDetector(), settings=settings
    ) as pipe:
        settings.input_size = "512"
        for live in pipe:
            if live.input_sizes == OTHER:
                break
        settings.score_threshold = 0.25
        wait_until(lambda: pipe.detector.score_threshold == 0.25)


@pytest.mark.parametrize("live", [False, True])
def test_what_cannot_be_loaded_is_said_and_the_size_stays(live: bool) -> None:
    def fail(size: str) -> None:
        raise DetectorError("The disk is full.")

    told: list[str] = []
    settings = LiveSettings(0.0, tell=told.append)
    detector = ResizableDetector(load=fail)
    with LivePipeline(FakeSource(None, live=live, period=0.001), detector, settings=settings) as pipeline:
        settings.input_size = "640"
        frames = iter(pipeline)
        while not told:
            assert next(frames).input_sizes == ((300, 300),)
        after = [next(frames) for _ in range(5)]
    assert {each.input_sizes for each in after} == {((300, 300),)}
    assert told == ["Input size 300 stays, for 640 cannot be loaded (The disk is full)."]
    assert settings.remark == "300 stays, for 640 cannot be loaded (The disk is full)"
    assert settings.input_size == "300"
    assert detector.opened == ["640"]  # once, not with every frame


def test_the_last_of_several_wishes_holds() -> None:
    may_load = threading.Event()
    detector = ResizableDetector(load=lambda size: may_load.wait(60))
    settings = LiveSettings(0.0)
    with LivePipeline(FakeSource(None, live=True, period=0.001), detector, settings=settings) as pipeline:
        settings.input_size = "640"
        wait_until(lambda: detector.opened)
        settings.input_size = "224"
        settings.input_size = "512"
        may_load.set()
        wait_until(lambda: pipeline.next() and pipeline.detector.input_sizes == OTHER)
    assert detector.opened == ["640", "512"]


def test_sizes_that_are_none_are_refused_where_they_are_set() -> None:
    settings = LiveSettings(0.4, input_size="300")
    with pytest.raises(ArgumentError, match="Expected an input size"):
        settings.input_size = "big"
    assert settings.input_size == "300"


def test_auto_lowers_the_size_of_a_slow_detector_and_says_so() -> None:
    told: list[str] = []
    settings = LiveSettings(0.0, input_size="auto", fps=20, tell=told.append)
    detector = ResizableDetector(seconds=0.5).resized("512")  # .13 s a frame, and there are .05
    with LivePipeline(FakeSource(None, live=True, period=0.001), detector, settings=settings) as pipeline:
        for live in pipeline:
            if live.input_sizes != OTHER:
                break
    ((side, _),) = live.input_sizes
    assert side < 300
    assert settings.input_size == "auto"
    assert told[0].startswith(f"Input size {side} now: 512 takes ")
    assert told[0].endswith(" ms a frame, and 20 frames a second leave 50.")


@pytest.mark.parametrize("live", [False, True])
def test_auto_lets_a_quick_detector_and_a_file_be(live: bool) -> None:
    settings = LiveSettings(0.0, input_size="auto", fps=1 if live else 240)
    detector = ResizableDetector(seconds=0.02)
    with LivePipeline(FakeSource(40, live=live, period=0.001), detector, settings=settings) as pipeline:
        for frame in pipeline:
            assert frame.input_sizes == ((300, 300),)
    assert (detector.opened, settings.remark) == ([], "")


def test_a_choice_of_ones_own_ends_auto_and_its_remark() -> None:
    settings = LiveSettings(0.0, input_size="auto", fps=20)
    detector = ResizableDetector(seconds=0.5).resized("512")
    with LivePipeline(FakeSource(None, live=True, period=0.001), detector, settings=settings) as pipeline:
        wait_until(lambda: pipeline.next() and settings.remark)
        settings.input_size = "640"
        wait_until(lambda: pipeline.next() and pipeline.detector.input_sizes == ((640, 640),))
        assert settings.remark == ""


@pytest.mark.parametrize(("fps", "expected"), [(1e-6, ((300, 300), (640, 640))), (1e6, ((224, 224),))])
def test_the_chosen_detector_has_the_settings_of_the_first(
    released_weights: Path, fps: float, expected: object
) -> None:
    first = Detector.load(released_weights, classes=["person"], score_threshold=0.3, voting=True)
    detector, choice = choose_detector(first, fps)
    assert detector.input_sizes == choice.sizes == expected
    assert (detector.classes, detector.score_threshold) == (("person",), 0.3)
    assert detector.postprocess.voting


def test_there_is_nothing_to_choose_for_a_file_that_is_ready_to_run(model: Path) -> None:
    with pytest.raises(DetectorError, match=r"has one input size, 300, so there is no auto; leave it out"):
        choose_detector(Detector.load(model), 15)
    assert offered_sizes(Detector.load(model), auto=True) == []


def test_what_views_offer() -> None:
    detector = ResizableDetector()
    sizes = ["224", "256", "300", "384", "448", "512", "576", "300,512", "640"]
    assert offered_sizes(detector, auto=False) == sizes
    assert offered_sizes(detector.resized("200x400"), auto=True) == [
        *sizes[:2],
        "200x400",
        *sizes[2:],
        "auto",
    ]


@pytest.mark.parametrize("size", ["224", "300,384"])
def test_a_real_video_keeps_its_frames_and_tracks(video: Path, released_weights: Path, size: str) -> None:
    settings = LiveSettings(0.4)
    detector = Detector.load(released_weights)
    frames = []
    with LivePipeline(open_source(str(video)), detector, settings=settings, tracker=Tracker()) as pipeline:
        for live in pipeline:
            frames.append(live)
            if live.frame.number == 5:
                settings.input_size = size
            if live.frame.number == 20:
                wait_until(lambda: not any(each.name == "resize" for each in threading.enumerate()))
    assert [live.frame.number for live in frames] == list(range(VIDEO_FRAMES))
    assert {describe_sizes(live.input_sizes) for live in frames} == {"300", size}
    ids = [
        live.track_ids[live.detections.names.index("person")]
        for live in frames[5:]
        if live.track_ids is not None and "person" in live.detections.names
    ]
    assert len(ids) > 0.5 * (VIDEO_FRAMES - 5)  # a smaller input finds it less often
    assert len(set(map(int, ids))) == 1


def test_networks_that_are_not_used_any_more_are_let_go(released_weights: Path) -> None:
    settings = LiveSettings(0.4)
    opened: list[weakref.ref[object]] = []
    source = FakeSource(None, live=True, period=0.01)
    with LivePipeline(source, Detector.load(released_weights), settings=settings) as pipeline:
        for size in ("224", "256", "288", "224,256"):
            settings.input_size = size
            wait_until(
                lambda size=size: (
                    pipeline.next()
                    and settings.input_size == size  # type: ignore[misc]
                    and pipeline.detector.input_sizes[-1][0] == int(size.split(",")[-1])
                )
            )
            opened += [weakref.ref(network) for network, _ in pipeline.detector._looks._looks]
        gc.collect()
        assert [each() is not None for each in opened] == [False, False, False, True, True]
