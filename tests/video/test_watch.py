import threading
import time
from dataclasses import replace

import pytest

from detector.video import watch as watch_module
from detector.video.overlay import live_drawer
from detector.video.pipeline import LivePipeline
from detector.video.settings import LiveSettings
from detector.video.watch import watch
from tests.video.conftest import FakeDetector, FakeSource


class FakeView:
    """Notes what it is shown; ``react`` may do something about it."""

    def __init__(self, react=lambda view: None):
        self.closed = False
        self.numbers, self.times, self.notices = [], [], []
        self.idle = 0
        self._react = react

    def show(self, live, stats, notice):
        self.notices.append(notice)
        if live is None:
            self.idle += 1
        else:
            self.numbers.append(live.frame.number)
            self.times.append(time.monotonic())
        self._react(self)
        return True

    def close(self):
        pass


class FakeRecorder:
    def __init__(self):
        self.moments = []

    def write(self, picture, moment):
        self.moments.append(moment)


def run(source, view, stop=None, settings=None, **options):
    with LivePipeline(source, FakeDetector(), settings=settings or LiveSettings(0.0)) as pipeline:
        watch(pipeline, view, draw=live_drawer(), stop=stop or threading.Event(), **options)
    return pipeline


def test_a_file_is_shown_to_its_end():
    view = FakeView()
    pipeline = run(FakeSource(40, live=False), view)
    assert view.numbers == list(range(40))
    assert pipeline.meter.whole().shown == 40


def test_a_paced_file_takes_as_long_as_it_lasts():
    view = FakeView()
    run(FakeSource(26, live=False), view, paced=True)  # 25 frames a second
    assert 0.99 < view.times[-1] - view.times[0] < 5
    assert view.numbers == list(range(26))


def test_it_ends_when_the_view_is_closed_or_it_is_told_to_or_there_are_enough():
    def close(view):
        view.closed = len(view.numbers) == 5

    view = FakeView(close)
    run(FakeSource(None, live=False), view)
    assert view.numbers == list(range(5))

    stop = threading.Event()
    view = FakeView(lambda view: stop.set() if len(view.numbers) == 7 else None)
    run(FakeSource(None, live=True, period=0.001), view, stop=stop)
    assert len(view.numbers) == 7


@pytest.mark.parametrize("live", [False, True])
def test_a_pause_holds_the_picture_and_loses_no_frame_of_a_file(live):
    settings = LiveSettings(0.0)

    def react(view):
        if len(view.numbers) == 3 and not view.idle:
            settings.paused = True
        if settings.paused and view.idle == 5:
            assert len(view.numbers) == 3
            settings.paused = False
        view.closed = len(view.numbers) == 6

    view = FakeView(react)
    run(FakeSource(None, live=live, period=0.001), view, settings=settings)
    assert len(view.numbers) == 6
    if not live:
        assert view.numbers == list(range(6))


def test_a_source_that_has_ended_is_held_on_screen():
    view = FakeView(lambda view: setattr(view, "closed", view.idle > 3))
    run(FakeSource(2, live=False), view, hold="over")
    assert view.numbers == [0, 1]
    assert view.notices[-1] == "over"


def test_why_there_is_no_picture_is_shown():
    source = FakeSource(None, live=True, period=0.5)
    source.notice = "gone"
    view = FakeView(lambda view: setattr(view, "closed", view.idle > 2))
    run(source, view)
    assert view.notices[-1] == "gone"


def test_a_file_is_recorded_by_its_own_time_and_a_camera_by_the_clock():
    recorder = FakeRecorder()
    run(FakeSource(10, live=False), FakeView(), recorder=recorder)
    assert recorder.moments == pytest.approx([n / 25 for n in range(10)])

    recorder = FakeRecorder()
    start = time.monotonic()
    view = FakeView(lambda view: setattr(view, "closed", len(view.numbers) == 5))
    run(FakeSource(None, live=True, period=0.1), view, recorder=recorder)
    assert all(start < moment < time.monotonic() for moment in recorder.moments)


@pytest.mark.parametrize("gap", [95_443.0, -95_443.0, float("nan"), float("inf")])
def test_a_gap_in_the_time_of_a_file_is_not_waited_for(monkeypatch, gap):
    monkeypatch.setattr(watch_module, "_LONGEST_WAIT", 0.3)
    source = FakeSource(10, live=False)
    read = source.read

    def read_with_gap():
        frame = read()
        if frame is not None and frame.number >= 5:
            frame = replace(frame, timestamp=frame.timestamp + gap)
        return frame

    source.read = read_with_gap
    view = FakeView()
    start = time.monotonic()
    run(source, view, paced=True)
    assert view.numbers == list(range(10))
    assert time.monotonic() - start < 5


def test_files_are_completed_before_anybody_reads_that_the_source_has_ended():
    told = []
    view = FakeView(lambda view: setattr(view, "closed", view.idle > 3))
    run(FakeSource(2, live=False), view, hold="over", ended=lambda: told.append(list(view.notices)))
    assert told == [[None, None]]
    assert view.notices[-1] == "over"
