"""What all viewers share: the newest frame, its picture, the settings, and who is connected."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from detector.colours import class_colour, css_colour
from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats
from detector.video.settings import GREATEST_THRESHOLD, LEAST_THRESHOLD, LiveSettings
from detector.video.web.camera import BrowserSource
from detector.video.web.pictures import Pictures


@dataclass(frozen=True, eq=False)
class Moment:
    """What the pipeline has told last; another one is never equal."""

    live: LiveFrame | None = None
    stats: LiveStats | None = None
    notice: str | None = None


class Viewer(Protocol):
    """A connected page."""

    def tell(self, message: dict[str, Any]) -> None:
        """Send it a message as soon as it can take it."""
        ...


class Hub:
    """For the server's thread, except ``moment`` and ``pictures.waiting``.

    Args:
        settings: what any viewer may change for all.
        classes: that the model knows.
        source_name: shown on the page.
        camera: the source, if it is a browser's camera.

    Attributes:
        moment: replaced by the pipeline's thread with every frame.
        pictures: what was painted last, and who waits for more.
        viewers: the pages that are connected.
    """

    def __init__(
        self,
        settings: LiveSettings,
        classes: Sequence[str],
        source_name: str,
        camera: BrowserSource | None = None,
    ) -> None:
        self.settings = settings
        self.classes = tuple(dict.fromkeys(classes))
        self.camera = camera
        self.moment = Moment()
        self.pictures = Pictures()
        self.viewers: set[Viewer] = set()
        self._source_name = source_name
        self._written: tuple[object, str] = (None, "")

    def newest(self) -> LiveFrame | None:
        """The newest frame."""
        return self.moment.live

    def greeting(self) -> dict[str, Any]:
        """What a page has to know once: classes with their colours, limits, input sizes to choose from,
        whether it may be the camera.
        """
        return {
            "source": self._source_name,
            "camera": self.camera is not None,
            "classes": {name: css_colour(class_colour(name, self.classes)) for name in self.classes},
            "least_threshold": LEAST_THRESHOLD,
            "greatest_threshold": GREATEST_THRESHOLD,
            "input_sizes": self.settings.sizes,
        }

    def state(self) -> dict[str, Any]:
        """What is now: frame with detections, counts per class, figures, notice, settings, its end."""
        moment, settings = self.moment, self.settings
        return {
            "source": self._source_name,
            "live": moment.live.to_dict() if moment.live else None,
            "classes": dict(Counter(moment.live.detections.names)) if moment.live else {},
            "stats": moment.stats.to_dict() if moment.stats else None,
            "notice": moment.notice,
            "ended": settings.ended,
            "settings": {
                "threshold": settings.score_threshold,
                "classes": None if settings.classes is None else sorted(settings.classes),
                "input_size": settings.input_size,
                "paused": settings.paused,
            },
            "remark": settings.remark,
            "collecting": settings.mark is not None,
            "marked": settings.marked,
            "viewers": len(self.viewers),
            "camera_taken": self.camera is not None and self.camera.taken,
        }

    def state_message(self) -> str:
        """The state as a message; written once for all pages, and the same object till it changes."""
        settings, camera = self.settings, self.camera
        current = (
            self.moment,
            (settings.score_threshold, settings.classes, settings.paused, settings.ended),
            (settings.input_size, settings.remark, settings.mark is not None, settings.marked),
            (len(self.viewers), camera is not None and camera.taken),
        )
        if current != self._written[0]:
            self._written = (current, json.dumps({"state": self.state()}))
        return self._written[1]

    def mark(self) -> None:
        """Keep the newest frame as one that is wrong, where frames are collected."""
        mark, live = self.settings.mark, self.moment.live
        if mark is not None and live is not None:
            self.settings.marked = ""  # the page sees that there is an answer to this one
            mark(live)

    def answer(self, live: LiveFrame) -> None:
        """Tell the browser whose frame this is what was found in it."""
        sender = self.camera.sender_of(live.frame) if self.camera else None
        for viewer in self.viewers:
            if sender is not None and sender[0] is viewer:
                viewer.tell({"result": {"clock": sender[1], **live.to_dict()}})
