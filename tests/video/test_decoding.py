"""What a video shows is what is given, whatever its kind; the program ffmpeg is the judge."""

import importlib.metadata
import re
import shlex
import subprocess

import cv2
import numpy as np
import pytest
from packaging.requirements import Requirement

from detector.errors import SourceError
from detector.system import opencv_build
from detector.video import decoding
from detector.video.ffmpeg_program import FfmpegProgram, ffmpeg_program
from detector.video.sources import open_source
from detector.video.stream_headers import is_progressive
from tests.video.conftest import write_video

needs_ffmpeg = pytest.mark.skipif(ffmpeg_program() is None, reason="needs the program ffmpeg")
INTERLACED = "-flags +ildct+ilme -r 25"
MADE = {  # how ffmpeg makes each, and whether OpenCV's decoder is to be trusted with it
    "h264.mp4": ("-c:v libx264 -pix_fmt yuv420p", True),
    "interlaced_h264.mp4": (f"-c:v libx264 -pix_fmt yuv420p -x264opts tff=1 {INTERLACED}", False),
    "interlaced_h264.ts": (f"-c:v libx264 -pix_fmt yuv420p -x264opts bff=1 {INTERLACED}", False),
    "flagged_h264.mkv": ("-c:v libx264 -pix_fmt yuv420p -x264opts fake-interlaced=1", True),
    "interlaced_mpeg2.mkv": (f"-c:v mpeg2video -q:v 3 {INTERLACED}", False),
    "interlaced_mpeg4.avi": (f"-c:v mpeg4 -q:v 3 {INTERLACED}", False),
    "interlaced.mov": ("-c:v prores_ks -flags +ildct -top 1", False),
    "dv.avi": ("-vf scale=720:576,fps=25 -pix_fmt yuv420p -c:v dvvideo", False),
    "h264_422.mp4": ("-c:v libx264 -pix_fmt yuv422p", True),
    "h264_10bit.mp4": ("-c:v libx264 -pix_fmt yuv420p10le", True),
    "odd_size.avi": ("-vf scale=133:97 -c:v mjpeg -q:v 2", True),
    "alpha.webm": ("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuva420p", True),
    "variable.mkv": ("-vf setpts='(N+N*N/20)/10/TB' -vsync vfr -c:v libx264 -pix_fmt yuv420p", True),
    "lossless.mkv": ("-c:v ffv1", True),
    "turned.mp4": ("-c:v libx264 -pix_fmt yuv420p -metadata:s:v:0 rotate=90", True),
}


def run_ffmpeg(*arguments):
    command = ["ffmpeg", "-v", "error", "-y", "-nostdin", *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("moving") / "moving.avi", 8, size_wh=(160, 128), rate=10)


def read_all(source):
    frames = list(iter(source.read, None))
    source.close()
    return frames


def is_right(path, frames):
    """Whether frames are those that ffmpeg decodes, but for rounding."""
    pixels = run_ffmpeg("-i", str(path), "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "bgr24", "-")
    truth = np.frombuffer(pixels, np.uint8).reshape(-1, *frames[0].image.shape)
    assert len(frames) == len(truth)
    return all(np.abs(f.image.astype(int) - t).mean() < 2 for f, t in zip(frames, truth, strict=True))


@needs_ffmpeg
@pytest.mark.parametrize("name", MADE)
def test_each_kind_shows_what_it_has(tmp_path, moving, name):
    options, by_opencv = MADE[name]
    path = tmp_path / name
    run_ffmpeg("-i", str(moving), *shlex.split(options), str(path))
    source = open_source(path)
    assert is_right(path, read_all(source))
    assert bool(source.remark) == (not by_opencv and not opencv_build.shows_interlaced())


@needs_ffmpeg
@pytest.mark.parametrize("name", [name for name, (_, by_opencv) in MADE.items() if not by_opencv])
def test_without_the_program_it_is_right_or_refused(tmp_path, monkeypatch, moving, name):
    path = tmp_path / name
    run_ffmpeg("-i", str(moving), *shlex.split(MADE[name][0]), str(path))
    monkeypatch.setattr(decoding, "ffmpeg_program", lambda: None)
    if opencv_build.shows_interlaced():
        assert is_right(path, read_all(open_source(path)))
        return
    refusal = (
        re.escape(f"is interlaced, which OpenCV {cv2.__version__}") + ".*" + re.escape(f"ffmpeg -i {path}")
    )
    with pytest.raises(SourceError, match=refusal):
        open_source(path)


@needs_ffmpeg
def test_a_video_that_becomes_interlaced(tmp_path, monkeypatch, moving):
    for name, options in (("a.ts", ""), ("b.ts", f"-x264opts tff=1 {INTERLACED}")):
        run_ffmpeg(
            "-i",
            str(moving),
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            *options.split(),
            str(tmp_path / name),
        )
    path = tmp_path / "both.ts"
    path.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    source = open_source(path)
    frames = read_all(source)
    assert np.abs(frames[-1].image.astype(int) - frames[0].image).mean() > 1
    if not opencv_build.shows_interlaced():
        assert "it is interlaced" in source.remark
        monkeypatch.setattr(decoding, "ffmpeg_program", lambda: None)
        with pytest.raises(SourceError, match=r"both\.ts is interlaced"):
            read_all(open_source(path))


def write_y4m(path, kind, count=6):
    """Uncompressed pictures of 32 x 32, each brighter than the last; ``kind``: p, or t for interlaced."""
    frames = [b"FRAME\n" + bytes([30 + 30 * n]) * 1024 + bytes([128]) * 512 for n in range(count)]
    path.write_bytes(f"YUV4MPEG2 W32 H32 F25:1 I{kind} A1:1 C420jpeg\n".encode() + b"".join(frames))
    return path


def test_interlaced_is_refused_without_the_program_and_progressive_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "ffmpeg_program", lambda: None)
    assert len(read_all(open_source(write_y4m(tmp_path / "p.y4m", "p")))) == 6
    monkeypatch.setattr(decoding, "shows_interlaced", lambda: True)  # as OpenCV 4.12 does; no check is needed
    open_source(write_y4m(tmp_path / "t.y4m", "t")).close()
    monkeypatch.undo()
    monkeypatch.setattr(decoding, "ffmpeg_program", lambda: None)
    if not opencv_build.shows_interlaced():
        with pytest.raises(SourceError, match=r"t\.y4m is interlaced.* install the program ffmpeg"):
            open_source(tmp_path / "t.y4m")


