import json
import os
import time
from collections import deque
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

from detector.detections import Detections
from detector.errors import DetectorError
from detector.video import frame_log
from detector.video.frame_log import FrameLog
from detector.video.frames import Count, Frame, LiveFrame
from detector.video.meter import Meter
from detector.video.tally import Tally


def live_frame(age=0.05):
    frame = Frame(np.zeros((48, 64, 3), np.uint8), 7, 0.28, time.monotonic() - age)
    detections = Detections(
        np.array([[1, 2, 3, 4]] * 2, np.float32),
        np.array([0.9, 0.5], np.float32),
        np.array([0, 1]),
        ("猫", "dog"),
    )
    counts = (Count("line", 1, 2), Count("zone", 3, 4, 5))
    return LiveFrame(frame, detections, np.array([5, -1]), counts, ((300, 300), (512, 512)))


def test_each_frame_is_a_line_that_others_can_read_at_once(tmp_path):
    path = tmp_path / "new" / "log.jsonl"
    log = FrameLog(path, live=True)
    log.write(live_frame())
    (line,) = path.read_text(encoding="utf-8").splitlines()
    record = json.loads(line)
    assert 50 <= record.pop("age_ms") < 5000
    assert record.pop("time").endswith("+00:00")
    assert record == {
        "frame": 7,
        "timestamp": 0.28,
        "width": 64,
        "height": 48,
        "detections": [
            {"name": "猫", "score": 0.9, "box": [1, 2, 3, 4], "track": 5},
            {"name": "dog", "score": 0.5, "box": [1, 2, 3, 4], "track": None},
        ],
        "counts": [{"name": "line", "in": 1, "out": 2}, {"name": "zone", "in": 3, "out": 4, "inside": 5}],
        "input_size": "300,512",
    }
    tally = Tally()
    tally.add(live_frame())
    log.add_summary(Meter().whole(), tally)
    log.close()
    summary = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["summary"]
    assert summary["frames"] == 0
    assert summary["counts"] == record["counts"]
    assert summary["classes"]["猫"] == {"frames": 1, "most_at_once": 1, "tracks": 1}


def test_a_file_has_no_age_and_standard_output_stays_open(capsys):
    log = FrameLog(Path("-"), live=False)
    log.write(live_frame())
    log.close()
    print("still open")
    line, last = capsys.readouterr().out.splitlines()
    assert not {"age_ms", "time"} & set(json.loads(line))
    assert last == "still open"


@pytest.mark.parametrize("before", ["", '{"frame": 0}\n', '{"frame": 0}\n{"fra'])
def test_lines_of_earlier_runs_stay(tmp_path, before):
    path = tmp_path / "log.jsonl"
    path.write_text(before)
    log = FrameLog(path, live=False)
    log.write(live_frame())
    log.close()
    *earlier, line = path.read_text().splitlines()
    assert earlier == before.splitlines()
    assert json.loads(line)["frame"] == 7
    assert log.note == (f"{path} has lines already; new ones follow them." if before else None)


def test_a_symbolic_link_and_a_pipe_are_written_through(tmp_path):
    link, target, pipe = tmp_path / "link", tmp_path / "target", tmp_path / "pipe"
    link.symlink_to(target)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for path in (link, pipe):
        log = FrameLog(path, live=False)
        log.write(live_frame())
        log.close()
    assert link.is_symlink()
    assert os.read(reader, 10_000) == target.read_bytes()
    os.close(reader)


def test_a_pipe_that_nobody_reads_is_given_up_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(frame_log, "_LAST_SECONDS", 0.1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    log = FrameLog(pipe, live=False)
    log.finish()
    with pytest.raises(DetectorError, match="Nobody reads the lines in"):
        deque(map(log.write, repeat(live_frame(), 1000)))
    log.close()
    os.close(reader)


def test_standard_output_that_is_closed(monkeypatch):
    for closed in (None, open(os.devnull, "w")):  # noqa: SIM115
        monkeypatch.setattr("sys.stdout", closed)
        with pytest.raises(DetectorError, match="Standard output is closed"):
            FrameLog(Path("-"), live=True)
        if closed:
            closed.close()


@pytest.mark.parametrize("path", ["/proc/nowhere/log.jsonl", "/"])
def test_a_place_that_cannot_be_written(path):
    with pytest.raises(DetectorError, match="Cannot write"):
        FrameLog(Path(path), live=True)


def test_a_full_disk_is_one_sentence():
    log = FrameLog(Path("/dev/full"), live=True)
    with pytest.raises(DetectorError, match="disk is full"):
        log.write(live_frame())
    log.close()
