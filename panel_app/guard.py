"""What every request and answer has to be like: host, length, and the headers that browsers obey.

Source: OWASP Secure Headers; Content Security Policy Level 3, https://www.w3.org/TR/CSP3/.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import Application, OutputTransform, RequestHandler

MAX_ADDRESS = 16_384
"""Characters. The websocket's request repeats the address, packed, within the limit of its headers."""

MAX_BODY_BYTES = 1_000_000
"""Of a request; files come in pieces over the websocket."""

MAX_MESSAGE_BYTES = 20 * 1024 * 1024
"""Of one websocket message."""

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_SCRIPT = re.compile(rb"<script(?=[\s>])")
_POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval' blob:; "
    "script-src-attr 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' blob: data:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-src 'self'; frame-ancestors {ancestors}"
)
"""Only what this server sent as part of the page runs: no script put into it later, no inline handler.
'unsafe-eval' is Bokeh's (CustomJS), blob: is Panel's (components)."""


def guard(app: Application, hosts: Sequence[str], embedded_by: Sequence[str]) -> None:
    """Have an application refuse what it should not answer, and send safe headers with all it does.

    Args:
        app: of the server.
        hosts: names that the browser may know this server by, without port; none: any.
        embedded_by: origins whose pages may show the app in a frame.
    """
    refused = [Rule(_LongAddress(), _Refused, {"status": 414, "text": _TOO_LONG})]
    if hosts:
        refused.append(Rule(_ForeignHost(hosts), _Refused, {"status": 403, "text": _FOREIGN}))
    app.default_router.rules[:0] = refused
    ancestors = " ".join(("'self'", *embedded_by))
    app.add_transform(type("SafeHeaders", (_SafeHeaders,), {"ancestors": ancestors}))


def loopback_hosts(origins: Sequence[str]) -> list[str]:
    """Return the names of a server of this machine only: a page of another name that leads here is not ours.

    Else a web site could have its own name lead to 127.0.0.1 (DNS rebinding) and use the app as its
    visitor, who needs no password here.
    """
    return [*_LOOPBACK, *(origin.rpartition(":")[0] or origin for origin in origins)]


_TOO_LONG = f"The address is longer than {MAX_ADDRESS:,} characters. Save the recipe and open it by its name."
_FOREIGN = (
    "This app answers to localhost only. Where a proxy or a tunnel gives it another name, start it with "
    "--origin NAME."
)


class _LongAddress(Matcher):
    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return {} if len(request.uri or "") > MAX_ADDRESS else None


class _ForeignHost(Matcher):
    def __init__(self, hosts: Sequence[str]) -> None:
        self._hosts = {host.lower() for host in hosts}

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        # Not request.host: with xheaders it may be a header that anybody sends.
        given = request.headers.get("Host", "").lower()
        return None if re.sub(r":\d+$", "", given) in self._hosts else {}


class _Refused(RequestHandler):
    def initialize(self, status: int, text: str) -> None:
        self._status, self._text = status, text

    def prepare(self) -> None:
        self.set_status(self._status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(self._text)


class _SafeHeaders(OutputTransform):
    ancestors = "'self'"

    def __init__(self, request: HTTPServerRequest) -> None:
        self._is_websocket = request.headers.get("Upgrade", "").lower() == "websocket"

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if self._is_websocket:
            return status_code, headers, chunk
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
        if self.ancestors == "'self'":
            headers["X-Frame-Options"] = "SAMEORIGIN"
        headers.pop("Server", None)
        if "Content-Security-Policy" not in headers:
            nonce = secrets.token_urlsafe(18)
            if headers.get("Content-Type", "").startswith("text/html") and finishing:
                chunk = _SCRIPT.sub(f'<script nonce="{nonce}"'.encode(), chunk)
                headers["Content-Length"] = str(len(chunk))
            headers["Content-Security-Policy"] = _POLICY.format(
                nonce=nonce, ancestors=self.ancestors
            )
        return status_code, headers, chunk
