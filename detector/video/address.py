"""Addresses of streams: what of them may be shown, and which ones cannot be understood."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from detector.errors import SourceError

PASSWORD_HINT = "in a user name or password the characters / # ? @ : % are written %2F %23 %3F %40 %3A %25"
# Some cameras want the password in the path, as in /user=admin&password=..., others a token.
_SECRET = re.compile(r"((?:pass|pwd|pw|token|key|secret|auth|sig)[a-z]*(?:=|:|%3d))[^/&;]*", re.IGNORECASE)

_SCHEME = re.compile(r"(?:(?:cache|async|crypto):)*[a-z][a-z0-9+.-]*", re.IGNORECASE)


def scheme_of(url: str) -> str:
    """The protocol of an address in lower case, without FFmpeg's wrappers such as ``cache:``."""
    return re.split(r"[:+]", url.partition("://")[0].lower())[-1]


def has_password(url: str) -> bool:
    """Whether an address names a user."""
    return "@" in url.partition("://")[2]


def without_password(text: str) -> str:
    """An address as it may be shown: without password, parameters and fragment, which may have one.

    Where a password may have ended the place for it, with a / for example, nothing of what follows is shown:
    rather too much is hidden than too little.
    """
    scheme, separator, rest = text.partition("://")
    if not _SCHEME.fullmatch(scheme) or not separator:
        scheme, separator, rest = "", "", text
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    after = rest[len(authority) :]
    user, at, place = authority.rpartition("@")
    name, *password = re.split(":|%3a", user if at else authority, maxsplit=1, flags=re.IGNORECASE)
    if "@" in after and password:
        return f"{scheme}{separator}{name}:***@..."
    if at and user:  # a name that stands alone may be a token
        authority = f"{name}:***@{place}" if password else f"***@{place}"
    elif separator and password and not re.search(r"(^|:)\d*$|\]$", authority):
        authority = f"{name}:***"  # the @ and the host were forgotten
    path = re.split(r"[?#]|:(?=.*@)", after, maxsplit=1, flags=re.DOTALL)[0]
    shown = _SECRET.sub(r"\1***", path)
    more = after[len(path) :][:1]
    return f"{scheme}{separator}{authority}{shown}{more}{'...' if more else ''}"


def check_address(url: str) -> None:
    """Raise SourceError for an address that is none, or whose password ends the place that it has there."""
    try:
        urlsplit(f"//{url.partition('://')[2]}")
    except ValueError:  # its words would show a password
        raise SourceError(
            f"The address {without_password(url)} cannot be understood; expected one such as "
            "rtsp://HOST:PORT/PATH."
        ) from None
    rest = url.partition("://")[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    port = authority.rpartition(":")[2]
    if "@" in rest and "@" not in authority and ":" in authority and not port.isdecimal():
        raise SourceError(
            f"The address {without_password(url)} cannot be understood, perhaps because of its password; "
            f"{PASSWORD_HINT}."
        )
