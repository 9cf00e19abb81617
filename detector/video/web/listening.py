"""The socket that the browser view listens on, and the address that others reach it by."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

from detector.errors import DetectorError
from detector.video.web.access import is_loopback

_SEND_BUFFER = 256 * 1024  # bytes; a few pictures: what waits for a slow viewer in the system grows old


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on an address of this machine.

    Args:
        host: a name or an address; ``0.0.0.0`` or ``::`` for all of this machine's.
        port: 0 for any free one.

    Raises:
        DetectorError: the port is taken, or the address is not this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise DetectorError(f"{host!r} is not the name or address of a machine.") from error
    # A name such as localhost may have addresses of both kinds; the old kind is reachable everywhere.
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two programs have one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        listening.bind(address)
        listening.listen(64)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise _cannot_listen(host, port, error) from error
    return listening


def _cannot_listen(host: str, port: int, error: OSError) -> DetectorError:
    if error.errno == errno.EADDRINUSE:
        return DetectorError(f"Port {port} is taken by another program; choose another with --port.")
    if error.errno == errno.EADDRNOTAVAIL:
        return DetectorError(
            f"{host} is not an address of this machine; 0.0.0.0 stands for all that it has, 127.0.0.1 for "
            "itself alone."
        )
    if error.errno == errno.EACCES:
        return DetectorError(f"Port {port} is not for everybody; choose one above 1023 with --port.")
    return DetectorError(f"Cannot listen on {host} port {port} ({error.strerror}); choose others.")


def is_open_to_others(listening: socket.socket) -> bool:
    """Whether other machines can reach it."""
    return not is_loopback(listening.getsockname()[0])


def reachable_host(listening: socket.socket) -> str:
    """The address to open in a browser: this machine's own in the network where it listens on all."""
    host = str(listening.getsockname()[0])
    if not ipaddress.ip_address(host).is_unspecified:
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; the system chooses the address it would use
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
