"""Who may look: on loopback the pages of this machine, elsewhere whoever has the token."""

from __future__ import annotations

import ipaddress
import secrets
from http import HTTPStatus
from importlib import resources

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

# Nothing but what the server itself gives; WebSockets of the same origin are part of 'self'.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_QUESTION_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Server": "ssdlite",
    "X-Content-Type-Options": "nosniff",
}


class Access:
    """Decides about each request.

    Args:
        loopback: the server can be reached from this machine alone, so no token is needed. A site whose name
            its owner points to this machine (DNS rebinding) is refused by the name.
        secure: HTTPS is spoken.
        port: where.

    Attributes:
        token: what everybody has to know; None on loopback.

    The socket changes settings, so strangers' pages must not open it. It is for pages from the address that
    the browser asked for, or that a proxy says it was asked for; on loopback for the pages of this machine;
    and behind a proxy that names another host for whoever has the cookie that came with the page, which
    browsers send to pages of the same site alone.
    """

    def __init__(self, *, loopback: bool, secure: bool, port: int) -> None:
        self.token = None if loopback else secrets.token_urlsafe(18)
        self._secure = secure
        self._key = self.token or secrets.token_urlsafe(18)
        # Cookies do not know ports, and two views may run on one machine.
        self._cookie = f"ssdlite-{port}"

    def middleware(self) -> Middleware:
        """Refuses requests before any handler sees them, and gives each answer its headers."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            refusal = self._refusal(request)
            if refusal is not None:
                return refusal
            response = await handler(request)
            if request.path == "/":
                response.set_cookie(
                    self._cookie, self._key, httponly=True, samesite="Strict", secure=self._secure
                )
            return response

        return check

    async def prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Give an answer the headers of all of them; a signal of aiohttp, so that streams get them, too."""
        policy = response.headers.get("Content-Security-Policy", _POLICY)
        response.headers.update({**_HEADERS, "Content-Security-Policy": policy})
        if self.token is None:
            response.headers["Cross-Origin-Resource-Policy"] = "same-origin"  # not inside a stranger's page

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.token is None:
            if not is_loopback(_host(request)):
                return _refused(
                    "This view is for this machine only; open it as localhost. A proxy in front of it has to "
                    "send Host: localhost, or the view a token to ask for: --host 0.0.0.0."
                )
        elif not self._knows_key(request):
            question = resources.files("detector.video.web") / "page/token.html"
            return web.Response(
                status=HTTPStatus.FORBIDDEN,
                text=question.read_text("utf-8"),
                content_type="text/html",
                headers={"Content-Security-Policy": _QUESTION_POLICY},
            )
        if request.path == "/socket" and not self._is_own_page(request):
            return _refused(
                "Only this view's own page may do that. A proxy in front of it has to pass on Host, "
                "or to send X-Forwarded-Host (nginx: proxy_set_header Host $http_host;)."
            )
        return None

    def _is_own_page(self, request: web.Request) -> bool:
        """Whether the page that asks is this view's, or one that could read what it shows anyway."""
        origin = request.headers.get("Origin", "").partition("://")[2]  # a proxy may have added HTTPS
        asked_for = (request.host, _first(request.headers.get("X-Forwarded-Host", "")))
        if not origin:
            return False
        if origin in asked_for:
            return True
        if self.token is None and is_loopback(_name(origin)):
            return True
        return secrets.compare_digest(_encoded(request.cookies.get(self._cookie)), self._key.encode())

    def _knows_key(self, request: web.Request) -> bool:
        known = self._key.encode()
        candidates = (request.query.get("token"), request.cookies.get(self._cookie))
        # Both are compared, and in constant time.
        matches = [secrets.compare_digest(_encoded(given), known) for given in candidates]
        return any(matches)


def _encoded(given: str | None) -> bytes:
    return (given or "").encode(errors="surrogateescape")


def _first(hosts: str) -> str:
    """The name that the first of several proxies was asked for."""
    return hosts.partition(",")[0].strip()


def _name(authority: str) -> str:
    """An authority without its port."""
    return authority[1:].partition("]")[0] if authority.startswith("[") else authority.partition(":")[0]


def _host(request: web.Request) -> str:
    """The name that the browser knows this server by; empty if that is no name."""
    try:
        return request.url.host or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a name or address means the machine that it is said on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        name = host.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost")


def _refused(sentence: str) -> web.Response:
    return web.Response(status=HTTPStatus.FORBIDDEN, text=sentence)
