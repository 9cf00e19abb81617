import itertools
import math
import os
import stat
import subprocess
import sys
import threading
from functools import partial

import cv2
import numpy as np
import pytest

from detector.errors import DetectorError
from detector.video import recording_file
from detector.video.recorder import Recorder
from detector.video.recording_file import RecordingFile

PICTURE = np.full((48, 64, 3), 90, np.uint8)


def read_video(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        good, image = capture.read()
        if not good:
            return frames, capture.get(cv2.CAP_PROP_FPS)
        frames.append(image)


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".MP4"])
def test_pictures_at_uneven_times_last_as_long_as_they_did(tmp_path, suffix):
    path = tmp_path / "new" / f"out{suffix}"
    recorder = Recorder(path, 30)
    moments = np.cumsum(np.random.default_rng(0).exponential(0.1, 100)) + 5000
    for moment in moments:
        recorder.write(PICTURE, moment)
    recorder.close()
    frames, rate = read_video(path)
    assert len(frames) / rate == pytest.approx(moments[-1] - moments[0], rel=0.02)
    assert recorder.seconds == pytest.approx(len(frames) / rate)
    assert recorder.remarks == []
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


def record(path, frames=1, rate=10):
    recorder = Recorder(path, rate)
    for number in range(frames):
        recorder.write(PICTURE, number / rate)
    recorder.close()
    return recorder


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_what_was_recorded_stays_and_the_next_one_gets_a_number(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    assert record(path).note is None
    before = path.read_bytes()
    second, third = record(path), record(path)
    assert second.note == f"{path} is there already; this recording goes into {tmp_path / f'out-2{suffix}'}."
    assert third.path.name == f"out-3{suffix}"
    assert path.read_bytes() == before
    assert len(read_video(third.path)[0]) == 1
    assert record(second.path).path.name == f"out-2-2{suffix}"


def test_an_empty_file_is_filled_and_two_recorders_never_share_one(tmp_path):
    path = tmp_path / "out.mp4"
    path.touch()
    first, second = Recorder(path), Recorder(path)
    assert (first.path.name, second.path.name) == ("out.mp4", "out-2.mp4")
    first.close()
    second.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]  # as empty as it was


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_symbolic_link_stays_one_and_what_it_points_to_is_written(tmp_path, suffix):
    other, link = tmp_path / "disk" / f"target{suffix}", tmp_path / f"link{suffix}"
    other.parent.mkdir()
    link.symlink_to(other)
    record(link)
    record(link)
    assert link.is_symlink()
    assert sorted(entry.name for entry in other.parent.iterdir()) == [f"target-2{suffix}", f"target{suffix}"]
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [link.name]


