"""Cameras behind TLS: their certificate is verified before they are told a password."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import ssl
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from detector.errors import SourceError
from detector.system.address import shown_address
from detector.video.address import scheme_of

_PORTS = {"https": 443, "rtsps": 322, "rtmps": 443, "tls": 443, "wss": 443}
_TIMEOUT = 5.0
# Where the systems keep them whose OpenSSL reads a folder of single files by default.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def is_secure(url: str) -> bool:
    """Whether an address is one of TLS."""
    return scheme_of(url) in _PORTS


def tls_context(insecure: bool) -> ssl.SSLContext:
    """What a connection is verified with; any certificate will do if ``insecure``."""
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def refused_certificate(url: str, error: ssl.SSLError) -> SourceError:
    """The error for a certificate that does not verify."""
    reason = getattr(error, "verify_message", None) or error.reason or "no TLS"
    return SourceError(
        f"The certificate of {shown_address(url)} cannot be verified ({str(reason).rstrip('.')}), so no "
        "password was sent; check the address, or add --insecure (in Python insecure=True) if the camera has "
        "a certificate of its own and the network is yours."
    )


def check_certificate(url: str) -> None:
    """Connect, verify certificate and host name, and hang up.

    Raises:
        SourceError: it does not verify, or nobody answers.
    """
    parts = urlsplit(f"https://{url.partition('://')[2]}")
    try:
        host, port = parts.hostname or "", parts.port or _PORTS[scheme_of(url)]
        with (
            socket.create_connection((host, port), timeout=_TIMEOUT) as plain,
            tls_context(insecure=False).wrap_socket(plain, server_hostname=host),
        ):
            pass
    except ssl.SSLError as error:
        raise refused_certificate(url, error) from error
    except (OSError, ValueError) as error:  # ValueError: a port or a host that is none
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{shown_address(url)} cannot be reached ({reason}).") from error


def authorities() -> str | None:
    """The file of the certificate authorities that Python trusts, for programs that want one."""
    found = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return next((path for path in found if path and os.path.isfile(path)), None) or _exported_authorities()


@cache
def _exported_authorities() -> str | None:
    """The same from where Windows keeps them, in a file that lasts as long as this process."""
    trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not trusted:
        return None
    folder = tempfile.mkdtemp(prefix="ssdlite")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = Path(folder) / "authorities.pem"
    file.write_text("".join(ssl.DER_cert_to_PEM_cert(certificate) for certificate in trusted), "ascii")
    return str(file)
