"""Cameras are fakes here: there is none on a test machine. The HTTP camera is real."""

import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from detector.errors import SourceError
from detector.video import capture as capture_module
from detector.video.cameras import Camera, describe_cameras, list_cameras
from detector.video.capture import LiveSource, open_camera_source, open_in_time
from detector.video.sources import open_source
from tests.waiting import wait_until

PICTURE = np.full((48, 64, 3), 7, np.uint8)


class FakeCapture:
    """Gives ``pictures`` pictures and then none; ``wait`` holds the first one back."""

    def __init__(self, pictures=10, opened=True, wait=None, rate=30.0):
        self.left, self.opened, self.wait, self.rate = pictures, opened, wait, rate
        self.released = False

    def isOpened(self):  # noqa: N802
        return self.opened

    def read(self):
        if self.wait:
            self.wait.wait()
        self.left -= 1
        return (True, PICTURE.copy()) if self.left >= 0 else (False, None)

    def get(self, property_):
        return self.rate

    def release(self):
        self.released = True


@pytest.mark.parametrize(
    ("camera", "sentence"),
    [
        (FakeCapture(opened=False), "cannot be opened"),
        (FakeCapture(pictures=0), "opens but gives no picture"),
    ],
)
def test_a_camera_that_gives_no_picture_is_named_and_released(camera, sentence):
    with pytest.raises(SourceError, match=f"^Camera 3 .*{sentence}.*; plug it in"):
        open_in_time(lambda: camera, "Camera 3", "plug it in")
    assert camera.released


@pytest.mark.parametrize("slow", ["open", "read"])
def test_a_camera_that_does_not_answer_is_left_to_itself(monkeypatch, slow):
    monkeypatch.setattr(capture_module, "OPEN_SECONDS", 0.05)
    answer = threading.Event()
    camera = FakeCapture(wait=answer if slow == "read" else None)

    def open_():
        if slow == "open":
            answer.wait()
        return camera

    with pytest.raises(SourceError, match="did not answer within"):
        open_in_time(open_, "Camera 0", "")
    answer.set()
    wait_until(lambda: camera.released)


def test_a_camera_that_is_not_there_lists_those_that_are(monkeypatch):
    monkeypatch.setattr(capture_module, "open_camera", lambda target: FakeCapture(opened=False))
    monkeypatch.setattr(capture_module, "describe_cameras", lambda: "2 (HD Webcam)")
    with pytest.raises(SourceError, match=r"Camera 5 cannot be opened; .* 2 \(HD Webcam\).*`browser`"):
        open_camera_source(5)


def test_cameras_are_listed_by_number(monkeypatch):
    from detector.video import cameras

    class Info:
        def __init__(self, index, name, path):
            self.index, self.name, self.path = index, name, path

    monkeypatch.setattr(
        cameras,
        "enumerate_cameras",
        lambda backend: [Info(2, "B", "/dev/video2"), Info(0, None, None)],
    )
    assert list_cameras() == [Camera(0, "", "camera"), Camera(2, "/dev/video2", "B")]
    assert describe_cameras() == "0 (camera), 2 (B)"
    monkeypatch.setattr(cameras, "enumerate_cameras", lambda backend: [])
    assert describe_cameras() == "none"


def test_a_camera_that_is_unplugged_and_plugged_in_again_goes_on(monkeypatch):
    monkeypatch.setattr(capture_module, "_BACK_OFF", (0.01,))
    first, gone, second = FakeCapture(2), FakeCapture(opened=False), FakeCapture(2)
    notices = []
    waiting = iter([gone, gone, second])

    def open_():
        notices.append(source.notice)
        return next(waiting)

    source = LiveSource("Camera 0", open_, first)
    frames = [source.read() for _ in range(4)]  # 2, and after the gap another 2
    assert [frame.number for frame in frames] == [0, 1, 2, 3]
    assert all(a.timestamp < b.timestamp for a, b in pairwise(frames))
    assert all(notice.startswith("Camera 0 gives no picture") for notice in notices)
    assert source.notice is None
    assert first.released
    assert gone.released
    source.close()
    assert second.released
    assert source.read() is None


def test_a_live_source_survives_damaged_pictures_and_not_a_silence(monkeypatch):
    monkeypatch.setattr(capture_module, "_BACK_OFF", (0.01,))

    class Damaged(FakeCapture):
        def read(self):
            good, picture = super().read()
            return good and self.left % 3 == 0, picture  # two of three are damaged

    first, second = Damaged(30), FakeCapture(1)
    source = LiveSource("Camera 0", lambda: second, first)
    for _ in range(10):
        assert source.read() is not None
    assert not first.released
    assert source.read() is not None
    assert first.released
    source.close()


def test_a_stream_that_cannot_be_opened_again_is_tried_until_it_can(monkeypatch):
    monkeypatch.setattr(capture_module, "_BACK_OFF", (0.01,))
    answers = iter([SourceError("certificate"), SourceError("nobody there"), FakeCapture(1)])

    def open_():
        answer = next(answers)
        if isinstance(answer, SourceError):
            raise answer
        return answer

    source = LiveSource("Stream", open_, FakeCapture(0))
    assert source.read() is not None
    source.close()


def test_a_damaged_start_is_skipped():
    class LateStart(FakeCapture):
        def read(self):
            good, picture = super().read()
            return good and self.left < 5, picture

    capture, image = open_in_time(lambda: LateStart(10), "Video", "")
    assert image is not None
    assert capture.left == 4


def test_closing_ends_a_source_that_waits_for_its_camera():
    source = LiveSource("Camera 0", lambda: FakeCapture(opened=False), FakeCapture(1))
    assert source.read() is not None
    result = []
    thread = threading.Thread(target=lambda: result.append(source.read()))
    thread.start()
    wait_until(lambda: source.notice)
    source.close()
    thread.join(timeout=5)
    assert result == [None]


@pytest.mark.parametrize(("claimed", "rate"), [(30.0, 30.0), (0.0, None), (90_000.0, None)])
def test_frame_rates_that_cannot_be_true_are_not_believed(claimed, rate):
    assert LiveSource("Camera 0", FakeCapture, FakeCapture(rate=claimed)).fps == rate


@pytest.mark.slow
def test_an_http_camera_comes_back_within_three_seconds(http_camera):
    source = open_source(http_camera.url)
    assert source.live
    assert source.read().image.shape == (512, 512, 3)
    threads = threading.active_count()
    frames = []

    def follow():
        while source.read() is not None:
            frames.append(time.monotonic())

    reader = threading.Thread(target=follow)
    reader.start()
    for _ in range(2):
        http_camera.kill()
        wait_until(lambda: source.notice)
        time.sleep(1)
        before = len(frames)
        http_camera.start()
        back = time.monotonic()
        wait_until(lambda count=before: len(frames) > count)
        assert frames[before] - back < 3
        assert source.notice is None
    source.close()
    reader.join(timeout=10)
    assert not reader.is_alive()
    assert threading.active_count() <= threads


def test_a_stream_that_is_not_there():
    with pytest.raises(
        SourceError, match=r"The stream http://me:\*\*\*@127.0.0.1:9/x cannot be opened \(.*\); check .*%2F"
    ):
        open_source("http://me:secret@127.0.0.1:9/x")
