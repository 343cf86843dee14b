"""Fetching an image from the web: what a hostile address, name, redirect or server can't do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cvcore.data.remote_image import Rules, fetch, is_public
from cvcore.errors import DataError

IMAGE = b"\x89PNG and so on"


class Handler(BaseHTTPRequestHandler):
    asked: list[tuple[str, str]] = []  # noqa: RUF012 (of the test)

    def do_GET(self):
        self.asked.append((self.headers["Host"], self.path))
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/slow-head":
            try:
                for _ in range(60):
                    self.wfile.write(b"H")
                    self.wfile.flush()
                    time.sleep(0.1)
            except OSError:
                return
        self.send_response(404 if self.path == "/gone" else 200)
        if self.path != "/endless":
            said = 10**12 if self.path == "/huge" else len(IMAGE) + (self.path == "/torn")
            self.send_header("Content-Length", str(said))
        self.end_headers()
        try:
            while self.path == "/endless":
                self.wfile.write(b"x" * 4096)
            if self.path == "/drip":
                for byte in IMAGE:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(0.2)
                return
            self.wfile.write(IMAGE)
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def rules(port: int) -> Rules:
    """The names a.example and b.example are this test's server, which counts as public here."""
    Handler.asked.clear()
    names = {"a.example": ["127.0.0.1"], "b.example": ["127.0.0.1"], "inner.example": ["10.0.0.7"]}
    names["both.example"] = ["127.0.0.1", "10.0.0.7"]

    def resolve(host: str, _port: int) -> list[str]:
        return names.get(host, [host] if host[0].isdigit() else [])

    return Rules(
        max_bytes=100_000,
        timeout_s=1.0,
        ports=(port, 80),
        is_allowed=lambda a: a == "127.0.0.1",
        resolve=resolve,
    )


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.0.8", "198.18.0.1", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "nonsense", ""),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_addresses_that_are_public() -> None:
    assert is_public("8.8.8.8")
    assert is_public("2606:4700:4700::1111")
    assert is_public("::ffff:8.8.8.8")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1/", "private network"),
        ("http://localhost/", "private network"),
        ("http://[::1]/", "private network"),
        ("http://[::ffff:127.0.0.1]/", "private network"),
        ("http://2130706433/", "private network"),
        ("http://0x7f.1/", "private network"),
        ("http://0177.0.0.1/", "private network"),
        ("http://127.1/", "private network"),
        ("http://0/", "private network"),
        ("http://169.254.169.254/latest/meta-data/", "private network"),
        ("http://[fd00:ec2::254]/", "private network"),
        ("http://192.168.0.1:443/", "private network"),
        ("http://127.0.0.1:5006/", "port 5006"),
        ("https://8.8.8.8:22/", "port 22"),
        ("file:///etc/passwd", "only http"),
        ("ftp://example.org/a", "only http"),
        ("gopher://127.0.0.1:6379/_x", "only http"),
        ("data:image/png;base64,AA", "only http"),
        ("/etc/passwd", "only http"),
        ("http://", "only http"),
        ("", "only http"),
        ("http://user:word@example.org/", "user name"),
        ("http://127.0.0.1@example.org/", "user name"),
        ("http://a.example/\r\nX: y", "control character"),
        ("http://a.example:99999/", "no web address"),
        ("http://[::1/", "no web address"),
        ("http://a.example/" + "x" * 3000, "longer"),
        ("http://no-such-name.invalid/", "no server called"),
    ],
)
def test_addresses_that_are_refused(url: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        fetch(url)


def test_it_fetches_by_the_address_that_was_checked(rules: Rules, port: int) -> None:
    times: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        # The second time the name means another machine: nobody asks a second time.
        times.append(host)
        return ["127.0.0.1"] if len(times) == 1 else ["10.0.0.7"]

    changed = Rules(**{**rules.__dict__, "resolve": rebinding})
    assert fetch(f"http://a.example:{port}/a.png?x=1", changed) == IMAGE
    assert times == ["a.example"]
    assert Handler.asked == [(f"a.example:{port}", "/a.png?x=1")]


def test_redirects_obey_the_same_rules(rules: Rules, port: int) -> None:
    assert fetch(f"http://a.example:{port}/to/http://b.example:{port}/x", rules) == IMAGE
    assert fetch(f"http://a.example:{port}/to//ok", rules) == IMAGE
    for there, says in (
        ("http://inner.example/", "private network"),
        ("http://both.example/", "private network"),
        ("http://169.254.169.254/latest/", "private network"),
        ("http://a.example:22/", "port 22"),
        ("file:///etc/passwd", "only http"),
        (f"http://a.example:{port}/to//to/" + "/to/" * 9, "redirects more than"),
    ):
        Handler.asked.clear()
        with pytest.raises(DataError, match=says):
            fetch(f"http://a.example:{port}/to/{there}", rules)
        assert len(Handler.asked) <= 6


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/huge", "1,000,000,000,000 bytes"),
        ("/endless", "at most 100,000"),
        ("/drip", "within 1 s"),
        ("/slow-head", "within 1 s"),
        ("/torn", "broke off"),
        ("/gone", "404 Not Found"),
    ],
)
def test_servers_that_misbehave(rules: Rules, port: int, path: str, says: str) -> None:
    started = time.monotonic()
    with pytest.raises(DataError, match=says):
        fetch(f"http://a.example:{port}{path}", rules)
    assert time.monotonic() - started < 3
