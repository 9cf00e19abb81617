import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from detector.video.channel import ChannelClosedError
from detector.video.counting import CountLine
from detector.video.pipeline import LivePipeline
from detector.video.settings import LiveSettings
from detector.video.sources import open_source
from detector.video.tracking import Tracker
from tests.video.conftest import VIDEO_FRAMES, FakeDetector, FakeSource
from tests.waiting import wait_until


def test_every_frame_of_a_file_in_order():
    logged = []
    with LivePipeline(
        FakeSource(100, live=False),
        FakeDetector(),
        settings=LiveSettings(0.0),
        on_frame=lambda live: logged.append(live.frame.number),
    ) as pipeline:
        frames = list(pipeline)
    assert [live.frame.number for live in frames] == logged == list(range(100))
    for live in frames:
        assert live.detections.scores == pytest.approx([live.frame.number / 255])
        assert live.image[0, 0, 0] == live.frame.number
    stats = pipeline.meter.whole()
    assert (stats.frames, stats.shown, stats.skipped) == (100, 100, 0)
    assert {"capture", "detect"} <= set(stats.stages)


def test_only_the_newest_frame_of_a_live_source():
    source = FakeSource(None, live=True, period=0.002)
    detector = FakeDetector(seconds=0.05)
    logged = []
    with LivePipeline(source, detector, on_frame=lambda live: logged.append(live.frame.number)) as pipeline:
        shown = []
        for live in pipeline:
            shown.append(live.frame.number)
            if len(shown) == 8:
                break
    assert source.closed
    # A detection lasts as long as 25 frames, so most are skipped, and a pile of old ones never forms.
    assert all(b - a > 3 for a, b in pairwise(shown[1:]))
    assert set(shown) <= set(logged)
    stats = pipeline.meter.whole()
    assert stats.skipped >= 7 * 3


def test_a_slow_viewer_gets_the_newest_result_and_does_not_slow_the_detector():
    detector = FakeDetector(seconds=0.001)
    with LivePipeline(FakeSource(None, live=True, period=0.002), detector) as pipeline:
        looked = 0.0
        for count, live in enumerate(pipeline):
            # Captured while the last one was looked at, not before.
            assert live.frame.captured_at > looked
            looked = time.monotonic()
            before = len(detector.seen)
            wait_until(lambda before=before: len(detector.seen) > before + 10)
            if count == 3:
                break


@pytest.mark.parametrize("live", [False, True])
def test_the_next_frames_are_detected_while_one_is_looked_at(live):
    detector = FakeDetector()
    with LivePipeline(FakeSource(None, live=live, period=0.001), detector) as pipeline:
        for count, _ in enumerate(pipeline):
            seen = len(detector.seen)
            if count == 3:
                break
            wait_until(lambda before=seen: len(detector.seen) > before)


def test_threshold_and_classes_hold_from_the_next_frame_on():
    settings = LiveSettings(0.0)
    with LivePipeline(FakeSource(200, live=False), FakeDetector(), settings=settings) as pipeline:
        for live in pipeline:
            if live.frame.number == 50:
                settings.score_threshold = 0.9
            if live.frame.number == 100:
                settings.score_threshold = 0.1
            if live.frame.number == 150:
                settings.classes = frozenset({"dog"})
            found = len(live.detections)
            if 60 < live.frame.number < 100 or live.frame.number > 160:
                assert not found
            elif 110 < live.frame.number < 150:
                assert found == 1


def test_a_paused_live_pipeline_detects_nothing():
    detector = FakeDetector()
    settings = LiveSettings(0.0)
    with LivePipeline(FakeSource(None, live=True, period=0.001), detector, settings=settings) as pipeline:
        assert pipeline.next() is not None
        settings.paused = True
        time.sleep(0.1)
        seen = len(detector.seen)
        time.sleep(0.2)
        assert len(detector.seen) == seen
        settings.paused = False
        wait_until(lambda: len(detector.seen) > seen + 5)


def test_the_detector_has_its_own_threshold_again():
    detector = FakeDetector()
    detector.score_threshold = 0.4
    with LivePipeline(FakeSource(3, live=False), detector, settings=LiveSettings(0.2)) as pipeline:
        assert len(list(pipeline)) == 3
        assert pipeline.detector.score_threshold == 0.2
        assert detector.score_threshold == 0.4
    assert detector.score_threshold == 0.4


def test_so_many_frames_and_no_more():
    logged = []
    with LivePipeline(
        FakeSource(None, live=False), FakeDetector(), on_frame=logged.append, max_frames=5
    ) as pipeline:
        assert len(list(pipeline)) == len(logged) == 5
    assert pipeline.meter.whole().frames == 5


def test_a_paused_file_waits():
    settings = LiveSettings(0.0)
    with LivePipeline(FakeSource(50, live=False), FakeDetector(), settings=settings) as pipeline:
        assert pipeline.next() is not None
        settings.paused = True
        while pipeline.next(timeout=0.3) is not None:
            pass
        settings.paused = False
        *_, last = pipeline
    assert last.frame.number == 49


@pytest.mark.parametrize("live", [False, True])
def test_a_failure_in_a_thread_reaches_whoever_looks_on(live):
    with (
        LivePipeline(FakeSource(None, live=live, period=0.001), FakeDetector(broken=20)) as pipeline,
        pytest.raises(RuntimeError, match="broken on purpose"),
    ):
        for _ in pipeline:
            pass


def test_a_failure_of_the_source_reaches_whoever_looks_on():
    class Broken(FakeSource):
        def read(self):
            raise OSError("no more")

    with (
        LivePipeline(Broken(None, live=True), FakeDetector()) as pipeline,
        pytest.raises(OSError, match="no more"),
    ):
        list(pipeline)


def test_closing_early_leaves_no_thread_behind():
    before = threading.active_count()
    for live in (False, True):
        pipeline = LivePipeline(FakeSource(None, live=live), FakeDetector())
        assert pipeline.next(timeout=5) is not None
        pipeline.close()
        pipeline.close()
        with pytest.raises(ChannelClosedError):
            pipeline.next()
    assert threading.active_count() == before


def test_counters_without_a_tracker_are_a_mistake():
    with pytest.raises(ValueError, match="tracker"):
        LivePipeline(FakeSource(1, live=False), FakeDetector(), counters=[CountLine([0, 0, 1, 1])])


def test_a_real_video_a_real_detector_and_real_tracks(video, detector):
    settings = LiveSettings(0.4)
    with LivePipeline(
        open_source(str(video)),
        detector,
        settings=settings,
        tracker=Tracker(),
        counters=[CountLine([0, 0.02, 1, 0.02])],
    ) as pipeline:
        frames = list(pipeline)
    assert len(frames) == VIDEO_FRAMES
    people = [live for live in frames if "person" in live.detections.names]
    assert len(people) > 0.9 * VIDEO_FRAMES
    ids = [live.track_ids[live.detections.names.index("person")] for live in people[5:]]
    assert len(set(np.array(ids).tolist())) == 1
    record = frames[-1].to_dict()
    assert record["frame"] == VIDEO_FRAMES - 1
    assert record["counts"] == [{"name": "line", "in": 0, "out": 0}]
    assert {"name", "score", "box", "track"} == set(record["detections"][0])
