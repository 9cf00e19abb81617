"""A connection to a broker, kept up while the pipeline runs."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from detector.errors import BackendError, DetectorError
from detector.system.invocation import with_extra
from detector.system.terminal import counted
from detector.video.certificates import tls_context
from detector.video.frames import LiveFrame
from detector.video.mqtt.broker import PASSWORD, USER, Broker
from detector.video.mqtt.messages import OFFLINE, ONLINE, Entities, Messages

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_PERIOD_SECONDS = 1.0
_PATIENCE_SECONDS = 10.0  # for a broker to answer at the start
_LAST_SECONDS = 2.0  # for the last message to leave
_KEEP_ALIVE_SECONDS = 30  # a broker that hears nothing for half as long again says that we are gone
_LONGEST_WAIT_SECONDS = 30  # between two tries to connect again


class Publisher:
    """Publishes what is seen once a second, what has changed alone, and never waits for the broker.

    Args:
        broker: whom to tell. It has to be there at the start; later it may go and come back.
        entities: what is told.
        tell: takes a line for the user when the broker goes and when it is back.

    Raises:
        BackendError: the package is not installed.
        DetectorError: the broker does not answer, or refuses us.
    """

    def __init__(self, broker: Broker, entities: Entities, tell: Callable[[str], None]) -> None:
        self._broker = broker
        self._entities = entities
        self._tell = tell
        self._due = 0.0
        self._lock = threading.Lock()  # the entities belong to two threads
        self._answered = threading.Event()
        self._refusal: str | None = None
        self._is_connected = self._is_closed = False
        self._sent = self._losses = 0
        self._client = self._make_client()
        self._connect()

    @property
    def note(self) -> str:
        """What the user has to know before the first frame."""
        return (
            f"Publishing to the MQTT broker {self._broker}, topics {self._entities.topic}/#; "
            "Home Assistant finds them by itself."
        )

    def add(self, live: LiveFrame) -> None:
        """Take note of a frame, and publish what has changed where a second is over."""
        with self._lock:
            self._entities.add(live)
            if time.monotonic() < self._due:
                return
            self._due = time.monotonic() + _PERIOD_SECONDS
            changes = self._entities.changes()
            if self._is_connected:  # otherwise all of it is published when the broker is back
                self._publish(changes)

    def close(self) -> None:
        """Publish what is left, say that we are gone, and end the connection."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_connected:
            with self._lock:
                self._publish(self._entities.changes())
            last = self._client.publish(self._entities.availability, OFFLINE, qos=1, retain=True)
            with suppress(
                RuntimeError, ValueError
            ):  # the connection is lost at this moment: the will says so
                last.wait_for_publish(_LAST_SECONDS)
        self._client.disconnect()
        self._client.loop_stop()

    def summary(self) -> str:
        """What came of it."""
        lost = f"; the connection was lost {counted(self._losses, 'time')}" if self._losses else ""
        return f"Published {counted(self._sent, 'message')} to {self._broker}{lost}."

    def _make_client(self) -> Client:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise BackendError(
                f"MQTT needs the package paho-mqtt ({error}): {with_extra('mqtt')}."
            ) from error
        client = Client(CallbackAPIVersion.VERSION2)
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls:
            client.tls_set_context(tls_context(insecure=False))
        client.will_set(self._entities.availability, OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, _LONGEST_WAIT_SECONDS)
        client.connect_timeout = _PATIENCE_SECONDS
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        return client

    def _connect(self) -> None:
        try:
            self._client.connect(self._broker.host, self._broker.port, _KEEP_ALIVE_SECONDS)
        except (OSError, ValueError) as error:  # a host that cannot be written in the network's alphabet
            raise DetectorError(self._say_failure(error)) from error
        self._client.loop_start()
        answered = self._answered.wait(_PATIENCE_SECONDS)
        silence = f"answers nothing within {_PATIENCE_SECONDS:.0f} s; is it an MQTT broker?"
        refusal = self._refusal if answered else silence  # before ``close`` ends the connection
        if refusal is not None:
            self.close()
            raise DetectorError(f"The MQTT broker {self._broker} {refusal}")

    def _say_failure(self, error: OSError | ValueError) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"The certificate of the MQTT broker {self._broker} is not trusted ({error.verify_message}); "
                "name a file of certificates to trust in the environment variable SSL_CERT_FILE."
            )
        if isinstance(error, ssl.SSLError):
            return f"The MQTT broker {self._broker} does not speak TLS there ({error.reason}); try mqtt://."
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        return (
            f"The MQTT broker {self._broker} cannot be reached ({said}); is it running, and its name right?"
        )

    def _on_connect(self, client: Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        """In the client's thread: at the start, and whenever the broker is back."""
        if reason.is_failure:
            self._refusal = (
                f"refuses the connection ({reason}); give the user and the password in its address, or in "
                f"{USER} and {PASSWORD}."
            )
            self._answered.set()
            return
        with self._lock:
            self._publish({**self._entities.everything(), self._entities.availability: ONLINE})
            self._is_connected = True
        if self._answered.is_set():
            self._tell(f"The MQTT broker {self._broker} is back.")
        self._answered.set()

    def _on_disconnect(self, client: Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        was_connected, self._is_connected = self._is_connected, False
        if was_connected and not self._is_closed:
            self._losses += 1
            self._tell(f"The MQTT broker {self._broker} is gone ({reason}); trying again until it is back.")
        elif not self._answered.is_set():
            self._refusal = f"ends the connection before it answers ({reason}); is it an MQTT broker?"
            self._answered.set()

    def _publish(self, messages: Messages) -> None:
        for topic, text in messages.items():
            # Unacknowledged: what would be repeated after a connection was lost is older than what is
            # published anew then.
            self._client.publish(topic, text, qos=0, retain=True)
        self._sent += len(messages)
