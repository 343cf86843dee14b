"""Alerts to a webhook. Its address is the administrator's: of the environment, never of a configuration.

Who may compose a run could otherwise have this process call any address of its network. Redirects are
not followed, and link-local addresses (a cloud's metadata service) are refused, also after DNS.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from cvcore.errors import ConfigError

if TYPE_CHECKING:
    from launch.monitor.alerts import Alert

log = logging.getLogger(__name__)

VARIABLE = "LAKESIGHT_ALERT_WEBHOOK"
"""Environment variable with the address; it takes JSON with "text", as chat services do."""

_TIMEOUT_S = 5.0


def send(endpoint: str, alert: Alert) -> bool:
    """Tell the webhook; True if it took it, or there is none."""
    url = os.environ.get(VARIABLE, "")
    if not url:
        return True
    word = "ALERT" if alert.is_open else "resolved"
    body = {
        "text": f"{word}: endpoint {endpoint}: {alert.message}",
        "endpoint": endpoint,
        "alert": alert.key,
        "state": "firing" if alert.is_open else "resolved",
        "since": alert.since,
        "until": alert.until,
    }
    try:
        check(url)
        answer = httpx.post(url, json=body, timeout=_TIMEOUT_S, follow_redirects=False)
    except (ConfigError, httpx.HTTPError, httpx.InvalidURL) as error:
        log.warning("the alert webhook was not told: %s", error)
        return False
    if answer.status_code >= 300:
        log.warning("the alert webhook says %d; it is told again later", answer.status_code)
        return False
    return True


def check(url: str) -> None:
    """Refuse an address that no webhook has.

    Raises:
        ConfigError: says what is wrong; the address, which may hold a secret, is not in it.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{VARIABLE} is no http or https address.")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the host of {VARIABLE} can't be found: {error}.") from error
    for entry in found:
        address = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            raise ConfigError(f"{VARIABLE} leads to {address}, which is no webhook.")
