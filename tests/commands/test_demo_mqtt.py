"""``ssdlite demo --mqtt`` and a real broker; its parts are in tests/video/mqtt."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from detector.data.sample import SAMPLE_FOLDER
from tests.commands.running import Run, assert_mistake
from tests.video.conftest import write_video
from tests.video.mqtt.conftest import Listener, Mosquitto, broker, listener  # noqa: F401  # fixtures
from tests.waiting import wait_until

PHOTO = SAMPLE_FOLDER / "astronaut.jpg"


def test_a_video_is_told_to_the_broker(
    run: Run,
    model: Path,
    broker: Mosquitto,  # noqa: F811
    listener: Listener,  # noqa: F811
    tmp_path: Path,
) -> None:
    video = write_video(tmp_path / "person.mp4", 20)
    address = f"mqtt://127.0.0.1:{broker.port}/front-door"
    zone = ("--zone", "0,0,1,0,1,1,0,1")
    outcome = run("demo", "--source", video, "--headless", "--model", model, "--mqtt", address, *zone)
    assert (outcome.code, outcome.err) == (0, "")
    assert "ssdlite/front_door/#" in outcome.out
    assert f"to 127.0.0.1:{broker.port}." in outcome.out
    wait_until(lambda: listener.messages.get("ssdlite/front_door/availability") == "offline")  # the last one
    assert ("ssdlite/front_door/availability", "online") in listener.history
    assert listener.messages["ssdlite/front_door/classes/person"] == "1"
    assert listener.messages["ssdlite/front_door/zone/inside"] == "1"
    last = json.loads(listener.messages["ssdlite/front_door/detections"])
    assert (last["frame"], last["detections"][0]["name"]) == (19, "person")
    names = {json.loads(text)["name"] for topic, text in listener.messages.items() if "/config" in topic}
    assert {"person", "detections", "zone in", "zone out", "zone inside"} <= names


@pytest.mark.parametrize("address", ["broker", "http://broker", "mqtt://me:s3cret#@broker", "mqtt://"])
def test_what_is_no_broker_is_refused_before_anything_is_opened(run: Run, address: str) -> None:
    sentence = assert_mistake(run("demo", "--source", "absent.mp4", "--headless", "--mqtt", address))
    assert "MQTT" in sentence
    assert "s3cret" not in sentence


def test_a_broker_that_is_not_there(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("paho.mqtt.client")
    monkeypatch.setenv("SSDLITE_MQTT_USER", "me")
    monkeypatch.setenv("SSDLITE_MQTT_PASSWORD", "s3cret")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"mqtt://127.0.0.1:{free.getsockname()[1]}"
    outcome = run("demo", "--source", PHOTO, "--headless", "--model", model, "--mqtt", address)
    assert "cannot be reached" in assert_mistake(outcome)
    assert "s3cret" not in outcome.out + outcome.err
