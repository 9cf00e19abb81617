"""Addresses as they may be shown and written down."""

from __future__ import annotations

import re

# Some cameras want the password in the path, as in /user=admin&password=..., others a token.
_SECRET = re.compile(r"((?:pass|pwd|pw|token|key|secret|auth|sig)[a-z]*(?:=|:|%3d))[^/&;]*", re.IGNORECASE)

_SCHEME = re.compile(r"(?:(?:cache|async|crypto):)*[a-z][a-z0-9+.-]*", re.IGNORECASE)


def shown_address(text: str) -> str:
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
