"""Keeps other pages of the same browser away from the console.

A page elsewhere can send requests to the loopback, and with a name of its own that resolves to 127.0.0.1 it could even
read the answers. So a request has to name a local host, must not come from another site, and changes nothing
without an `Origin` of this server and the token that only its own page knows.
"""

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

TOKEN_HEADER = "X-Console-Token"  # noqa: S105 -- a name

_NAMES = ("localhost", "127.0.0.1")
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_OWN_SITES = frozenset({"same-origin", "none"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

type _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """Decides which requests are answered. `port` is known once the server listens."""

    def __init__(self, token: str) -> None:
        """Let changes pass that carry `token`."""
        self.port = 0
        self._token = token

    @web.middleware
    async def middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answer 403 instead of what must not pass."""
        refusal = self._refusal(request)
        return web.json_response({"error": refusal}, status=403) if refusal else await handler(request)

    def _refusal(self, request: web.Request) -> str:
        hosts = {f"{name}:{self.port}" for name in _NAMES}
        if request.headers.get("Host", "") not in hosts:
            return "The host is not this machine."
        if request.path != "/" and request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
            return "The request comes from another site."
        if request.method in _SAFE_METHODS:
            return ""
        if request.headers.get("Origin", "") not in {f"http://{host}" for host in hosts}:
            return "The origin is not this page."
        given = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return "The page is of an earlier run: load it again."
        return ""


async def set_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Set the headers that every answer carries; aiohttp calls it just before they are sent."""
    response.headers.update(_HEADERS)