@needs_ffmpeg
def test_what_opencv_has_no_decoder_for(tmp_path, monkeypatch, moving):
    path = tmp_path / "modern.mp4"
    try:
        run_ffmpeg("-i", str(moving), "-c:v", "libsvtav1", "-preset", "12", str(path))
    except subprocess.CalledProcessError:
        pytest.skip("this ffmpeg writes no AV1")
    source = open_source(path)
    assert is_right(path, read_all(source))
    assert source.remark in (None, f"{path}: OpenCV cannot decode AV1, so the program ffmpeg did.")
    if source.remark:
        monkeypatch.setattr(decoding, "ffmpeg_program", lambda: None)
        with pytest.raises(SourceError, match=r"no decoder for AV1; .*ffmpeg -i \S*modern\.mp4"):
            open_source(path)


@needs_ffmpeg
def test_the_program_gives_times_and_ends(video):
    capture = FfmpegProgram(ffmpeg_program(), str(video))
    times = []
    while capture.read()[0]:
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
    assert times == pytest.approx([40 * n for n in range(50)], abs=0.1)
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    assert not capture.read()[0]
    capture.release()
    capture.release()


@needs_ffmpeg
def test_letting_go_of_the_program_does_not_wait_for_its_end(tmp_path, moving):
    fifo = tmp_path / "endless"
    run_ffmpeg("-stream_loop", "50", "-i", str(moving), "-c", "copy", str(fifo.with_suffix(".avi")))
    capture = FfmpegProgram(ffmpeg_program(), str(fifo.with_suffix(".avi")))
    assert capture.read()[0]
    capture.release()
    assert not capture.read()[0]


class Header:
    """A capture that has nothing but its header."""

    def __init__(self, fourcc, data=b""):
        self.fourcc, self.data = fourcc, data

    def get(self, property_):
        return float(cv2.VideoWriter.fourcc(*self.fourcc)) if property_ == cv2.CAP_PROP_FOURCC else 1.0

    def retrieve(self, flag):
        return bool(self.data), np.frombuffer(self.data, np.uint8)


def parameter_set(*, frames_only, profile="01000010"):
    """H.264's sequence parameter set in Annex B, after 7.3.2.1.1, for 64 x 48; High has no scaling lists."""
    high = "1" + "010" + "1" + "1" + "0" + "0" if profile == "01100100" else ""  # seq_parameter_set_id, 4:2:0
    high = "010" + "1" + "1" + "0" + "0" if high else ""
    picture = "1" + "011" + "010" + "0" + "00100" + "011"
    bits = profile + "0" * 8 + "00011110" + "1" + high + "1" + picture + str(int(frames_only)) + "1" * 20
    bits += "0" * (-len(bits) % 8)
    return b"\0\0\0\1\x67" + int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize("frames_only", [True, False])
@pytest.mark.parametrize("profile", ["01000010", "01100100"])
def test_h264_says_whether_all_pictures_are_frames(frames_only, profile):
    data = parameter_set(frames_only=frames_only, profile=profile)
    assert is_progressive(Header("H264", data)) == frames_only
    in_mp4 = b"\x01\x42\x00\x1e\xff\xe1" + (len(data) - 4).to_bytes(2, "big") + data[4:]
    assert is_progressive(Header("avc1", in_mp4)) == frames_only


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x01\0\0\0\xff\xff", b"\0\0\1\x67", b"\0\0\1\x67\x64" + b"\0" * 9]
)
def test_a_header_that_is_damaged_says_nothing(data):
    assert not is_progressive(Header("H264", data))


def test_no_extra_brings_pyav():
    """Its wheel has libx264 and libx265 in it, which are under the GPL."""
    names, seen = ["ssdlite[live]"], set()
    while names:
        requirement = Requirement(names.pop())
        if requirement.name.lower() in seen:
            continue
        seen.add(requirement.name.lower())
        try:
            needs = importlib.metadata.requires(requirement.name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for need in map(Requirement, needs):
            extras = requirement.extras or {""}
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras):
                names.append(str(need))
    assert "trackers" in seen
    assert not seen & {"av", "pyav", "imageio-ffmpeg"}


def test_codecs_without_fields():
    assert is_progressive(Header("VP90"))
    assert not is_progressive(Header("MJPG"))