def test_a_pipe_is_written_through(tmp_path):
    pipe, copy = tmp_path / "out.mp4", tmp_path / "copy.mp4"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: copy.write_bytes(pipe.read_bytes()))
    reader.start()
    record(pipe, 25)
    reader.join()
    assert len(read_video(copy)[0]) == 25
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_without_a_reader_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(recording_file, "_READER_SECONDS", 0.1)
    monkeypatch.setattr(recording_file, "_STUCK_SECONDS", 0.1)
    pipe = tmp_path / "out.mp4"
    os.mkfifo(pipe)
    with pytest.raises(DetectorError, match="start its reader first"):
        Recorder(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # one that reads nothing
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    recorder = Recorder(pipe)
    recorder.write(noise, 0)
    with pytest.raises(DetectorError, match="nobody reads the pipe"):
        recorder.close()
    os.close(reader)


PLAYED_WHEN_CUT = """
import sys, numpy as np
from pathlib import Path
from detector.video.recorder import Recorder
from detector.video.recording_file import RecordingFile
noise = np.random.default_rng(0).integers(0, 100, (100, 240, 320, 1), np.uint8)
pictures = (noise // 3 + np.arange(100, dtype=np.uint8)[:, None, None, None]).repeat(3, axis=3)
recorder = Recorder(Path(sys.argv[1]), 10)
for number in range(10_000):
    recorder.write(pictures[number % 100], number / 10)
    if recorder.seconds > 6:
        print("recorded", flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_recording_whose_program_was_killed_can_be_played(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    killed = subprocess.Popen(
        [sys.executable, "-c", PLAYED_WHEN_CUT, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert killed.stdout.readline() == b"recorded\n"
    killed.kill()
    killed.communicate()
    frames, rate = read_video(path)
    assert rate == 10
    assert len(frames) > 30  # two seconds, or what FFmpeg has not written yet, are lost
    # A clip may have been killed before it lost its name; a later recording removes it.
    names = {entry.name for entry in tmp_path.iterdir() if not entry.name.startswith(".ssdlite-clip-")}
    assert names == {path.name}
    if suffix == ".mp4":
        levels = [float(frame.mean()) for frame in frames]
        assert levels == pytest.approx([16.2 + number for number in range(len(frames))], abs=4)
        assert "was cut off" in record(path).note
        assert "cut off" not in record(tmp_path / "out-2.mp4").note


def cut_short(write, share, data):
    write(data[: round(share * len(data))])
    raise KeyboardInterrupt


@pytest.mark.parametrize("share", np.linspace(0, 1, 12))
def test_a_write_that_power_or_a_signal_cuts_short_takes_nothing_that_was_there(tmp_path, share):
    whole, path = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    record(whole, 65)
    content = whole.read_bytes()
    begins = [at for at in range(len(content)) if content[at + 4 : at + 8] in (b"moof", b"mfra")]
    assert len(begins) == 6  # one frame, three times two seconds, the rest, and the end
    for written, (begin, end) in enumerate(itertools.pairwise([*begins, len(content)])):
        if not written:
            continue
        path.write_bytes(b"")
        file = RecordingFile(path)
        file.append(content[:begin])
        file._write = partial(cut_short, file._write, share)
        with pytest.raises(KeyboardInterrupt):
            file.append(content[begin:end])
        file.close()
        assert len(read_video(path)[0]) == min(65, 1 + 20 * (written - 1))


def test_what_killed_recorders_left_is_removed(tmp_path):
    old, new = tmp_path / ".ssdlite-clip-0.mp4", tmp_path / ".ssdlite-clip-1.mp4"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    record(tmp_path / "out.mp4")
    assert not old.exists()
    assert new.exists()  # of somebody who still records, perhaps


@pytest.mark.parametrize("gap", [95_443.0, 1e300, math.inf, math.nan, -math.inf, -95_443.0])
@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_times_that_cannot_be_true_are_bounded(tmp_path, suffix, gap):
    recorder = Recorder(tmp_path / f"out{suffix}", 10)
    for number in range(40):
        recorder.write(PICTURE, number / 10 + (gap if number >= 20 else 0))
    recorder.close()
    frames, _ = read_video(recorder.path)
    jumps = gap > 0 and math.isfinite(gap)
    assert len(frames) == (89 if jumps else 40)
    assert recorder.remarks == (["one gap in the time of the source became 5 s each"] if jumps else [])


def test_one_wrong_time_among_right_ones_costs_no_picture(tmp_path):
    recorder = Recorder(tmp_path / "out.avi", 10)
    for number in range(40):
        recorder.write(PICTURE, 1000.0 if number == 20 else number / 10)
    recorder.close()
    assert len(read_video(recorder.path)[0]) == pytest.approx(39 + 50, abs=1)


@pytest.mark.parametrize("rate", [0, -1, 0.01, 1e9, math.nan, math.inf, None])
def test_rates_are_bounded(tmp_path, rate):
    recorder = Recorder(tmp_path / "out.mp4", rate)
    assert 1 <= recorder.rate <= 60
    recorder.write(PICTURE, 0)
    recorder.write(PICTURE, 1)
    recorder.close()
    frames, _ = read_video(recorder.path)
    assert len(frames) == pytest.approx(recorder.rate, abs=1)


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 500), (9000, 300), (40, 9001)])
def test_pictures_of_any_size(tmp_path, size_wh):
    recorder = Recorder(tmp_path / "out.mp4", 10)
    recorder.write(np.full((size_wh[1], size_wh[0], 3), 90, np.uint8), 0)
    recorder.close()
    ((picture,), _) = read_video(recorder.path)
    assert np.median(picture.max(axis=2)[picture.max(axis=2) > 45]) == pytest.approx(90, abs=4)
    if max(size_wh) > 8190:
        assert max(picture.shape) == 8190
        (remark,) = recorder.remarks
        assert f"{size_wh[0]}x{size_wh[1]} pixels became {picture.shape[1]}x{picture.shape[0]}" in remark
    else:
        assert recorder.remarks == []
