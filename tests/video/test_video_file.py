import shutil

import cv2
import numpy as np
import pytest

from detector.video.decoding import Opened
from detector.video.sources import open_source
from detector.video.video_file import VideoFile
from tests.video.conftest import write_video


def read_all(source):
    frames = list(iter(source.read, None))
    source.close()
    assert source.read() is None
    return frames


class Told:
    """A capture with the times that it is given, and a rate."""

    def __init__(self, times, rate):
        self.times, self.rate = iter(times), rate
        self.now = next(self.times)

    def isOpened(self):  # noqa: N802
        return True

    def read(self):
        self.now = next(self.times, None)
        return self.now is not None, np.zeros((4, 4, 3), np.uint8)

    def get(self, property_):
        return self.rate if property_ == cv2.CAP_PROP_FPS else 1000 * self.now

    def release(self):
        pass


@pytest.mark.parametrize(
    ("times", "rate", "expected"),
    [
        ([0, 0, 0], 10, [0, 0.1, 0.2]),
        ([100, 100.04, 100.08], 25, [0, 0.04, 0.08]),
        ([0, 0.1, 95_443, 95_443.1], 10, [0, 0.1, 5.1, 5.2]),
        ([7, 3, 3.5], 2, [0, 0.5, 1]),
        ([float("nan"), float("nan"), 1], 20, [0, 0.05, 0.1]),
        ([0, 0, 0], 90_000, [0, 1 / 30, 2 / 30]),
        ([0, 0, 0], 0, [0, 1 / 30, 2 / 30]),
        ([0, 0, 0], float("nan"), [0, 1 / 30, 2 / 30]),
    ],
)
def test_times_are_bounded(monkeypatch, times, rate, expected):
    monkeypatch.setattr("detector.video.video_file.shows_interlaced", lambda: True)
    source = VideoFile("x.mp4", "/x.mp4", Opened(Told(times, rate), np.zeros((4, 4, 3), np.uint8)))
    frames = read_all(source)
    assert [frame.timestamp for frame in frames] == pytest.approx(expected)
    assert (source.remark is not None) == (max(times) > 1000)


def damage(path, numbers):
    """Fill pictures of a motion JPEG file with zeros."""
    data = bytearray(path.read_bytes())
    position, number = data.find(b"movi") + 4, 0
    while data[position : position + 4] in (b"00dc", b"00db"):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        if number in numbers:
            data[position + 8 : position + 8 + size] = bytes(size)
        position, number = position + 8 + size + size % 2, number + 1
    path.write_bytes(data)
    return number


@pytest.fixture(scope="module")
def motion_jpeg(tmp_path_factory):
    path = tmp_path_factory.mktemp("mjpeg") / "whole.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for number in range(40):
        writer.write(np.full((48, 64, 3), 6 * number, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(
    "numbers",
    [{12}, {0}, {0, 1, 2}, {39}, {38, 39}, {5, 6, 7, 20, 39}, set(range(1, 39)), set(range(0, 40, 2))],
)
def test_a_damaged_picture_costs_that_picture(tmp_path, motion_jpeg, numbers):
    path = shutil.copy(motion_jpeg, tmp_path / "damaged.avi")
    assert damage(path, numbers) == 40
    source = open_source(path)
    frames = read_all(source)
    left = [number for number in range(40) if number not in numbers]
    assert [round(float(frame.image.mean()) / 6) for frame in frames] == left
    assert [frame.timestamp for frame in frames] == pytest.approx([(n - left[0]) / 10 for n in left])
    said = len([number for number in numbers if left[0] < number < left[-1]])
    assert (source.remark or "").count(f"{said} of its frames gave no picture") == bool(said)


def test_a_video_that_is_cut_off_says_so_and_an_intact_one_does_not(tmp_path):
    whole = write_video(tmp_path / "whole.avi", 100)
    (tmp_path / "half.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for name, said in (("whole.avi", False), ("half.avi", True)):
        source = open_source(str(tmp_path / name))
        frames = read_all(source)
        assert (len(frames) < 90) == said
        assert ("is cut off after" in (source.remark or "")) == said


def test_a_scene_that_stands_still_is_no_fault(tmp_path):
    path = tmp_path / "still.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(30):
        writer.write(np.full((48, 64, 3), 99, np.uint8))
    writer.release()
    source = open_source(path)
    assert len(read_all(source)) == 30
    assert source.remark is None
