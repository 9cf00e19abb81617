"""Videos decoded by the program ``ffmpeg``, where it is installed: what OpenCV cannot decode, it can.

It is a program of its own that a user has or has not; nothing of it is linked or shipped.
"""

from __future__ import annotations

import queue
import re
import shutil
import subprocess
import threading
from functools import cache
from typing import IO, Any

import cv2
import numpy as np

from detector.video.certificates import authorities, is_secure

_STALL_SECONDS = 10.0
_MOST_PIXELS = 1 << 28
_FRAME = re.compile(rb"\] n: *\d+ pts: *\S+ pts_time: *(\S+) .* s:(\d+)x(\d+) ")
_RATE = re.compile(rb"Stream #0:\d+.*: Video: .* ([\d.]+) fps")


def ffmpeg_program() -> str | None:
    """Where the program is; None where it is not installed."""
    return shutil.which("ffmpeg")


class FfmpegProgram:
    """A capture of what ``ffmpeg`` decodes, each frame once and with its time.

    Args:
        program: the path of ffmpeg.
        target: a path or URL.
        insecure: take any certificate.
    """

    def __init__(self, program: str, target: str, *, insecure: bool = False) -> None:
        self._time, self._rate = 0.0, 0.0
        secure = ["-tls_verify", str(int(not insecure))] if is_secure(target) else []
        if secure and not insecure and (bundle := authorities()):
            secure += ["-ca_file", bundle]
        # The line of each frame on stderr has its size and time; its pixels follow on stdout.
        self._process = subprocess.Popen(
            [
                *(program, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "info", *secure),
                *("-i", target, "-map", "0:V:0", "-vf", "showinfo=checksum=0", *_each_frame_once(program)),
                *("-f", "rawvideo", "-pix_fmt", "bgr24", "pipe:1"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._frames: queue.Queue[re.Match[bytes] | None] = queue.Queue()
        self._follower = threading.Thread(target=self._follow, name="ffmpeg's words", daemon=True)
        self._follower.start()

    def _follow(self) -> None:
        lines = self._process.stderr
        assert lines is not None
        for line in lines:
            if found := _FRAME.search(line):
                self._frames.put(found)
            elif not self._rate and (found := _RATE.search(line)):
                self._rate = float(found[1])
        self._frames.put(None)

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def read(self) -> tuple[bool, Any]:
        try:
            found = self._frames.get(timeout=_STALL_SECONDS)
        except queue.Empty:
            return False, None
        if found is None:
            self._frames.put(None)  # for the next call
            return False, None
        width, height = int(found[2]), int(found[3])
        if not 0 < width * height <= _MOST_PIXELS:
            return False, None
        pixels = _read_exactly(self._process.stdout, width * height * 3)
        if pixels is None:
            return False, None
        try:
            self._time = float(found[1])
        except ValueError:  # NOPTS
            self._time = float("nan")
        return True, np.frombuffer(pixels, np.uint8).reshape(height, width, 3)

    def get(self, property_: int, /) -> float:
        """The time of the last frame in milliseconds, or frames per second; 0 for all else."""
        if property_ == cv2.CAP_PROP_POS_MSEC:
            return 1000 * self._time
        return self._rate if property_ == cv2.CAP_PROP_FPS else 0.0

    def release(self) -> None:
        self._process.kill()
        self._process.wait()
        self._follower.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


@cache
def _each_frame_once(program: str) -> tuple[str, str]:
    """The option that neither repeats nor drops frames; before 5.1 it had another name."""
    words = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"ffmpeg version n?(\d+)\.(\d+)", words)
    old = version is not None and (int(version[1]), int(version[2])) < (5, 1)
    return ("-vsync", "passthrough") if old else ("-fps_mode", "passthrough")


def _read_exactly(stream: IO[bytes] | None, count: int) -> bytearray | None:
    """So many bytes, which numpy may write to; None where the stream ends before, or is closed."""
    if stream is None or stream.closed:
        return None
    data = bytearray(count)
    view, done = memoryview(data), 0
    while done < count:
        read = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not read:
            return None
        done += read
    return data
