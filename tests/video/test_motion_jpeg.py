import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import SourceError
from detector.video import motion_jpeg
from detector.video.motion_jpeg import ask, split_jpegs
from detector.video.sources import open_source
from tests.video.http_server import FORMS, PASSWORD, QUOTED, USER, Server, send_jpegs

BRIGHTNESS = [0, 60, 120, 180, 240]


def jpeg(value, *options):
    noise = np.random.default_rng(value).integers(0, 16, (48, 64, 3))
    return cv2.imencode(".jpg", (np.full((48, 64, 3), value) + noise).astype(np.uint8), list(options))[
        1
    ].tobytes()


JPEGS = [jpeg(value) for value in BRIGHTNESS]
KINDS = [
    jpeg(90),
    jpeg(90, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    jpeg(90, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    jpeg(90, cv2.IMWRITE_JPEG_QUALITY, 100),
]


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_camera_plays(form):
    with Server(send_jpegs(form, JPEGS)) as server:
        answer = ask(f"http://127.0.0.1:{server.port}/stream")
        assert not answer.finite
        images = [answer.capture.read()[1] for _ in JPEGS]
        assert answer.capture.read() == (False, None)
        answer.capture.release()
    assert [image.mean() for image in images] == pytest.approx([value + 7.5 for value in BRIGHTNESS], abs=3)


@pytest.mark.parametrize("auth", ["Basic", "Basic without quotes", "Digest"])
def test_a_camera_gets_its_password(auth):
    with Server(send_jpegs("plain", JPEGS * 20), auth=auth) as server:
        source = open_source(f"http://{USER}:{QUOTED}@127.0.0.1:{server.port}/a?b=c")
        assert source.live
        assert source.read().image.shape == (48, 64, 3)
        assert PASSWORD not in source.name
        source.close()
        assert server.passwords[0].startswith(auth.split()[0])


def test_a_wrong_password_is_told_from_a_wrong_address():
    with (
        Server(send_jpegs("plain", JPEGS), auth="Basic") as server,
        pytest.raises(SourceError, match=r"answers 401: user name or password .* %2F") as caught,
    ):
        open_source(f"http://me:wrong-one@127.0.0.1:{server.port}/")
    assert "wrong-one" not in str(caught.value)
    with Server(lambda request: request.send_error(404)) as server, pytest.raises(SourceError, match="404"):
        open_source(f"http://127.0.0.1:{server.port}/")


@given(
    st.lists(st.one_of(st.sampled_from(KINDS), st.binary(max_size=40).filter(lambda b: b"\xff" not in b))),
    st.integers(1, 5000),
)
def test_pictures_come_out_whole_whatever_lies_between(parts, chunk):
    stream = io.BytesIO(b"".join(parts))
    assert list(split_jpegs(lambda: stream.read(chunk))) == [part for part in parts if part in KINDS]


@given(st.integers(2, len(KINDS[0]) - 1), st.sampled_from(KINDS), st.integers(1, 5000))
def test_a_picture_that_is_cut_short_costs_few_others(length, following, chunk):
    stream = io.BytesIO(KINDS[0][:length] + b"\r\n--x\r\n\r\n" + following * 40)
    assert list(split_jpegs(lambda: stream.read(chunk)))[-2:] == [following] * 2


@given(st.binary(max_size=300))
def test_garbage_is_no_picture_and_no_error(data):
    stream = io.BytesIO(b"\xff\xd8\xff" + data)
    for found in split_jpegs(lambda: stream.read(7)):
        assert found.endswith(b"\xff\xd9")


def test_a_picture_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(motion_jpeg, "_MOST_BYTES", 100_000)
    asked = iter([KINDS[0][:-2], *[b"\x11" * 60_000] * 3, KINDS[1]])
    assert list(split_jpegs(lambda: next(asked, b""))) == [KINDS[1]]


@pytest.mark.parametrize(
    ("body", "finite"),
    [(b"RIFF....", True), (b"#EXTM3U\n#EXT-X-VERSION:3", False), (b'<?xml version="1.0"?><MPD>', False)],
)
def test_what_has_a_length_ends_but_for_playlists(body, finite):
    def answer(request):
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with Server(answer) as server:
        assert ask(f"http://127.0.0.1:{server.port}/").finite == finite
