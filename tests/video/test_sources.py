import shutil

import cv2
import numpy as np
import pytest

from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DetectorError, ImageError, SourceError
from detector.images import load_image
from detector.video.sources import VideoFile, open_source, without_password
from tests.test_download import FileServer
from tests.video.conftest import VIDEO_FRAMES, VIDEO_RATE, VIDEO_WH, write_video


def read_all(source):
    frames = list(iter(source.read, None))
    source.close()
    assert source.read() is None
    return frames


def test_every_frame_of_a_video_with_its_time(video):
    source = open_source(str(video))
    assert not source.live
    assert source.fps == VIDEO_RATE
    frames = read_all(source)
    assert [frame.number for frame in frames] == list(range(VIDEO_FRAMES))
    assert [frame.timestamp for frame in frames] == pytest.approx(
        [n / VIDEO_RATE for n in range(VIDEO_FRAMES)]
    )
    assert {frame.image.shape for frame in frames} == {(VIDEO_WH[1], VIDEO_WH[0], 3)}
    assert len({frame.image.tobytes() for frame in frames}) > VIDEO_FRAMES / 2


class Stuck:
    """A capture whose clock stands still."""

    def __init__(self, pictures):
        self.left = pictures

    def isOpened(self):  # noqa: N802
        return True

    def read(self):
        self.left -= 1
        return self.left >= 0, np.zeros((4, 4, 3), np.uint8)

    def get(self, property_):
        return 10.0 if property_ == cv2.CAP_PROP_FPS else 0.0

    def release(self):
        pass


def test_times_go_on_where_a_file_has_none():
    frames = read_all(VideoFile("stuck.mp4", Stuck(3), np.zeros((4, 4, 3), np.uint8)))
    assert [frame.timestamp for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_folder_of_images_a_second_each(tmp_path):
    for name in ("chelsea.jpg", "coffee.jpg"):
        shutil.copy(SAMPLE_FOLDER / name, tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    source = open_source(str(tmp_path))
    assert not source.live
    frames = read_all(source)
    assert [frame.timestamp for frame in frames] == [0, 1]
    assert np.array_equal(frames[1].image, load_image(SAMPLE_FOLDER / "coffee.jpg"))
    assert source.remark.startswith("Left out: ")
    assert "broken.jpg" in source.remark


def test_nothing_but_broken_images(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    for text in (tmp_path, tmp_path / "broken.jpg"):
        with pytest.raises(ImageError, match=r"broken\.jpg"):
            open_source(str(text))


def test_a_video_that_is_cut_off_says_so(tmp_path):
    whole = write_video(tmp_path / "whole.avi", 100)
    (tmp_path / "half.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for name, said in (("whole.avi", False), ("half.avi", True)):
        source = open_source(str(tmp_path / name))
        frames = read_all(source)
        assert (len(frames) < 90) == said
        assert (source.remark is not None) == said


def test_a_still():
    (frame,) = read_all(open_source(str(SAMPLE_FOLDER / "coffee.jpg")))
    assert frame.image.shape == (400, 600, 3)


def test_a_small_video_of_another_format(tmp_path):
    small = open_source(str(write_video(tmp_path / "small.avi", 5, size_wh=(98, 66))))
    assert len(read_all(small)) == 5


def test_a_video_on_a_server_is_a_file_not_a_stream(video):
    with FileServer() as server:
        server.files["/person.mp4"] = video.read_bytes()
        source = open_source(f"{server.url}/person.mp4")
        assert not source.live
        assert len(read_all(source)) == VIDEO_FRAMES


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nowhere.mp4", "Cannot read the source nowhere.mp4"),
        ("nowhere.jpg", "There is no image nowhere.jpg"),
        ("empty", "holds no image"),
        ("text.mp4", "text.mp4 cannot be opened; is it a video"),
        ("cut.mp4", "cut.mp4 cannot be opened; is it a video"),
        ("-1", "Cannot read the source -1"),
        ("", "Cannot read the source"),
        ("ftp:/x", "Cannot read the source"),
        ("99", "Camera 99 cannot be opened; .*cameras found here"),
        ("/dev/null", "Camera /dev/null cannot be opened"),
    ],
)
def test_what_is_no_source(tmp_path, monkeypatch, video, text, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:2000])
    with pytest.raises((SourceError, ImageError), match=sentence) as caught:
        open_source(text)
    assert isinstance(caught.value, DetectorError)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://me:secret@cam:554/a/b?pwd=x", "rtsp://me:***@cam:554/a/b?..."),
        ("rtsp://me@cam/a", "rtsp://me@cam/a"),
        ("rtsp://me:a@b:c@cam/a", "rtsp://me:***@cam/a"),
        ("http://cam/video.mjpg", "http://cam/video.mjpg"),
        ("http://cam", "http://cam"),
    ],
)
def test_passwords_are_not_shown(url, shown):
    assert without_password(url) == shown
