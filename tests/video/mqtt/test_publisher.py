"""The publisher against a real broker."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from detector.errors import BackendError, DetectorError
from detector.video.mqtt import publisher as publisher_module
from detector.video.mqtt.broker import read_broker
from detector.video.mqtt.messages import Entities
from detector.video.mqtt.publisher import Publisher
from tests.conftest import absent
from tests.video.mqtt.conftest import PASSWORD, USER, Listener, Mosquitto
from tests.video.mqtt.test_messages import CLASSES, live
from tests.waiting import wait_until

Connect = Callable[..., Publisher]
# The client library leaves a socket open whose certificate it has refused.
LEFT_OPEN = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
ADDRESS_PASSWORD = "s3cret%2F%25"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def connect(said: list[str]) -> Iterator[Connect]:
    """Makes publishers that are closed at the end, when none of their threads may be left."""
    pytest.importorskip("paho.mqtt.client")
    made: list[Publisher] = []

    def make(address: str) -> Publisher:
        made.append(Publisher(read_broker(address, {}), Entities("door", "model", CLASSES), said.append))
        return made[-1]

    yield make
    for publisher in made:
        publisher.close()


def test_what_is_seen_is_told_and_kept_for_who_comes_later(
    broker: Mosquitto, listener: Listener, connect: Connect, said: list[str]
) -> None:
    publisher = connect(f"mqtt://127.0.0.1:{broker.port}")
    assert f"127.0.0.1:{broker.port}" in publisher.note
    publisher.add(live(0, 0))
    wait_until(lambda: listener.messages.get("ssdlite/door/classes/person") == "2")
    wait_until(lambda: listener.messages.get("ssdlite/door/availability") == "online")
    later = Listener(broker.port)
    wait_until(lambda: later.messages == listener.messages)
    assert later.retained == set(later.messages)
    later.close()
    announced = [json.loads(t) for topic, t in listener.messages.items() if topic.endswith("/config")]
    assert len(announced) == len(CLASSES) + 1
    for config in announced:
        assert config["state_topic"] in listener.messages
        assert config["availability_topic"] in listener.messages
    publisher.close()
    wait_until(lambda: listener.messages["ssdlite/door/availability"] == "offline")
    assert said == []
    assert "Published" in publisher.summary()
    assert "lost" not in publisher.summary()


def test_what_changes_within_a_second_is_told_at_its_end(
    broker: Mosquitto, listener: Listener, connect: Connect
) -> None:
    publisher = connect(f"mqtt://127.0.0.1:{broker.port}")
    publisher.add(live(0))
    wait_until(lambda: listener.messages.get("ssdlite/door/classes/person") == "1")
    before = len(listener.history)
    for _ in range(100):
        publisher.add(live(0, 1))
    publisher.close()  # what waits is told before the end
    wait_until(lambda: listener.messages["ssdlite/door/availability"] == "offline")
    assert listener.messages["ssdlite/door/classes/traffic_light"] == "1"
    assert len(listener.history) - before <= 8


def test_a_broker_that_goes_and_comes_back(broker: Mosquitto, connect: Connect, said: list[str]) -> None:
    publisher = connect(f"mqtt://127.0.0.1:{broker.port}")
    broker.kill()
    wait_until(lambda: said)
    assert "is gone" in said[0]
    for _ in range(3):
        publisher.add(live(0, 0, 0))  # nothing waits for it
    broker.start()  # it has forgotten all
    wait_until(lambda: len(said) == 2)
    assert "is back" in said[1]
    listener = Listener(broker.port)
    wait_until(lambda: listener.messages.get("ssdlite/door/availability") == "online")
    wait_until(lambda: sum(topic.endswith("/config") for topic in listener.messages) == len(CLASSES) + 1)

    def told() -> bool:
        publisher.add(live(0, 0, 0))
        return listener.messages.get("ssdlite/door/classes/person") == "3"

    wait_until(told)
    listener.close()
    assert "lost 1 time" in publisher.summary()


def test_who_is_killed_is_not_available(broker: Mosquitto, listener: Listener) -> None:
    code = f"""
import time
from detector.video.mqtt.broker import read_broker
from detector.video.mqtt.messages import Entities
from detector.video.mqtt.publisher import Publisher
Publisher(read_broker("mqtt://127.0.0.1:{broker.port}", {{}}), Entities("door", "model", ["cat"]), print)
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until(lambda: listener.messages.get("ssdlite/door/availability") == "online")
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: listener.messages["ssdlite/door/availability"] == "offline")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that wants a user and a password."""
    tool = shutil.which("mosquitto_passwd")
    if tool is None:
        absent("mosquitto_passwd is not installed")
    users = tmp_path / "users"
    subprocess.run([str(tool), "-b", "-c", users, USER, PASSWORD], check=True, capture_output=True)
    users.chmod(0o644)  # the broker gives root up, and must still read it
    tmp_path.chmod(0o755)
    made = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {users}", "user root")
    made.start()
    yield made
    made.kill()


def test_user_and_password(guarded: Mosquitto, connect: Connect) -> None:
    connect(f"mqtt://{USER}:{ADDRESS_PASSWORD}@127.0.0.1:{guarded.port}").add(live(0))
    for wrong in ("", f"{USER}:s3cret@"):  # each takes the client library a second
        with pytest.raises(DetectorError, match="refuses the connection") as caught:
            connect(f"mqtt://{wrong}127.0.0.1:{guarded.port}")
        assert "s3cret" not in str(caught.value)


@LEFT_OPEN
def test_tls(tmp_path: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = shutil.which("openssl")
    if tool is None:
        absent("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(str(tool), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", certificate),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    files = (f"certfile {certificate}", f"keyfile {key}")
    made = Mosquitto(tmp_path, "allow_anonymous true", *files, "user root")
    made.start()
    try:
        with pytest.raises(DetectorError, match=r"is not trusted.*SSL_CERT_FILE"):
            connect(f"mqtts://127.0.0.1:{made.port}")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        connect(f"mqtts://127.0.0.1:{made.port}").add(live(0))
        with pytest.raises(DetectorError, match=f"127.0.0.1:{made.port}"):
            connect(f"mqtt://127.0.0.1:{made.port}")
    finally:
        made.kill()


@LEFT_OPEN
def test_tls_where_there_is_none(broker: Mosquitto, connect: Connect) -> None:
    with pytest.raises(DetectorError, match=f"127.0.0.1:{broker.port}"):
        connect(f"mqtts://127.0.0.1:{broker.port}")


def test_nobody_there(connect: Connect) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DetectorError, match="cannot be reached"):
        connect(f"mqtt://127.0.0.1:{port}")
    with pytest.raises(DetectorError, match="cannot be reached"):
        connect("mqtt://no.such.host.invalid")


def test_something_else_than_a_broker(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            try:
                while True:
                    other, _ = server.accept()
                    with other:
                        other.recv(1000)
                        other.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            except OSError:
                pass

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(DetectorError, match="is it an MQTT broker"):
            connect(f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)


def test_a_broker_that_answers_nothing(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "_PATIENCE_SECONDS", 0.1)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(DetectorError, match="answers nothing within"),
    ):
        connect(f"mqtt://127.0.0.1:{server.getsockname()[1]}")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("paho.mqtt.client", "paho.mqtt.enums"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackendError, match="mqtt"):
        Publisher(read_broker("mqtt://127.0.0.1", {}), Entities("door", "model", CLASSES), print)
