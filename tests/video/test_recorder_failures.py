"""Where a recording cannot be written, or not as fast as pictures come."""

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.errors import DetectorError
from detector.video import encoders, recording_file
from detector.video import recorder as recorder_module
from detector.video.frame_log import FrameLog
from detector.video.recorder import Recorder
from detector.video.recording_file import RecordingFile
from tests.video.test_recorder import PICTURE, read_video, record
from tests.waiting import wait_until


def test_an_encoder_is_not_believed(tmp_path, monkeypatch):
    def encode(folder, codec, pictures, rate):
        lie = [np.zeros_like(picture) for picture in pictures] if codec == "avc1" else pictures
        return encoders_encode(folder, "mp4v", lie, rate)

    encoders_encode = encoders.encode_clip
    monkeypatch.setattr(encoders, "encode_clip", encode)
    picture = np.full((48, 64, 3), 200, np.uint8)
    assert encoders.choose_codec(tmp_path, ".mp4", [picture], 10)[0] == "mp4v"
    monkeypatch.setitem(encoders._CODECS, ".mp4", ("avc1",))
    with pytest.raises(DetectorError, match="shows something else"):
        encoders.choose_codec(tmp_path, ".mp4", [picture], 10)
    assert list(tmp_path.iterdir()) == []


ADDRESSES = ["rtsp://127.0.0.1/x.mp4", "http://host/x.mp4", "file:///tmp/x.mp4", "S3://bucket/x.avi"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_no_file(tmp_path, monkeypatch, address):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DetectorError, match="is an address; name a file"):
        Recorder(Path(address))
    assert list(tmp_path.iterdir()) == []


def test_a_name_may_have_a_colon(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(read_video(f"{tmp_path}/{record(Path('rtsp:12:30.avi')).path}")[0]) == 1


@pytest.mark.parametrize("target", ["/dev/full", "/dev/null", "loop.mp4", "/proc/nowhere.mp4"])
def test_links_to_what_is_no_file(tmp_path, target):
    link = tmp_path / "loop.mp4"
    link.symlink_to(target)
    if target == "/dev/null":
        record(link)
    else:
        with pytest.raises(DetectorError):
            record(link)
    assert link.is_symlink()


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="open descriptors are counted in /proc")
def test_what_is_refused_leaves_nothing_open_and_no_file(tmp_path):
    (tmp_path / "link.avi").symlink_to("target.mp4")
    before = open_descriptors()
    with pytest.raises(DetectorError, match=r"does not end in \.avi"):
        RecordingFile(tmp_path / "link.avi")
    assert open_descriptors() == before
    assert os.listdir(tmp_path) == ["link.avi"]


def test_an_older_file_that_may_not_be_read_is_in_nobodys_way(tmp_path, monkeypatch):
    def refuse(path, *arguments):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "out.mp4").write_bytes(b"content")
    monkeypatch.setattr(Path, "open", refuse)
    recording = RecordingFile(tmp_path / "out.mp4")
    recording.close()
    assert recording.path.name == "out-2.mp4"
    assert "out.mp4 is there already; this recording" in recording.note
    log = FrameLog(tmp_path / "out.mp4", live=False)
    log.close()
    assert "has lines already" in log.note


@pytest.mark.parametrize("error", [cv2.error("broken"), MemoryError(), OSError(5, "broken"), ValueError()])
def test_no_failure_of_the_recording_thread_is_lost(tmp_path, monkeypatch, error):
    def fail(*arguments):
        raise error

    recorder = Recorder(tmp_path / "out.avi", 10)
    monkeypatch.setattr(encoders.AviEncoder, "write", fail)
    recorder.write(PICTURE, 0)
    with pytest.raises(type(error)):
        recorder.close()


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
    monkeypatch.setitem(encoders._CODECS, ".mp4", ("av01",))  # no wheel of OpenCV writes it
    with pytest.raises(DetectorError, match=r"with codec av01 here. Try \.avi instead"):
        Recorder(tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_disk_that_fills_up_ends_the_recording_and_keeps_it(tmp_path, monkeypatch, suffix):
    recorder = Recorder(tmp_path / f"out{suffix}", 100)  # 60, in truth
    recorder.write(PICTURE, 0)
    wait_until(lambda: recorder.seconds > 0)
    monkeypatch.setattr(recording_file, "_LEAST_FREE", 1e30)
    recorder.write(PICTURE, 4)
    with pytest.raises(DetectorError, match=r"nearly full.*ends here; what came before is in it"):
        recorder.close()
    assert len(read_video(recorder.path)[0]) == 100


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_disk_that_is_full_from_the_start_leaves_no_file_and_says_so(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(recording_file, "_LEAST_FREE", 1e30)
    with pytest.raises(DetectorError, match=r"nearly full, so .* is not recorded; free some space"):
        Recorder(tmp_path / f"out{suffix}")
    assert list(tmp_path.iterdir()) == []


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


class SlowEncoder:
    """An encoder on a machine that is slow."""

    seconds = 0.05

    def __init__(self, *arguments):
        pass

    def write(self, picture):
        time.sleep(self.seconds)

    def close(self):
        pass


def test_a_slow_machine_records_at_a_rate_that_it_can_keep_up_with(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "out.avi", 30, live=True)
    monkeypatch.setattr(recorder_module, "choose_codec", lambda *arguments: ("MJPG", SlowEncoder.seconds))
    monkeypatch.setattr(recorder_module, "AviEncoder", SlowEncoder)
    longest = 0.0
    for _ in range(20):
        start = time.monotonic()
        recorder.write(PICTURE, start)
        longest = max(longest, time.monotonic() - start)
        time.sleep(0.05)
    recorder.close()
    assert recorder.rate <= 10
    assert longest < SlowEncoder.seconds * 20  # nobody waits for the whole of it


def test_a_machine_that_slept_goes_on_recording(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "out.avi", 10, live=True)
    recorder.write(PICTURE, time.monotonic())
    wait_until(lambda: recorder.seconds > 0)
    clock = recorder_module.time.monotonic
    slept = 3600.0

    class Later:
        sleep, monotonic = time.sleep, staticmethod(lambda: clock() + slept)

    monkeypatch.setattr(recorder_module, "time", Later)
    recorder.write(PICTURE, clock() + slept)
    recorder.close()
    assert 0 < recorder.seconds < 60


def test_a_machine_that_cannot_keep_up_at_all_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "_FALLEN_BEHIND_SECONDS", 0.5)
    recorder = Recorder(tmp_path / "out.avi", 30, live=True)
    recorder.write(PICTURE, time.monotonic() - 10)
    wait_until(lambda: recorder.seconds > 0)
    recorder.write(PICTURE, time.monotonic())
    with pytest.raises(DetectorError, match="more slowly than it comes"):
        recorder.close()
    assert (tmp_path / "out.avi").exists()
