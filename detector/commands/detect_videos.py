"""``ssdlite detect VIDEO``: a video with what was found, and a line of JSON for each frame."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import cv2
from tqdm import tqdm

from detector.commands.detect_sources import shown_source
from detector.detections import Detections
from detector.errors import SourceError
from detector.runtime import Detector
from detector.runtime.second_stage import SecondStage
from detector.system.invocation import command
from detector.system.progress import bars_hidden
from detector.system.terminal import counted
from detector.video.frame_log import FrameLog
from detector.video.frames import Frame, LiveFrame
from detector.video.overlay import live_drawer
from detector.video.recorder import Recorder
from detector.video.sources import Source, open_source
from detector.video.tally import Tally


def detect_in_video(
    source: str,
    stem: Path,
    detector: Detector | SecondStage,
    say: Callable[[str], None],
    *,
    begun: Callable[[dict[str, str]], None],
) -> None:
    """Write ``stem``.mp4 and ``stem``.jsonl with what is found in each frame of a video.

    Names that are taken get a number; ``begun`` is told which files they are. What is written can be played
    wherever it ends.

    Raises:
        SourceError: no video that can be read, or a camera's stream, which has no end.
        DetectorError: one of the files cannot be written.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what fails is said here, once
    with closing(open_source(source)) as opened:
        if opened.live:
            demo = command("demo", "--source", "ADDRESS")
            raise SourceError(f"{opened.name} is live and has no end; `{demo}` detects in it.")
        demo = command("demo", "--source", shown_source(source))
        say(f"Looking at every frame of {opened.name}; `{demo}` shows a video meanwhile.")
        recorder = Recorder(stem.with_name(f"{stem.name}.mp4"), opened.fps)
        with closing(recorder), closing(FrameLog(recorder.path.with_suffix(".jsonl"), live=False)) as log:
            files = {"annotated": str(recorder.path), "frames": str(recorder.path.with_suffix(".jsonl"))}
            begun({"video": shown_source(source), **files})
            draw, tally, frames = live_drawer(), Tally(), 0
            try:
                for live in _look_at(opened, detector):
                    frames += 1
                    log.write(live)
                    recorder.write(draw(live), live.frame.timestamp)
                    tally.add(live)
            except KeyboardInterrupt:
                if frames:
                    say(f"{recorder.path} ends where it was stopped.")
                raise
        say(f"{opened.name}: {' '.join(tally.sentences())}")
        say(f"{recorder.path} and {recorder.path.stem}.jsonl have {counted(frames, 'frame')} of it.")
        if remark := getattr(opened, "remark", None):
            say(remark)


def _look_at(source: Source, detector: Detector | SecondStage) -> Iterator[LiveFrame]:
    """Each frame with what is found in it, by all processors."""
    ahead, shown = itertools.tee(_frames(source))
    found: Iterator[Detections] = detector.detect_batch(frame.image for frame in ahead)
    bar = tqdm(desc="detecting", unit="frame", disable=bars_hidden(), leave=False)
    with closing(bar):
        for detections, frame in zip(found, shown, strict=False):
            yield LiveFrame(frame, detections, input_sizes=detector.input_sizes)
            bar.update()


def _frames(source: Source) -> Iterator[Frame]:
    while (frame := source.read()) is not None:
        yield frame
