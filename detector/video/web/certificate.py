"""A certificate for HTTPS that this machine makes itself, because browsers give cameras to nothing less."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
from pathlib import Path

from detector.errors import DetectorError
from detector.system.cache import cache_folder
from detector.system.files import replacing
from detector.system.invocation import with_extra

_VALID = datetime.timedelta(days=397)  # Apple's browsers take none that is valid for longer
_REMAINING = datetime.timedelta(days=7)


def server_context(host: str) -> ssl.SSLContext:
    """HTTPS with the certificate for an address, which is made if there is none.

    It is kept in the cache, so that browsers ask once whether to trust it.

    Args:
        host: address or name that browsers open.

    Raises:
        DetectorError: the package that makes certificates is not installed.
    """
    path = cache_folder() / "web" / f"{host.replace(':', '_')}.pem"
    if not _serves(path):
        _make(path, host)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


def _serves(path: Path) -> bool:
    """Whether there is a certificate that is valid for some time to come."""
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(path)
        age = datetime.timedelta(seconds=max(0.0, _now().timestamp() - path.stat().st_mtime))
    except (OSError, ssl.SSLError):
        return False
    return age < _VALID - _REMAINING


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _make(path: Path, host: str) -> None:
    """Write a key and a certificate that it has signed, for nobody else to read."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError as error:
        raise DetectorError(
            "A browser gives its camera to HTTPS only, which needs a package that is not installed here: "
            f"{with_extra('live')}; or stay on this machine with --host 127.0.0.1."
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ssdlite on this machine")])
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    if (machine := socket.gethostname()).isascii():
        names += [x509.DNSName(machine), x509.DNSName(f"{machine}.local")]
    try:
        names.append(x509.IPAddress(ipaddress.ip_address(host)))
    except ValueError:
        names.append(x509.DNSName(host))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - datetime.timedelta(days=1))
        .not_valid_after(_now() + _VALID - datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    with replacing(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
