"""The studies of live detection are tested with the views and feeds of the page's tests."""

from __future__ import annotations

from tests.video.web.conftest import feed, open_view, resources, settings

__all__ = ["feed", "open_view", "resources", "settings"]
