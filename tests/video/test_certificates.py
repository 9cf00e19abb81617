"""Nobody is told a password who has not shown a certificate that verifies, unless the user says so."""

import contextlib
import socket
import threading

import pytest

from detector.errors import SourceError
from detector.video.certificates import authorities, check_certificate, is_secure
from detector.video.sources import open_source
from tests.video.conftest import write_video
from tests.video.http_server import PASSWORD, QUOTED, USER, Server, send_jpegs
from tests.video.test_motion_jpeg import JPEGS

pytest.importorskip("cryptography", reason="makes the certificates")


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """The server's side of TLS with a certificate for 127.0.0.1, and the file to trust it by."""
    from detector.video.web.certificate import server_context

    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1,127.1")
    return server_context("127.0.0.1"), next(tmp_path.glob("web/*.pem"))


def test_a_camera_with_a_certificate_of_its_own_gets_no_password(tls):
    with Server(send_jpegs("plain", JPEGS * 20), auth="Basic", tls=tls[0]) as server:
        with pytest.raises(SourceError, match=r"cannot be verified .*--insecure") as caught:
            open_source(f"https://{USER}:{QUOTED}@127.0.0.1:{server.port}/")
        assert PASSWORD not in str(caught.value)
        assert QUOTED not in str(caught.value)
        assert (server.asked, server.passwords) == (0, [])
        source = open_source(f"https://{USER}:{QUOTED}@127.0.0.1:{server.port}/", insecure=True)
        assert source.read() is not None
        source.close()
        assert server.passwords


def test_a_certificate_that_is_trusted_must_be_of_this_host(tls, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    assert authorities() == str(tls[1])
    with Server(send_jpegs("plain", JPEGS * 20), auth="Digest", tls=tls[0]) as server:
        with pytest.raises(SourceError, match="cannot be verified"):
            open_source(f"https://{USER}:{QUOTED}@127.1:{server.port}/")
        assert not server.passwords
        source = open_source(f"https://{USER}:{QUOTED}@127.0.0.1:{server.port}/")
        assert source.read() is not None
        source.close()


def test_a_video_behind_tls(tls, monkeypatch, tmp_path):
    content = write_video(tmp_path / "person.avi", 10).read_bytes()

    def answer(request):
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    with Server(answer, auth="Basic", tls=tls[0]) as server:
        url = f"https://{USER}:{QUOTED}@127.0.0.1:{server.port}/person.avi"
        for trusted in (False, True):
            if trusted:
                monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
            source = open_source(url, insecure=not trusted)
            assert not source.live
            assert len(list(iter(source.read, None))) == 10
            source.close()


class RtspsServer:
    """Notes what it is sent through TLS, and never answers."""

    def __init__(self, context):
        self.context, self.heard = context, b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), self.context.wrap_socket(plain, server_side=True) as secure:
                self.heard += secure.recv(4096)
                challenge = (
                    b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
                )
                secure.sendall(challenge)
                self.heard += secure.recv(4096)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def test_neither_does_a_camera_with_rtsps(tls):
    with RtspsServer(tls[0]) as server:
        url = f"rtsps://{USER}:{QUOTED}@127.0.0.1:{server.port}/live"
        with pytest.raises(SourceError, match="cannot be verified"):
            open_source(url)
        assert server.heard == b""
        with pytest.raises(SourceError, match="cannot be opened"):
            open_source(url, insecure=True)
        assert b"Authorization" in server.heard


@pytest.mark.parametrize(
    "url", ["rtsps://me:SECRET@127.0.0.1:9/", "rtsps://me:SECRET@127.0.0.1:port/", "rtmps://"]
)
def test_nobody_there(url):
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        check_certificate(url)
    assert "SECRET" not in str(caught.value)


def test_which_addresses_are_secure():
    assert all(is_secure(url) for url in ("https://a", "RTSPS://a", "cache:https://a"))
    assert not any(is_secure(url) for url in ("http://a", "rtsp://a"))
