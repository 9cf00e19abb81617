import shutil
import sys

import cv2
import numpy as np
import pytest

from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DetectorError, ImageError, SourceError
from detector.images import load_image
from detector.video.sources import open_source
from tests.system.file_server import FileServer
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


def test_a_still():
    (frame,) = read_all(open_source(str(SAMPLE_FOLDER / "coffee.jpg")))
    assert frame.image.shape == (400, 600, 3)


def test_a_small_video_of_another_format(tmp_path):
    small = open_source(str(write_video(tmp_path / "small.avi", 5, size_wh=(98, 66))))
    assert len(read_all(small)) == 5


@pytest.mark.parametrize("address", ["/person.mp4", "/person"])
@pytest.mark.parametrize("wrapper", ["", "cache:"])
def test_a_video_on_a_server_is_a_file_not_a_stream(video, address, wrapper):
    with FileServer() as server:
        server.files[address] = video.read_bytes()
        source = open_source(f"{wrapper}{server.url}{address}")
        assert not source.live
        assert len(read_all(source)) == VIDEO_FRAMES


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nowhere.mp4", "Cannot read the source nowhere.mp4"),
        ("nowhere.jpg", "There is no image nowhere.jpg"),
        ("empty", "holds no image"),
        ("text.mp4", "text.mp4 cannot be opened; it is no video"),
        ("cut.mp4", "cut.mp4 cannot be opened; it is cut off"),
        ("-1", "Cannot read the source -1"),
        ("", "Cannot read the source"),
        ("ftp:/x", "Cannot read the source"),
        ("99", "Camera 99 cannot be opened; .*cameras found here"),
        ("/dev/null", "Camera /dev/null cannot be opened"),
        ("nul\0.mp4", "Cannot read the source"),
        (None, "A source is a camera's number, a path or a URL, got NoneType"),
        (True, "got bool True"),
        (-1, "got int -1"),
        (1.5, "got float"),
        pytest.param("9" * 5000, "Cannot read the source", id="5,000 digits"),
        pytest.param(10**5000, "got int", id="an int of 5,000 digits"),
        ("99999999999", "Cannot read the source"),
        *(
            (f"{scheme}://{place}", "cannot be understood")
            for scheme in ("http", "https", "rtsp", "rtsps", "file", "cache:http")
            for place in ("[x/y", "x]/y", "me:SECRET@[x/y", "me:SECRET@x\u2100/y")
        ),
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
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("number", [99, np.int64(99), "99"])
def test_a_camera_is_a_number_too(number):
    with pytest.raises(SourceError, match="Camera 99 cannot be opened"):
        open_source(number)


@pytest.mark.parametrize(
    "name",
    [
        "12:30:05.mp4",
        "img_%02d.mp4",
        "http:x.mp4",
        "-x.mp4",
        "a b.mp4",
        "Übung.mp4",
        "a[1]*?.mp4",
        "x#1.mp4",
        "d:1/e.mp4",
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_any_name_plays(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    video = tmp_path / "made.webm"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"VP80"), 10, (64, 48))
    writer.write(np.full((48, 64, 3), 99, np.uint8))
    writer.release()
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(video)
    for source in (name, path, path.as_uri()):
        opened = open_source(source)
        assert opened.read() is not None
        opened.close()


@pytest.mark.parametrize("name", ["img_%02d.jpg", "a[1].jpg", "12:30.jpg"])
def test_any_name_of_an_image_is_shown(tmp_path, name):
    shutil.copy(SAMPLE_FOLDER / "coffee.jpg", tmp_path / name)
    assert len(read_all(open_source(tmp_path / name))) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_a_video_by_url_that_does_not_tell_its_length_ends(tmp_path, ranges):
    """As browsers record it: Matroska without a duration."""
    made = write_video(tmp_path / "made.mkv", 12).read_bytes()
    duration = made.find(b"\x44\x89\x88")
    assert duration > 0
    made = made[:duration] + b"\xec\x89" + made[duration + 2 :]  # the element becomes a void one
    with FileServer() as server:
        server.ranges = ranges
        server.files["/live.webm"] = made[: duration + 1] + b"\x89" + made[duration + 2 :]
        source = open_source(f"{server.url}/live.webm")
        assert not source.live
        assert len(read_all(source)) == 12


def test_a_video_of_which_a_server_sends_a_part_says_so(tmp_path):
    whole = write_video(tmp_path / "whole.avi", 100).read_bytes()
    with FileServer() as server:
        server.ranges = False
        server.files["/whole.avi"] = whole
        server.files["/half.avi"] = whole[: len(whole) // 2]
        for name, said in (("whole", False), ("half", True)):
            source = open_source(f"{server.url}/{name}.avi")
            frames = read_all(source)
            assert (
                f"{len(frames)} frames came, and its header speaks of 100" in (source.remark or "")
            ) == said
