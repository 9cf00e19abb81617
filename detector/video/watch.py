"""From the pipeline to whoever looks at it: the loop that shows, records and ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from detector.images import Image
from detector.video.channel import ChannelClosedError
from detector.video.frames import LiveFrame
from detector.video.pipeline import LivePipeline
from detector.video.recorder import Recorder
from detector.video.view import View

_LOOK_SECONDS = 0.03  # how long a view goes without a chance to look at its keys
_LATE_SECONDS = 0.1  # a video that is so late is not hurried
_LONGEST_WAIT = 5.0  # seconds between two frames of a file, whatever its times say


def watch(  # eight arguments, given by name: what is shown, recorded, held and told are separate choices
    pipeline: LivePipeline,
    view: View,
    *,
    draw: Callable[[LiveFrame], Image],
    stop: threading.Event,
    recorder: Recorder | None = None,
    paced: bool = False,
    hold: str | None = None,
    ended: Callable[[], None] = lambda: None,
) -> None:
    """Show what comes out of a pipeline until the source ends, the view is closed or ``stop`` is set.

    Args:
        pipeline: what to show.
        view: where to.
        draw: makes the picture that is recorded.
        stop: ends it from outside, a signal handler for example.
        recorder: what to record with, if at all.
        paced: show a file as fast as it is meant to be, not as fast as it can be.
        hold: keep the last frame on screen when the source has ended, with this notice over it, or none if
            it is empty; None to end with the source.
        ended: called when the source has ended, before anybody reads so: it completes what is written.

    Raises:
        DetectorError: what ended the pipeline or the recording.
    """
    live_source = pipeline.source.live
    pace = _Pace() if paced and not live_source else None
    while not (stop.is_set() or view.closed):
        if pipeline.settings.paused and not live_source:
            _idle(pipeline, view)
            continue
        try:
            live = pipeline.next(timeout=_LOOK_SECONDS)
        except ChannelClosedError:
            ended()
            pipeline.settings.ended = True
            if hold is not None:
                _hold(pipeline, view, stop, hold or None)
            return
        if live is None or (pipeline.settings.paused and live_source):
            _show_nothing_new(pipeline, view)
            continue
        while (delay := pace.delay(live) if pace else 0.0) > 0 or (pipeline.settings.paused and pace):
            if stop.is_set() or view.closed:
                return
            _idle(pipeline, view, delay if delay > 0 else _LOOK_SECONDS)
        start = time.monotonic()
        if recorder is not None:
            recorder.write(draw(live), live.frame.captured_at if live_source else live.frame.timestamp)
        if view.show(live, pipeline.meter.recent(), pipeline.notice):
            pipeline.meter.add_stage("display", time.monotonic() - start)
            pipeline.shown(live)


def _idle(pipeline: LivePipeline, view: View, seconds: float = _LOOK_SECONDS) -> None:
    _show_nothing_new(pipeline, view)
    time.sleep(min(seconds, _LOOK_SECONDS))


def _show_nothing_new(pipeline: LivePipeline, view: View) -> None:
    view.show(None, pipeline.meter.recent(), None if pipeline.settings.paused else pipeline.notice)


def _hold(pipeline: LivePipeline, view: View, stop: threading.Event, notice: str | None) -> None:
    stats = pipeline.meter.recent()
    while not (stop.is_set() or view.closed):
        view.show(None, stats, notice)
        time.sleep(_LOOK_SECONDS)


class _Pace:
    """When each frame of a file is due."""

    def __init__(self) -> None:
        self._start: float | None = None

    def delay(self, live: LiveFrame) -> float:
        """Seconds until the frame is due; 0 or less when it is."""
        now, timestamp = time.monotonic(), live.frame.timestamp
        delay = 0.0 if self._start is None else self._start + timestamp - now
        # Also a time that is no number: the clock begins anew with this frame.
        if self._start is None or not -_LATE_SECONDS <= delay <= _LONGEST_WAIT:
            delay = _LONGEST_WAIT if delay > _LONGEST_WAIT else 0.0
            self._start = now + delay - timestamp
        return delay
