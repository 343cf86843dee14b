"""Fetches an image from the web for a page or a service, without being led into one's own network.

A server that fetches what a stranger names reaches what that stranger can't: 127.0.0.1, the cloud's
metadata at 169.254.169.254, the machines behind the firewall. So the name is resolved once, every
address of it must be a public one, and the connection goes to just that address: a name that means
another address a moment later (DNS rebinding) changes nothing. A redirect is a new URL with the same
rules. No proxy is used. Torch-free; blocking.

Source: OWASP Server-Side Request Forgery Prevention Cheat Sheet.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from cvcore.errors import DataError

MAX_BYTES = 12_000_000
"""What an endpoint takes (16 MiB) before base64."""

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_PIECE = 65_536
_LONGEST_URL = 2_000
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")  # older Pythons take a part of it for public
_HEADERS = {
    "User-Agent": "lakesight (fetches one image for a person)",
    "Accept": "image/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet; also what IPv6 hides in it.

    Example:
        >>> is_public("8.8.8.8"), is_public("::ffff:10.0.0.1"), is_public("169.254.169.254")
        (True, False, False)
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if found.teredo is not None or found.is_site_local:
            return False
    elif found in _PROTOCOLS:
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, as the system resolves it.

    Raises:
        OSError: there is none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


@dataclass(frozen=True)
class Rules:
    """What may be fetched.

    Attributes:
        max_bytes: of the image.
        timeout_s: for all of it, redirects too, seconds.
        ports: that may be asked.
        is_allowed: whether an address may be connected to.
        resolve: name and port -> addresses; may raise OSError.
    """

    max_bytes: int = MAX_BYTES
    timeout_s: float = 20.0
    ports: tuple[int, ...] = (80, 443)
    is_allowed: Callable[[str], bool] = is_public
    resolve: Callable[[str, int], list[str]] = resolve


def fetch(url: str, rules: Rules | None = None) -> bytes:
    """Return the bytes behind a web address; whether they are an image, `cvcore.data.images` says.

    Args:
        url: http or https, with a name or address of the open internet.
        rules: what may be fetched.

    Raises:
        DataError: it may not be fetched, does not answer in time, or is too large; in a sentence.
    """
    rules = rules or Rules()
    until = time.monotonic() + rules.timeout_s
    asked = url.strip()
    for _ in range(_MOST_REDIRECTS + 1):
        parts = _checked(asked, rules)
        got = _get(parts, rules, until)
        if isinstance(got, bytes):
            return got
        asked = urljoin(asked, got)
    raise DataError(
        f"the address redirects more than {_MOST_REDIRECTS} times. Give the image's own address."
    )


def _checked(url: str, rules: Rules) -> SplitResult:
    if len(url) > _LONGEST_URL:
        raise DataError(f"the address is longer than {_LONGEST_URL:,} characters.")
    if any(ord(c) <= 32 or ord(c) == 127 for c in url):
        raise DataError("the address has a space or control character in it. Copy it again.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise DataError(
            f"{url[:200]!r} is no web address. Give one like https://example.org/a.jpg."
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DataError(
            f"{url[:200]!r} is no web address: only http:// and https:// are fetched. Upload a file "
            "of your machine instead."
        )
    if parts.username is not None or parts.password is not None:
        raise DataError("the address holds a user name or password. Give one without.")
    if (port or _usual(parts)) not in rules.ports:
        ports = " and ".join(str(one) for one in rules.ports)
        raise DataError(f"port {port} is not asked: only {ports} are. Upload the image instead.")
    return parts


def _usual(parts: SplitResult) -> int:
    return 443 if parts.scheme == "https" else 80


def _address(host: str, port: int, rules: Rules) -> str:
    """Return the one address that is connected to."""
    try:
        found = rules.resolve(host, port)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise DataError(f"there is no server called {host!r}. Look for a slip of the pen.")
    # All of them: a name with one private address among public ones is no accident.
    if not all(rules.is_allowed(one) for one in found):
        raise DataError(
            f"{host!r} is a machine of a private network, of this machine, or no address of the open "
            "internet; those are not asked. Upload the image instead."
        )
    return found[0]


def _get(parts: SplitResult, rules: Rules, until: float) -> bytes | str:
    """Return the body, or where it redirects to."""
    host = str(parts.hostname)
    port = parts.port or _usual(parts)
    address = _address(host, port, rules)
    kind = _Https if parts.scheme == "https" else _Http
    connection = kind(host, port, address, until)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # A server that sends a byte now and then never runs into the timeout of a single read.
    watch = threading.Timer(max(until - time.monotonic(), 0), connection.cut)
    watch.daemon = True
    watch.start()
    try:
        connection.request("GET", target.encode("utf-8").decode("latin-1"), headers=_HEADERS)
        answer = connection.getresponse()
        if answer.status in _REDIRECTS and (there := answer.headers.get("Location")):
            return str(there)
        if answer.status != 200:
            raise DataError(
                f"{host} answers {answer.status} {answer.reason[:80]}: it does not give the image. "
                "Open the address in your browser; upload what you see there."
            )
        return _body(answer, rules, until)
    except TimeoutError:
        raise _late(host, rules) from None
    except ssl.SSLError as error:
        raise DataError(f"the certificate of {host} is not good ({error.reason}).") from None
    except (OSError, http.client.HTTPException, UnicodeError, ValueError) as error:
        if time.monotonic() >= until:
            raise _late(host, rules) from None
        if isinstance(error, http.client.IncompleteRead):
            raise DataError("the image broke off on the way. Try again.") from None
        raise DataError(f"{host} does not answer ({error or type(error).__name__}).") from None
    finally:
        watch.cancel()
        connection.close()


def _body(answer: http.client.HTTPResponse, rules: Rules, until: float) -> bytes:
    length = answer.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > rules.max_bytes:
        raise _large(int(length), rules)
    pieces, size = [], 0
    while piece := answer.read1(_PIECE):
        size += len(piece)
        if size > rules.max_bytes:
            raise _large(size, rules)
        pieces.append(piece)
    if time.monotonic() >= until:  # cut: without a length that looks like the end
        raise TimeoutError
    if length.isdigit() and size < int(length):
        raise http.client.IncompleteRead(b"", int(length) - size)
    return b"".join(pieces)


def _large(size: int, rules: Rules) -> DataError:
    return DataError(
        f"the image has {size:,} bytes or more; at most {rules.max_bytes:,} are taken. Give a smaller "
        "one."
    )


def _late(host: str, rules: Rules) -> DataError:
    return DataError(f"{host} did not give the image within {rules.timeout_s:g} s. Try again.")


class _Http(http.client.HTTPConnection):
    """A connection to an address that was checked, whatever the name means by now."""

    def __init__(self, host: str, port: int, address: str, until: float) -> None:
        super().__init__(host, port)
        self._to, self._until = address, until

    def connect(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock = socket.create_connection((self._to, self.port), left)

    def cut(self) -> None:
        """End it from another thread: what reads comes back at once."""
        with contextlib.suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


class _Https(_Http):
    """The same, with the certificate held against the name."""

    default_port = http.client.HTTPS_PORT

    def connect(self) -> None:
        super().connect()
        context = ssl.create_default_context()
        self.sock = context.wrap_socket(self.sock, server_hostname=self.host)
