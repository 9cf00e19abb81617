"""The decoder that is right for a video: OpenCV's word is checked, and another one taken where it is wrong.

As a program, ``python -m detector.video.decoding``, this reads some frames in a process of its own, whose
error output has what FFmpeg says while it does; inside a program nobody could listen to that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from detector.errors import SourceError
from detector.images import Image
from detector.system.opencv_build import shows_interlaced
from detector.system.processes import module_command
from detector.video.capture import (
    DECODED,
    Capture,
    NoDecoderError,
    open_stream,
    open_video,
    read_image,
)
from detector.video.certificates import check_certificate, is_secure
from detector.video.ffmpeg_program import FfmpegProgram, ffmpeg_program
from detector.video.stream_headers import is_progressive

_TRIAL_FRAMES, _TRIAL_SECONDS, _TRIAL_TIMEOUT = 60, 1.0, 20.0
_STILL_FRAMES = 8  # of a live stream that are looked at, should all be the same
_COMPLAINTS = (b"convert interlaced", b"(Invalid argument): fmt:")  # of FFmpeg's swscale
_FFMPEG_SITE = "https://ffmpeg.org"


@dataclass(frozen=True)
class Opened:
    """A capture that gives what the video shows.

    Attributes:
        capture: gives the second picture next.
        first: the first one.
        by: why another decoder than OpenCV's is at work, as part of a sentence; None where it is not.
    """

    capture: Capture
    first: Image
    by: str | None = None


def fall_back(target: str, error: SourceError, *, insecure: bool = False) -> Opened:
    """What another decoder gives of a video that OpenCV cannot open.

    Args:
        target: what FFmpeg calls it, an absolute path or a URL.
        error: why OpenCV cannot.
        insecure: take any certificate.

    Raises:
        SourceError: the same, where there is no other decoder, or it cannot either.
    """
    if (other := open_with_program(target, insecure=insecure)) is None:
        raise error
    what = error.codec if isinstance(error, NoDecoderError) else "it"
    return Opened(*other, by=f"OpenCV cannot decode {what}")


def check_file(opened: Opened, target: str, name: str, quoted: str, *, insecure: bool = False) -> Opened:
    """A video that ends, with the decoder that is right for it.

    Args:
        opened: the video as OpenCV or another decoder has opened it.
        target: what FFmpeg calls it, an absolute path or a URL.
        name: what messages call it.
        quoted: the file in a command that may be shown.
        insecure: take any certificate.

    Raises:
        SourceError: OpenCV decodes it to wrong pictures, and there is no other decoder here.
    """
    trusted = opened.by or shows_interlaced() or is_progressive(opened.capture)
    if trusted or not is_wrong(target, insecure=insecure):
        return opened
    opened.capture.release()
    return replace_decoder(target, name, quoted, insecure=insecure)


def check_stream(opened: Opened, url: str, name: str, *, insecure: bool = False) -> Opened:
    """The same for a live stream, which may serve one viewer alone: it is tried only when in doubt."""
    if opened.by or shows_interlaced():
        return opened
    for _ in range(_STILL_FRAMES):
        image = read_image(opened.capture)
        if image is None or not same_picture(image, opened.first):
            return opened
    if not is_wrong(url, insecure=insecure):
        return opened
    opened.capture.release()
    return replace_decoder(url, name, "ADDRESS", insecure=insecure)


def replace_decoder(target: str, name: str, quoted: str, *, insecure: bool = False) -> Opened:
    """An interlaced video, from its start, decoded by another program.

    Raises:
        SourceError: there is none.
    """
    if (other := open_with_program(target, insecure=insecure)) is not None:
        return Opened(*other, by="it is interlaced, which this OpenCV shows wrong")
    raise SourceError(
        f"{name} is interlaced, which OpenCV {cv2.__version__} decodes to wrong pictures; install the "
        f"program ffmpeg ({_FFMPEG_SITE}) and it is played as it is, or convert it: ffmpeg -i {quoted} "
        "-vf yadif -c:v libx264 -pix_fmt yuv420p converted.mp4"
    )


def open_with_program(target: str, *, insecure: bool = False) -> tuple[Capture, Image] | None:
    """The capture of another program and its first picture; None where there is none, or it fails, too."""
    if (program := ffmpeg_program()) is None:
        return None
    if is_secure(target) and not insecure:
        check_certificate(target)
    capture = FfmpegProgram(program, target, insecure=insecure)
    image = read_image(capture)
    if image is None:
        capture.release()
        return None
    return capture, image


def open_program(url: str, *, insecure: bool) -> Capture:
    """The other decoder's capture of a stream that was lost.

    Raises:
        SourceError: it gives no picture, or its certificate does not verify.
    """
    if is_secure(url) and not insecure:
        check_certificate(url)
    if (program := ffmpeg_program()) is None:
        raise SourceError(f"The program ffmpeg is needed, and not there any more ({_FFMPEG_SITE}).")
    return FfmpegProgram(program, url, insecure=insecure)


def missing_decoder(quoted: str) -> Callable[[str], str]:
    """The hint for a video that opens and gives no picture, by the name of its codec.

    Args:
        quoted: the file in a command that may be shown.
    """

    def sentence(codec: str) -> str:
        known = codec in DECODED
        reason = f"none of its {codec} can be decoded" if known else f"OpenCV here has no decoder for {codec}"
        if ffmpeg_program() is not None:
            return f"{reason}, and the program ffmpeg gets no picture out of it either."
        return (
            f"{reason}; install the program ffmpeg ({_FFMPEG_SITE}) and what can be played of it is, or "
            f"convert it: ffmpeg -i {quoted} -c:v libx264 -pix_fmt yuv420p converted.mp4"
        )

    return sentence


def same_picture(image: Image, other: Image | None) -> bool:
    """Whether two pictures are equal, pixel by pixel."""
    if other is None or image.shape != other.shape:
        return False
    return np.array_equal(image[::32, ::32], other[::32, ::32]) and np.array_equal(image, other)


def is_wrong(target: str, *, insecure: bool, from_second: float = 0.0) -> bool:
    """Whether OpenCV gives pictures of a video that it could not convert; False where that cannot be told."""
    request = json.dumps({"target": target, "insecure": insecure, "from": from_second}).encode()
    environment = {**os.environ, "OPENCV_FFMPEG_DEBUG": "1", "OPENCV_FFMPEG_LOGLEVEL": "16"}
    try:
        done = subprocess.run(
            module_command("detector.video.decoding"),
            input=request,
            capture_output=True,
            env=environment,
            timeout=_TRIAL_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return any(complaint in done.stderr + done.stdout for complaint in _COMPLAINTS)


def _read_some() -> None:
    request = json.load(sys.stdin)
    target = request["target"]
    if "://" in target:
        capture = open_stream(target, insecure=request["insecure"])
    else:
        capture = open_video(target, cv2.CAP_FFMPEG)
    if request["from"]:
        capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * request["from"])  # type: ignore[attr-defined]
    start = time.monotonic()
    for count in range(_TRIAL_FRAMES):
        capture.read()
        if count and time.monotonic() - start > _TRIAL_SECONDS:
            break


if __name__ == "__main__":
    _read_some()
