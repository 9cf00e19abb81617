"""A broker on loopback: mosquitto, in a process of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import absent
from tests.waiting import wait_until

USER, PASSWORD = "home", "s3cret/%"


class Mosquitto:
    """A broker that can be killed and started again, and what it was told."""

    def __init__(self, folder: Path, *settings: str) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        if program is None:
            absent("mosquitto is not installed")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._log = folder / "mosquitto.log"
        self._command = [str(program), "-c", str(folder / "mosquitto.conf")]
        lines = (f"listener {self.port} 127.0.0.1", "persistence false", *settings)
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._listens)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Listener:
    """A client that takes down the last message of each topic, and whether it was retained."""

    def __init__(self, port: int) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.messages: dict[str, str] = {}
        self.history: list[tuple[str, str]] = []
        self.retained: set[str] = set()
        ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)

        def take(client: object, data: object, message: object) -> None:
            topic, text = message.topic, message.payload.decode()  # type: ignore[attr-defined]
            self.messages[topic] = text
            self.history.append((topic, text))
            if message.retain:  # type: ignore[attr-defined]
                self.retained.add(topic)

        self._client.on_message = take
        self._client.on_connect = lambda client, *rest: client.subscribe("#")
        self._client.on_subscribe = lambda *rest: ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert ready.wait(20)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """One that lets everybody in."""
    pytest.importorskip("paho.mqtt.client")
    made = Mosquitto(tmp_path, "allow_anonymous true")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Listener]:
    made = Listener(broker.port)
    yield made
    made.close()
