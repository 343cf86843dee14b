"""Who sits at the browser, as a proxy says it, where there is one."""

from __future__ import annotations

import getpass
from collections.abc import Mapping

HEADERS = ("X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Forwarded-User")
"""Headers of a proxy that signs users in, best first; anybody else could send them as well."""


def user_of(headers: Mapping[str, str], behind_proxy: bool) -> str:
    """Return the user's name: the proxy's word, else who started the app.

    Example:
        >>> user_of({"X-Forwarded-Email": "ann@example.org"}, behind_proxy=True)
        'ann@example.org'
    """
    if behind_proxy:
        given = {key.lower(): value for key, value in headers.items()}
        found = (given.get(name.lower(), "").strip() for name in HEADERS)
        return next((name for name in found if name), "unknown user")[:200]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "this machine"
