import pytest

from detector.errors import SourceError
from detector.video.address import check_address, scheme_of
from detector.video.sources import open_source


@pytest.mark.parametrize(
    "password", ["a/SECRET", "a?SECRET", "a#SECRET", "SECRET/b@c", "1/SECRET", "%zz/SECRET"]
)
@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_no_error_shows_a_password(password, scheme):
    with pytest.raises(SourceError, match="%2F") as caught:
        open_source(f"{scheme}://me:{password}@127.0.0.1:9/live")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["me:SECRET@127.0.0.1/live", "rtsp:/me:SECRET@cam", "rtsp//me:SECRET@cam", "x://me:SECRET@127.0.0.1:9/"],
)
def test_neither_does_one_about_what_is_no_address(text):
    with pytest.raises(SourceError) as caught:
        open_source(text)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["rtsp://me:x@cam/a@b", "rtsp://cam:554/a@b", "http://cam/a:b@c", "udp://@239.0.0.1:5"]
)
def test_addresses_that_can_be_understood(url):
    check_address(url)


def test_schemes():
    assert [scheme_of(u) for u in ("RTSPS://a", "cache:https://a", "hls+http://b", "none")] == [
        "rtsps", "https", "http", "none",
    ]  # fmt: skip
