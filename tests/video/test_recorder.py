import time

import cv2
import numpy as np
import pytest

from detector.errors import DetectorError
from detector.video import recorder as recorder_module
from detector.video.recorder import Recorder
from tests.video.conftest import wait_until

PICTURE = np.full((48, 64, 3), 90, np.uint8)


def read_video(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        good, image = capture.read()
        if not good:
            return frames, capture.get(cv2.CAP_PROP_FPS)
        frames.append(image)


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_pictures_at_uneven_times_last_as_long_as_they_did(tmp_path, suffix):
    path = tmp_path / "new" / f"out{suffix}"
    recorder = Recorder(path, 30)
    moments = np.cumsum(np.random.default_rng(0).exponential(0.1, 100)) + 5000
    for moment in moments:
        recorder.write(PICTURE, moment)
    assert not path.exists()
    recorder.close()
    frames, rate = read_video(path)
    assert len(frames) / rate == pytest.approx(moments[-1] - moments[0], rel=0.02)
    assert recorder.seconds == pytest.approx(len(frames) / rate)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_each_picture_is_where_it_was(tmp_path):
    recorder = Recorder(tmp_path / "out.avi", 10)
    for value, moment in ((0, 0.0), (80, 0.5), (160, 0.6), (240, 1.5)):
        recorder.write(np.full((48, 64, 3), value, np.uint8), moment)
    recorder.close()
    frames, _ = read_video(tmp_path / "out.avi")
    # 10 frames a second: .0 to .4 shows the first, .5 the second, .6 to 1.4 the third, 1.5 the last.
    expected = [0] * 5 + [80] + [160] * 9 + [240]
    assert [round(float(frame.mean())) for frame in frames] == pytest.approx(expected, abs=4)


def test_pictures_faster_than_the_video_are_left_out(tmp_path):
    recorder = Recorder(tmp_path / "out.avi", 10)
    for number in range(101):
        recorder.write(PICTURE, number / 100)
    recorder.close()
    frames, _ = read_video(tmp_path / "out.avi")
    assert len(frames) == 11


def test_a_source_that_changes_its_size(tmp_path):
    recorder = Recorder(tmp_path / "out.avi", 10)
    recorder.write(np.full((51, 65, 3), 200, np.uint8), 0)
    recorder.write(np.full((480, 640, 3), 200, np.uint8), 0.1)
    recorder.write(np.full((64, 16, 3), 200, np.uint8), 0.2)
    recorder.close()
    frames, _ = read_video(tmp_path / "out.avi")
    assert [frame.shape for frame in frames] == [(50, 64, 3)] * 3
    assert frames[1].mean() > 180
    assert frames[2][:, :20].mean() < 10  # black beside the narrow picture
    assert frames[2][:, 28:36].mean() > 180


def test_nothing_recorded_leaves_nothing(tmp_path):
    recorder = Recorder(tmp_path / "out.mp4", None)
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "out.avi"
    path.write_bytes(b"old")
    recorder = Recorder(path, 10)
    recorder.write(PICTURE, 0)
    assert path.read_bytes() == b"old"
    recorder.close()
    assert len(read_video(path)[0]) == 1


@pytest.mark.parametrize("name", ["out.gif", "out", "out.mp4/", "."])
def test_only_formats_that_can_be_written(tmp_path, name):
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    with pytest.raises(DetectorError):
        Recorder(tmp_path / name)


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DetectorError, match="Cannot write"):
        Recorder(tmp_path / "file" / "out.mp4")


def test_a_codec_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(recorder_module._CODECS, ".mp4", "av01")  # no wheel of OpenCV writes it
    with pytest.raises(DetectorError, match=r"no codec av01 for \.mp4 files here; try \.avi"):
        Recorder(tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_ends_the_recording_and_keeps_it(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "out.avi", 10)
    recorder.write(PICTURE, 0)
    wait_until(lambda: recorder.seconds > 0)
    monkeypatch.setattr(recorder_module, "_LEAST_FREE", 1e30)
    recorder.write(PICTURE, 60)
    with pytest.raises(DetectorError, match="disk is nearly full"):
        recorder.close()
    assert len(read_video(tmp_path / "out.avi")[0]) == 100


def test_a_live_recording_lasts_as_long_as_what_it_shows_its_silences_included(tmp_path):
    recorder = Recorder(tmp_path / "out.mp4", 30, live=True)
    start = time.monotonic()
    for pause in (0.01, 0.3, 0.02, 1.5, 0.05, 0.4):
        recorder.write(PICTURE, time.monotonic())
        time.sleep(pause)
    end = time.monotonic()
    recorder.close()
    frames, rate = read_video(tmp_path / "out.mp4")
    assert len(frames) / rate == pytest.approx(end - start, abs=0.1)


class SlowWriter:
    """A video writer on a machine that is slow."""

    seconds = 0.05

    def isOpened(self):  # noqa: N802
        return True

    def write(self, picture):
        time.sleep(self.seconds)

    def release(self):
        pass


def test_a_slow_machine_records_at_a_rate_that_it_can_keep_up_with(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "out.avi", 30, live=True)
    monkeypatch.setattr(recorder, "_open", lambda size_wh: SlowWriter())
    longest = 0.0
    for _ in range(20):
        start = time.monotonic()
        recorder.write(PICTURE, start)
        longest = max(longest, time.monotonic() - start)
        time.sleep(0.05)
    (tmp_path / recorder._temporary.name).touch()
    recorder.close()
    assert recorder.rate <= 10
    assert longest < SlowWriter.seconds * 20  # nobody waits for the whole of it


def test_a_machine_that_cannot_keep_up_at_all_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "_FALLEN_BEHIND_SECONDS", 0.5)
    recorder = Recorder(tmp_path / "out.avi", 30, live=True)
    recorder.write(PICTURE, time.monotonic() - 10)
    wait_until(lambda: recorder.seconds > 0)
    recorder.write(PICTURE, time.monotonic())
    with pytest.raises(DetectorError, match="more slowly than it comes"):
        recorder.close()
    assert (tmp_path / "out.avi").exists()
