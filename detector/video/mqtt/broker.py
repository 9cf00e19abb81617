"""The address of an MQTT broker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from detector.errors import DetectorError
from detector.system.address import shown_address
from detector.video.address import PASSWORD_HINT

USER, PASSWORD = "SSDLITE_MQTT_USER", "SSDLITE_MQTT_PASSWORD"  # environment variables
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXPECTED = "expected one such as mqtt://HOST, or mqtts://USER:PASSWORD@HOST:8883/CAMERA"
_WITH_PASSWORD = f"cannot be understood, perhaps because of its password; {PASSWORD_HINT}"


@dataclass(frozen=True)
class Broker:
    """Where a broker is, and who we are there.

    Attributes:
        host, port: of the broker.
        tls: whether it is spoken to with TLS.
        camera: what the camera is called there, if the address says so.
        user, password: None without.
    """

    host: str
    port: int
    tls: bool
    camera: str | None
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def read_broker(text: str, environment: Mapping[str, str]) -> Broker:
    """The broker of an address ``mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT][/CAMERA]``; user and password are
    those of the environment where the address has none.

    Raises:
        DetectorError: it is no such address; the sentence shows no password.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:  # its words would show a password
        raise _refusal(
            text, _WITH_PASSWORD if "@" in text else f"cannot be understood; {_EXPECTED}"
        ) from None
    if parts.scheme not in _PORTS:
        raise _refusal(text, f"begins with neither mqtt:// nor mqtts://; {_EXPECTED}")
    if not host or port == 0 or re.search(r"\s", host):
        raise _refusal(text, f"has no host that could be called; {_EXPECTED}")
    camera = parts.path.strip("/")
    if parts.query or parts.fragment or "@" in camera:
        raise _refusal(text, _WITH_PASSWORD)
    if camera and not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", camera):
        raise _refusal(text, "names the camera after its /: letters, digits, - and _ alone")
    user, password = (None if each is None else unquote(each) for each in (parts.username, parts.password))
    if not user:
        user, password = environment.get(USER) or None, environment.get(PASSWORD) or None
    elif password is None:
        password = environment.get(PASSWORD) or None
    if password is not None and user is None:
        raise DetectorError(f"{PASSWORD} is set and {USER} is not; set both, or neither.")
    return Broker(host, port or _PORTS[parts.scheme], parts.scheme == "mqtts", camera or None, user, password)


def _refusal(text: str, reason: str) -> DetectorError:
    return DetectorError(f"The MQTT address {shown_address(text)} {reason}.")
