"""The live pipeline: capture, detection and whoever looks at the result, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType

import numpy as np

from detector.detections import Detections
from detector.errors import ArgumentError
from detector.input_sizes import describe_sizes
from detector.runtime import Detector
from detector.runtime.second_stage import SecondStage
from detector.video.capture import STALL_SECONDS
from detector.video.channel import Channel, ChannelClosedError
from detector.video.counting import CountLine, CountZone
from detector.video.frames import Frame, LiveFrame
from detector.video.kinds import TrackKinds
from detector.video.meter import Meter
from detector.video.resizing import Resizer
from detector.video.settings import LiveSettings
from detector.video.sources import Source
from detector.video.tracking import Tracker

_PAUSE_SECONDS = 0.05  # how often a paused pipeline looks whether it may go on


class LivePipeline:
    """Detects in the frames of a source while the next ones are captured and the last ones are shown.

    ``for live in pipeline`` gives ``LiveFrame`` after ``LiveFrame``. Of a live source only the newest frame
    is ever processed, and only the newest result given, so nothing piles up and grows old; of a file, every
    frame in order. Use it in a ``with`` block.

    >>> from detector import Detector, LivePipeline, open_source
    >>> from detector.data.sample import SAMPLE_FOLDER
    >>> with LivePipeline(open_source(SAMPLE_FOLDER), Detector.load()) as pipeline:
    ...     for live in pipeline:
    ...         print(live.frame.number, live.detections.names)
    0 ['person']
    1 ['person']
    2 ['cat']
    3 ['cup', 'dining table']

    Args:
        source: where frames come from; the pipeline closes it.
        detector: finds the objects, with the score threshold of ``settings``, at its own input size until
            they want another; it may be that of several pipelines, and keeps its own threshold and size. A
            ``SecondStage`` gives them their kinds, too.
        settings: threshold, classes, input size and pause, to be changed at any time; made if not given.
        tracker: gives track ids; must be there if there are counters.
        counters: lines and zones.
        on_frame: called with every processed frame, in order and in the detector's thread, whether anybody
            looks at it or not.
        max_frames: process so many frames and end.

    Attributes:
        meter: how fast it is and how old what it shows.
    """

    def __init__(
        self,
        source: Source,
        detector: Detector | SecondStage,
        *,
        settings: LiveSettings | None = None,
        tracker: Tracker | None = None,
        counters: Sequence[CountLine | CountZone] = (),
        on_frame: Callable[[LiveFrame], None] | None = None,
        max_frames: int | None = None,
    ) -> None:
        self._kinds: TrackKinds | None = None
        if isinstance(detector, SecondStage):
            self._kinds, detector = TrackKinds(detector), detector.detector
        if not (hasattr(source, "read") and hasattr(detector, "share")):
            raise ArgumentError("Expected what open_source gives, and a Detector")
        self.source = source
        self.settings = settings or LiveSettings(detector.score_threshold)
        self._resizer = Resizer(detector.share(), self.settings, live=source.live)
        self.meter = Meter()
        if counters and tracker is None:
            raise ValueError("lines and zones count tracks, so they need a tracker")
        self._tracker = tracker
        self._counters = tuple(counters)
        self._on_frame = on_frame
        self._max_frames = max_frames
        self._closing = threading.Event()
        self._captured: Channel[Frame] = Channel(newest_only=source.live, capacity=2)
        self._results: Channel[LiveFrame] = Channel(newest_only=source.live, capacity=2)
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._run, args=(step, channel), name=name, daemon=True)
            for name, step, channel in (
                ("capture", self._capture, self._captured),
                ("detect", self._detect, self._results),
            )
        ]
        for thread in self._threads:
            thread.start()

    def __repr__(self) -> str:
        return f"<LivePipeline: {self.source.name} with {self.detector!r}>"

    @property
    def detector(self) -> Detector:
        """What the next frame is looked at with."""
        return self._resizer.detector

    @property
    def notice(self) -> str | None:
        """Why there is no picture, while there is none."""
        return self.source.notice

    def next(self, timeout: float | None = None) -> LiveFrame | None:
        """The next result; None if there is none within so many seconds.

        Raises:
            ChannelClosedError: the source has ended, or the pipeline is closed.
            Exception: what ended one of its threads.
        """
        try:
            return self._results.take(timeout)
        except ChannelClosedError:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure from None
            raise

    def shown(self, live: LiveFrame) -> None:
        """Tell the meter that a frame has been shown. Iteration does it by itself."""
        self.meter.add_shown(live.frame.captured_at if self.source.live else None)

    def __iter__(self) -> Iterator[LiveFrame]:
        while True:
            try:
                live = self.next()
            except ChannelClosedError:
                return
            if live is not None:
                yield live
                self.shown(live)

    def __enter__(self) -> LivePipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and close the source. A stream that is just being waited for takes some seconds."""
        self._closing.set()
        self._captured.abandon()
        self._results.abandon()
        self.source.close()
        for thread in self._threads:
            thread.join(timeout=STALL_SECONDS + 1)
        self._resizer.close()

    def _run(self, step: Callable[[], None], output: Channel[Frame] | Channel[LiveFrame]) -> None:
        try:
            step()
        except BaseException as failure:
            self._failure = failure
            self._results.finish()
        output.finish()

    def _capture(self) -> None:
        while True:
            start = time.monotonic()
            frame = self.source.read()
            self.meter.add_stage("capture", time.monotonic() - start)
            if frame is None or not self._captured.put(frame):
                return

    def _detect(self) -> None:
        follow = self._newest if self.source.live else self._every
        for count, found in enumerate(follow(), start=1):
            live = self._analyse(found)
            if self._on_frame is not None:
                self._on_frame(live)
            if not self._results.put(live) or count == self._max_frames:
                return

    def _newest(self) -> Iterator[LiveFrame]:
        """Frame by frame with all processors on each: the least time from frame to result."""
        expected = 0
        for frame in self._frames():
            if self.settings.paused:
                expected = frame.number + 1
                self.meter.pause()
                continue
            self.meter.begin()
            sizes, start = self.detector.input_sizes, time.monotonic()
            detections = self.detector.detect(frame.image)
            seconds = time.monotonic() - start
            self.meter.add_stage("detect", seconds)
            self.meter.add_detected(frame.number - expected, describe_sizes(sizes))
            self._resizer.add(sizes, seconds)
            expected = frame.number + 1
            yield LiveFrame(frame, detections, input_sizes=sizes)
            self._resizer.exchange()

    def _every(self) -> Iterator[LiveFrame]:
        """Several frames at once, a processor for each: the most frames a second."""
        waiting: deque[Frame] = deque()
        frames = self._frames()
        ended = False

        def until_exchange() -> Iterator[Frame]:
            nonlocal ended
            for frame in frames:
                while self.settings.paused and not self._closing.wait(_PAUSE_SECONDS):
                    self.meter.pause()
                self.meter.begin()
                waiting.append(frame)
                yield frame
                if self._resizer.exchange():
                    return
            ended = True

        while not ended:
            sizes = self.detector.input_sizes
            results = self.detector.detect_batch(
                until_exchange(), load=lambda frame: frame.image, took=partial(self.meter.add_stage, "detect")
            )
            for detections in results:
                self.meter.add_detected(0, describe_sizes(sizes))
                yield LiveFrame(waiting.popleft(), detections, input_sizes=sizes)

    def _frames(self) -> Iterator[Frame]:
        while True:
            try:
                frame = self._captured.take()
            except ChannelClosedError:
                return
            if frame is not None:
                score = self.settings.score_threshold
                weak = self._tracker is not None or self._wants_weak
                self.detector.score_threshold = Tracker.needed_score(score) if weak else score
                yield frame

    def _analyse(self, found: LiveFrame) -> LiveFrame:
        """What is to be shown of what was found in a frame, with tracks and counts."""
        start = time.monotonic()
        frame, detections = found.frame, found.detections
        classes, score_threshold = self.settings.classes, self.settings.score_threshold
        if classes is not None:
            detections = detections[np.array([name in classes for name in detections.names], bool)]
        if self._tracker is None:
            # The threshold may have been raised since.
            shown = detections.scores >= score_threshold
            weak = detections[~shown] if self._wants_weak else None
            return self._with_kinds(replace(found, detections=detections[shown], weak=weak))
        everything = detections
        detections, track_ids = self._tracker(everything, frame.timestamp, score_threshold)
        size_wh = (frame.image.shape[1], frame.image.shape[0])
        counts = tuple(counter.update(detections.boxes, track_ids, size_wh) for counter in self._counters)
        self.meter.add_stage("track", time.monotonic() - start)
        weak = _without(everything, detections) if self._wants_weak else None
        return self._with_kinds(
            replace(found, detections=detections, track_ids=track_ids, counts=counts, weak=weak)
        )

    def _with_kinds(self, live: LiveFrame) -> LiveFrame:
        if self._kinds is None:
            return live
        start = time.monotonic()
        frame = live.frame
        detections = self._kinds(frame.image, live.detections, live.track_ids, frame.timestamp)
        self.meter.add_stage("classify", time.monotonic() - start)
        return replace(live, detections=detections)

    @property
    def _wants_weak(self) -> bool:
        return self.settings.mark is not None


def _without(detections: Detections, shown: Detections) -> Detections:
    """Those that are not among those shown."""
    same = (detections.boxes[:, None] == shown.boxes[None]).all(axis=2)
    same &= detections.labels[:, None] == shown.labels[None]
    return detections[~same.any(axis=1)]
