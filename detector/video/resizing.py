"""Another input size while the pipeline runs: its network is loaded while the one before goes on."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from statistics import median

import cv2
import numpy as np

from detector.data.sample import SAMPLE_FOLDER
from detector.errors import ArgumentError, DetectorError
from detector.images import load_image
from detector.input_sizes import accurate_sizes, describe_sizes, read_sizes
from detector.runtime import Detector
from detector.video.auto_size import (
    Choice,
    SizeControl,
    Sizes,
    choose_sizes,
    pixels,
    size_candidates,
    size_ladder,
)
from detector.video.settings import AUTO, LiveSettings

_FRAME_WH = (640, 480)
_RUNS, _RUNS_SECONDS = 5, 0.3  # of a size that is measured


def choose_detector(detector: Detector, fps: float) -> tuple[Detector, Choice]:
    """The detector for the largest input size that keeps a frame rate on this machine, and why.

    Raises:
        DetectorError: its network cannot be loaded, or the model has one input size.
    """
    if not detector.any_size:
        own = describe_sizes([detector.own_hw])
        raise DetectorError(
            f"This model's file has one input size, {own}, so there is no {AUTO}; leave it out, or give "
            "weights: a released model, the folder of a training run, a .npz file."
        )
    photo = load_image(SAMPLE_FOLDER / "coffee.jpg")
    frame = np.asarray(cv2.resize(photo, _FRAME_WH), np.uint8)
    detectors = {detector.input_sizes: detector}

    def time_of(sizes: Sizes) -> float:
        if sizes not in detectors:
            detectors[sizes] = detector.resized(describe_sizes(sizes))
        detectors[sizes].detect(frame)  # warms up
        seconds: list[float] = []
        while len(seconds) < _RUNS and sum(seconds) < _RUNS_SECONDS:
            start = time.perf_counter()
            detectors[sizes].detect(frame)
            seconds.append(time.perf_counter() - start)
        return median(seconds)

    choice = choose_sizes(size_candidates(detector.own_hw), detector.input_sizes, time_of, fps)
    return detectors.get(choice.sizes) or detector.resized(describe_sizes(choice.sizes)), choice


def offered_sizes(detector: Detector, *, auto: bool) -> list[str]:
    """What a view offers as ``LiveSettings.input_size``, the quickest first: the ladder, the two sizes of
    ``--accurate`` and those that the detector has; and ``"auto"`` at the end if that is to be offered.
    Nothing where the model has one size.
    """
    if not detector.any_size:
        return []
    own = detector.own_hw
    sizes = {*((size,) for size in size_ladder(own)), detector.input_sizes}
    with suppress(ArgumentError):  # a network of that size has no larger one
        sizes.add(accurate_sizes(own))
    return [*map(describe_sizes, sorted(sizes, key=pixels)), *([AUTO] if auto else [])]


class Resizer:
    """Exchanges the detector of a pipeline for one of another input size, as the settings want it.

    Args:
        detector: the first one.
        settings: say which size is wanted.
        live: whether frames come from a live source: ``"auto"`` has a rate to keep there alone, and lets the
            size of others be.

    Attributes:
        detector: that of the next frame.
    """

    def __init__(self, detector: Detector, settings: LiveSettings, *, live: bool) -> None:
        self.detector = detector
        self._settings = settings
        self._control: SizeControl | None = None
        if live and detector.any_size:
            self._control = SizeControl(size_candidates(detector.own_hw), settings.fps)
        self._target: Sizes | None = None  # of the control
        self._loading: threading.Thread | None = None
        self._loaded: Detector | None = None

    def add(self, sizes: Sizes, seconds: float) -> None:
        """Count a frame of a live source: with which sizes it was looked at, and how long that took."""
        if self._settings.input_size != AUTO or self._control is None:
            self._target = None
        elif self._loading is None and (change := self._control.add(sizes, seconds)):
            self._target, why = change
            self._settings.say(why)

    def exchange(self) -> bool:
        """Whether ``detector`` is another one from now on. Called between two frames; never waits."""
        if self._loading is None:
            asked = self._settings.input_size
            wanted = self._target if asked in (None, AUTO) else read_sizes(asked)
            if wanted is not None and wanted != self.detector.input_sizes:
                self._loading = threading.Thread(
                    target=self._load, args=(asked, wanted), name="resize", daemon=True
                )
                self._loading.start()
            return False
        if self._loading.is_alive():
            return False
        self._loading = None
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            return False
        self.detector = loaded
        return True

    def close(self) -> None:
        """Wait for a network that is being loaded."""
        if self._loading is not None:
            self._loading.join()

    def _load(self, asked: str | None, sizes: Sizes) -> None:
        try:
            self._loaded = self.detector.resized(describe_sizes(sizes))
        except Exception as error:  # whatever it is: the view goes on with what it has
            current = describe_sizes(self.detector.input_sizes)
            if self._settings.input_size == asked:
                self._settings.input_size = current
            reason = str(error).removesuffix(".") or type(error).__name__
            self._settings.say(f"{current} stays, for {describe_sizes(sizes)} cannot be loaded ({reason})")
