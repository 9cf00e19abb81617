"""What a viewer may change while the pipeline runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from detector.input_sizes import read_sizes
from detector.system.terminal import ignore
from detector.video.frames import LiveFrame

AUTO = "auto"
DEFAULT_FPS = 15.0
LEAST_THRESHOLD, GREATEST_THRESHOLD = 0.05, 0.95


class LiveSettings:
    """Threshold, classes, input size and pause, shared by the pipeline and every view of it.

    Each attribute is replaced whole, so threads may set and read them without a lock.

    Args:
        score_threshold: least score of a detection.
        input_size: see ``input_size``.
        sizes: what views offer for it, the quickest first; nothing if it cannot be changed.
        fps: frames a second that ``"auto"`` keeps.
        tell: takes a line for what nobody asked for: another input size, for example.

    Attributes:
        classes: names of the classes to keep, all if None.
        paused: while True no frame is processed, but for those that are on their way already.
        ended: the source has ended: nothing that is changed now has any effect.
        remark: what was last said of the input size as it is set.
        mark: takes a frame that a viewer calls wrong; None where no frames are collected.
        marked: what became of the last one that was called so.
    """

    def __init__(
        self,
        score_threshold: float,
        *,
        input_size: str | None = None,
        sizes: Sequence[str] = (),
        fps: float = DEFAULT_FPS,
        tell: Callable[[str], None] = ignore,
    ) -> None:
        self._score_threshold = score_threshold
        self.classes: frozenset[str] | None = None
        self.input_size = input_size
        self.sizes = tuple(sizes)
        self.fps = fps
        self.paused = False
        self.ended = False
        self.mark: Callable[[LiveFrame], None] | None = None
        self.marked = ""
        self.tell = tell

    @property
    def score_threshold(self) -> float:
        """Least score of a detection; what is set is moved into [0.05, 0.95]."""
        return self._score_threshold

    @score_threshold.setter
    def score_threshold(self, value: float) -> None:
        self._score_threshold = round(min(max(value, LEAST_THRESHOLD), GREATEST_THRESHOLD), 2)

    @property
    def input_size(self) -> str | None:
        """A text as ``Detector.resized`` takes it, or ``"auto"`` for what keeps a camera's frame rate; None
        is what the pipeline began with. It holds as soon as its network is loaded; frames until then are
        looked at as before.

        Raises:
            ArgumentError: what is set is neither.
        """
        return self._input_size

    @input_size.setter
    def input_size(self, size: str | None) -> None:
        if size not in (None, AUTO):
            read_sizes(size)
        self._input_size, self.remark = size, ""

    def say(self, remark: str) -> None:
        """Tell whoever looks on about the input size."""
        self.remark = remark
        self.tell(f"Input size {remark}.")
