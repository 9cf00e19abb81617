"""The browser view: a server in a thread of its own, which never keeps the pipeline waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from detector.images import Image
from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats
from detector.video.settings import LiveSettings
from detector.video.web.camera import BrowserSource
from detector.video.web.hub import Hub, Moment
from detector.video.web.pictures import Pace, paint
from detector.video.web.serving import Serving
from detector.video.web.site import Site

_SHUTDOWN_SECONDS = 0.25  # for viewers to take what is on its way
_WATCHED_SECONDS = 2.0  # after a picture was painted somebody is taken to look on


class WebView:
    """A page with the live picture and its controls, for any number of browsers.

    Pictures are drawn and encoded only while somebody waits for one, and once for all.

    Args:
        settings: what viewers change.
        classes: names that the model knows.
        draw: gives a frame's picture with everything on it. The frame may be smaller than the source's. It is
            called in the thread that calls ``show``.
        source_name: shown on the page.
        host: where to listen. Anything but loopback makes the view ask for a token, which ``url`` contains.
        port: 0 for any free one.
        camera: the pipeline's source, if it is a browser's camera; from other machines browsers allow that
            with HTTPS only, so it is spoken there, with a certificate made here.

    Attributes:
        url: what the user opens.
        invitation: sentences that say so, and what to know about it.

    Raises:
        DetectorError: the port is taken, the address is not this machine's, or HTTPS is needed and the
            package that makes certificates is not installed.
    """

    closed = False

    def __init__(
        self,
        settings: LiveSettings,
        classes: Sequence[str],
        *,
        draw: Callable[[LiveFrame], Image],
        source_name: str,
        host: str = "127.0.0.1",
        port: int = 8080,
        camera: BrowserSource | None = None,
    ) -> None:
        self._draw = draw
        self._painted: LiveFrame | None = None
        self._painted_at = -_WATCHED_SECONDS
        self._pace = Pace()
        self._hub = Hub(settings, classes, source_name, camera)
        self._serving = Serving(
            lambda access, door: Site(self._hub, access, door).application(),
            host,
            port,
            may="watch and change settings",
            with_camera=camera is not None,
            patience=_SHUTDOWN_SECONDS,
        )
        self.url, self.invitation = self._serving.url, self._serving.invitation

    def show(self, live: LiveFrame | None, stats: LiveStats, notice: str | None) -> bool:
        """Give viewers a frame; nothing is drawn when nobody waits for one.

        Args:
            live: None when nothing new has come.
            stats: figures of the pipeline at this moment.
            notice: a line over the picture.

        Returns:
            Whether the frame is on its way to viewers; True as well where there are none.
        """
        before = self._hub.moment
        newest = live or before.live
        if live is not None or notice != before.notice:
            self._hub.moment = Moment(newest, stats, notice)
        if live is not None and self._hub.camera is not None:
            self._serving.call(self._hub.answer, live)
        wanted = newest is not None and newest is not self._painted and self._hub.pictures.waiting
        if newest is not None and wanted and self._pace.is_due():
            start = time.thread_time()
            self._serving.call(self._hub.pictures.publish, paint(newest, self._draw))
            self._pace.add_painted(time.thread_time() - start)
            self._painted, self._painted_at = newest, time.monotonic()
            return True
        watched = self._hub.pictures.waiting or time.monotonic() - self._painted_at < _WATCHED_SECONDS
        # A browser's camera draws for itself, whatever is painted here.
        return self._hub.camera is not None or not watched

    def close(self) -> None:
        """End all connections and the server."""
        self._serving.close()
