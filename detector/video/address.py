"""Addresses of streams: their parts, and which ones cannot be understood."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from detector.errors import SourceError
from detector.system.address import shown_address

PASSWORD_HINT = "in a user name or password the characters / # ? @ : % are written %2F %23 %3F %40 %3A %25"


def scheme_of(url: str) -> str:
    """The protocol of an address in lower case, without FFmpeg's wrappers such as ``cache:``."""
    return re.split(r"[:+]", url.partition("://")[0].lower())[-1]


def has_password(url: str) -> bool:
    """Whether an address names a user."""
    return "@" in url.partition("://")[2]


def check_address(url: str) -> None:
    """Raise SourceError for an address that is none, or whose password ends the place that it has there."""
    try:
        urlsplit(f"//{url.partition('://')[2]}")
    except ValueError:  # its words would show a password
        raise SourceError(
            f"The address {shown_address(url)} cannot be understood; expected one such as "
            "rtsp://HOST:PORT/PATH."
        ) from None
    rest = url.partition("://")[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    port = authority.rpartition(":")[2]
    if "@" in rest and "@" not in authority and ":" in authority and not port.isdecimal():
        raise SourceError(
            f"The address {shown_address(url)} cannot be understood, perhaps because of its password; "
            f"{PASSWORD_HINT}."
        )
