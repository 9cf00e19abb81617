import json
import time
from pathlib import Path

import numpy as np
import pytest

from detector.detections import Detections
from detector.errors import DetectorError
from detector.video.frame_log import FrameLog
from detector.video.frames import Count, Frame, LiveFrame
from detector.video.meter import Meter


def live_frame(age=0.05):
    frame = Frame(np.zeros((48, 64, 3), np.uint8), 7, 0.28, time.monotonic() - age)
    detections = Detections(
        np.array([[1, 2, 3, 4]] * 2, np.float32),
        np.array([0.9, 0.5], np.float32),
        np.array([0, 1]),
        ("猫", "dog"),
    )
    return LiveFrame(frame, detections, np.array([5, -1]), (Count("line", 1, 2), Count("zone", 3, 4, 5)))


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
    }
    log.add_summary(Meter().whole())
    log.close()
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["summary"]["frames"] == 0


def test_a_file_has_no_age_and_standard_output_stays_open(capsys):
    log = FrameLog(Path("-"), live=False)
    log.write(live_frame())
    log.close()
    print("still open")
    line, last = capsys.readouterr().out.splitlines()
    assert not {"age_ms", "time"} & set(json.loads(line))
    assert last == "still open"


@pytest.mark.parametrize("path", ["/proc/nowhere/log.jsonl", "/"])
def test_a_place_that_cannot_be_written(path):
    with pytest.raises(DetectorError, match="Cannot write"):
        FrameLog(Path(path), live=True)


def test_a_full_disk_is_one_sentence():
    log = FrameLog(Path("/dev/full"), live=True)
    with pytest.raises(DetectorError, match="disk is full"):
        log.write(live_frame())
    log.close()
