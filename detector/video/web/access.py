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
    """

    def __init__(self, *, loopback: bool, secure: bool, port: int) -> None:
        self.token = None if loopback else secrets.token_urlsafe(18)
        self._secure = secure
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
            if self.token is not None and request.path == "/":
                response.set_cookie(
                    self._cookie, self.token, httponly=True, samesite="Strict", secure=self._secure
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
                return _refused("This view is for this machine only; open it as localhost.")
        elif not self._knows_token(request):
            question = resources.files("detector.video.web") / "page/token.html"
            return web.Response(
                status=HTTPStatus.FORBIDDEN,
                text=question.read_text("utf-8"),
                content_type="text/html",
                headers={"Content-Security-Policy": _QUESTION_POLICY},
            )
        origin = request.headers.get("Origin", "").partition("://")[2]  # a proxy may have added HTTPS
        if request.path == "/socket" and origin != request.host:
            return _refused("Only this view's own page may do that.")
        return None

    def _knows_token(self, request: web.Request) -> bool:
        known = (self.token or "").encode()
        candidates = (request.query.get("token"), request.cookies.get(self._cookie))
        # Both are compared, and in constant time.
        matches = [
            secrets.compare_digest((given or "").encode(errors="surrogateescape"), known)
            for given in candidates
        ]
        return any(matches)


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
