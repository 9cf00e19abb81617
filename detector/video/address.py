"""Addresses of streams: what of them may be shown, and which ones cannot be understood."""

from __future__ import annotations

import re

from detector.errors import SourceError

PASSWORD_HINT = "in a user name or password the characters / # ? @ : % are written %2F %23 %3F %40 %3A %25"
# Some cameras want the password in the path, as in /user=admin&password=..., others a token.
_SECRET = re.compile(r"((?:pass|pwd|pw|token|key|secret|auth|sig)[a-z]*(?:=|:|%3d))[^/&;]*", re.IGNORECASE)


def scheme_of(url: str) -> str:
    """The protocol of an address in lower case, without FFmpeg's wrappers such as ``cache:``."""
    return re.split(r"[:+]", url.partition("://")[0].lower())[-1]


def has_password(url: str) -> bool:
    """Whether an address names a user."""
    return "@" in url.partition("://")[2]


def without_password(text: str) -> str:
    """An address as it may be shown: without password, parameters and fragment, which may have one.

    A password may hold characters that end the place for it; so all between the first colon and the last @
    is taken for one. Rather too much is hidden than too little.
    """
    scheme, separator, rest = text.partition("://") if "://" in text else ("", "", text)
    before, at, after = rest.rpartition("@")
    user, *password = re.split(":|%3a", before, maxsplit=1, flags=re.IGNORECASE)
    name = f"{user}:***" if password else user
    place = re.split(r"[?#]", after, maxsplit=1)
    authority, slash, path = place[0].partition("/")
    host, colon, port = authority.rpartition(":")
    if not at and separator and colon and not port.isdecimal() and not port.endswith("]"):
        authority = f"{host}:***"  # a password whose @ and host were forgotten
    path = _SECRET.sub(r"\1***", path)
    more = after[len(place[0])] + "..." if len(place) > 1 else ""
    return f"{scheme}{separator}{name}{at}{authority}{slash}{path}{more}"


def check_address(url: str) -> None:
    """Raise SourceError for an address whose password ends the place that it has there."""
    rest = url.partition("://")[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    port = authority.rpartition(":")[2]
    if "@" in rest and "@" not in authority and ":" in authority and not port.isdecimal():
        raise SourceError(
            f"The address {without_password(url)} cannot be understood, perhaps because of its password; "
            f"{PASSWORD_HINT}."
        )
