"""Requests that an attacker would send to the running server."""

import asyncio
import base64
import json
import re
import urllib.error
import urllib.request
import zlib
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id
from itsdangerous import URLSafeSerializer
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    websocket_connect,
)

from tests.panel_app.conftest import Server

pytestmark = pytest.mark.slow

TOKEN = "dapi-user-token-4711"


def get(url: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def raw(server: Server, method: str, path: str, body: bytes = b"", **headers: str) -> int:
    """Send what no browser would; 0: the server hung up."""
    line = HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    try:
        line.request(method, path, body, headers)
        return line.getresponse().status
    except (ConnectionError, OSError):
        return 0
    finally:
        line.close()


def token_of(server: Server, **headers: str) -> str:
    found = re.search(r'"token":"([^"]+)"', get(server.url, **headers)[1])
    assert found
    return found[1]


def dial(server: Server, token: str, **headers: str):
    """Open the websocket as a page does."""
    address = f"ws://{urlsplit(server.url).netloc}/ws"
    request = HTTPRequest(address, headers={"Origin": server.url.rstrip("/"), **headers})
    return websocket_connect(request, subprotocols=["bokeh", token], max_message_size=2**26)


def refused(server: Server, token: str, **headers: str) -> bool:
    async def attempt() -> bool:
        try:
            line = await dial(server, token, **headers)
        except HTTPClientError as error:
            return error.code in (401, 403)
        first = await asyncio.wait_for(line.read_message(), 20)
        line.close()
        return first is None

    return asyncio.run(attempt())


@pytest.fixture(scope="module")
def proxied(ledger, tmp_path_factory: pytest.TempPathFactory):
    """A server that believes a proxy's headers."""
    embedded = ("--embedded-by", "https://portal.example")
    server = Server(ledger[0], tmp_path_factory.mktemp("proxied"), "--behind-proxy", *embedded)
    yield server
    server.stop()


def test_a_forged_session_token_is_refused(server) -> None:
    claimed = {"headers": {"X-Forwarded-Email": "boss@example.org"}, "cookies": {}, "arguments": {}}
    known = token_of(server)
    name = json.loads(base64.urlsafe_b64decode(known.split(".")[0] + "=="))["session_id"]
    unsigned = generate_jwt_token(generate_session_id(signed=False), extra_payload=claimed)
    foreign = generate_jwt_token(
        generate_session_id(secret_key=b"mine" * 9, signed=True),
        secret_key=b"mine" * 9,
        signed=True,
        extra_payload=claimed,
    )
    stolen = generate_jwt_token(name, extra_payload=claimed)
    changed = known[:-2] + ("AA" if not known.endswith("AA") else "BB")
    assert not refused(server, known)
    for token in (unsigned, foreign, stolen, changed, "", "x"):
        assert refused(server, token), token


def test_a_page_of_another_site_cant_connect(server) -> None:
    assert refused(server, token_of(server), Origin="https://evil.example")
    assert refused(server, token_of(server), Origin="null")


def test_a_name_that_leads_here_from_elsewhere_is_refused(server) -> None:
    port = urlsplit(server.url).port
    status, text, _ = get(server.url, Host=f"evil.example:{port}")
    assert (status, "--origin" in text) == (403, True)
    evil = {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"}
    assert refused(server, token_of(server), **evil)
    assert get(server.url, Host=f"localhost:{port}")[0] == 200
    forwarded = {"X-Forwarded-Host": "localhost", "Host": "evil.example"}
    assert get(server.url, **forwarded)[0] == 403


def test_no_token_of_a_user_is_in_page_or_log(proxied) -> None:
    secret = {"X-Forwarded-Access-Token": TOKEN, "X-Forwarded-Email": "ann@example.org"}
    status, page, _ = get(proxied.url, **secret)
    assert status == 200
    packed = re.search(r'"token":"([^".]+)', page)[1]
    text = base64.urlsafe_b64decode(packed + "==").decode()
    inner = re.search(r'"__bk__zlib_": ?"([^"]+)"', text)
    if inner:
        text += zlib.decompress(base64.urlsafe_b64decode(inner[1] + "==")).decode()
    assert "ann@example.org" in text
    get(f"{proxied.url}nowhere?token={TOKEN}", **secret)
    assert TOKEN not in page + text + proxied.log.read_text()


def test_media_addresses_cant_be_made_up(server) -> None:
    key = "a-key-of-mine"
    foreign = URLSafeSerializer(key, salt="lakesight.media").dumps(
        ["picture", {"path": "/etc/passwd"}]
    )
    for path in (
        f"media/{foreign}",
        "media/WyJwaWN0dXJlIix7fV0.AAAA",
        "media/..%2f..%2fetc%2fpasswd",
        "media/../../../../etc/passwd",
        "static/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "static/extensions/panel/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "static/extensions/..%2f..%2fpanel_app/server.py",
    ):
        status = raw(server, "GET", f"/{path}")
        assert status in (403, 404), (path, status)


def test_what_is_too_large_is_refused_and_the_app_goes_on(server) -> None:
    status, text, _ = get(f"{server.url}?page=configure&set={'x' * 20_000}")
    assert (status, "recipe" in text) == (414, True)
    assert get(f"{server.url}?page=configure&set={'x' * 12_000}")[0] == 200
    assert raw(server, "GET", f"/?{'x' * 100_000}") in (0, 400, 414, 431)
    assert raw(server, "POST", "/health", b"x" * 2_000_000) in (0, 400, 405, 413)

    async def flood() -> bool:
        line: WebSocketClientConnection = await dial(server, token_of(server))
        await asyncio.wait_for(line.read_message(), 20)
        try:
            await line.write_message(b"x" * 21 * 2**20, binary=True)
            while await asyncio.wait_for(line.read_message(), 30) is not None:
                pass
        except (WebSocketClosedError, StreamClosedError):  # it hung up while we sent
            return True
        return line.close_code in (None, 1006, 1009)

    assert asyncio.run(flood())
    assert get(f"{server.url}health")[1] == "ok"


def test_headers_keep_browsers_from_what_we_dont_do(server) -> None:
    for path in ("", "health", "nowhere", "static/js/bokeh.min.js"):
        headers = get(server.url + path)[2]
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "Server" not in headers
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors 'self'" in policy
        assert "object-src 'none'" in policy
        assert "'unsafe-inline'" not in policy.partition("style-src")[0]
    first, second = (get(server.url)[2]["Content-Security-Policy"] for _ in range(2))
    assert first != second  # a nonce is used once


def test_a_site_may_be_allowed_to_embed_the_app(proxied) -> None:
    headers = get(proxied.url)[2]
    assert "X-Frame-Options" not in headers
    assert "frame-ancestors 'self' https://portal.example" in headers["Content-Security-Policy"]
