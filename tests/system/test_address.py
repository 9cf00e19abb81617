"""Addresses as they may be shown."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detector.system.address import shown_address


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://me:secret@cam:554/a/b?pwd=x", "rtsp://me:***@cam:554/a/b?..."),
        ("https://secret@cam/a", "https://***@cam/a"),
        ("udp://@239.0.0.1:5", "udp://@239.0.0.1:5"),
        ("rtsp://me:a@b:c@cam/a", "rtsp://me:***@cam/a"),
        ("http://cam/video.mjpg", "http://cam/video.mjpg"),
        ("http://cam", "http://cam"),
        ("http://cam#token=x", "http://cam#..."),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("rtsp://me:secret", "rtsp://me:***"),
        ("rtsp://cam/user=me&password=x_channel=1&y=2", "rtsp://cam/user=me&password=***&y=2"),
        ("http://cam/Token:abc/live", "http://cam/Token:***/live"),
        ("rtsp://me%3Asecret@cam/a", "rtsp://me:***@cam/a"),
        ("me:secret@cam/a", "me:***@cam/a"),
        ("rtsp:/me:secret@cam/a", "rtsp:***@..."),
        ("rtsp//me:secret@cam/a", "rtsp//me:..."),
        ("http://cam/me:secret@a/b?c=d", "http://cam/me:..."),
        ("rtsp://me:se/cret@cam/a", "rtsp://me:***@..."),
        ("http://cam:80/a?token=se@cret", "http://cam:***@..."),
        ("http://cam/a?token=se@cret", "http://cam/a?..."),
    ],
)
def test_passwords_are_not_shown(url, shown):
    assert shown_address(url) == shown


@given(
    st.text(st.sampled_from("ab1/#?@:%&=;+ \\\"'é"), min_size=1), st.sampled_from(["rtsp", "http", "https"])
)
@example("/", "rtsp")
@example("1/2@3", "http")
def test_no_password_is_shown_whatever_is_in_it(password, scheme):
    for url in (
        f"{scheme}://me:S{password}S@cam/live",
        f"{scheme}://cam/live?pwd=S{password}S",
        f"me:S{password}S@cam/live",
        f"{scheme}//me:S{password}S@cam/live",
        f"{scheme}://cam/me:S{password}S@live",
    ):
        assert "S" not in shown_address(url)
