"""Who sits at the browser, as a proxy says it, where there is one.

Databricks Apps signs users in and sends their name with each request, and, where user authorization is
granted, their access token. Jobs are always the app's own: there is no scope for them. The token is for
files only, and lives nowhere but in the request that brought it.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any

HEADERS = ("X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Forwarded-User")
"""Headers of a proxy that signs users in, best first; anybody else could send them as well."""

TOKEN_HEADER = "X-Forwarded-Access-Token"  # noqa: S105 (a header's name)


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


class UserToken:
    """The access token of who sits there: read from their request each time, kept nowhere else.

    It is valid for about an hour from when the page was loaded.
    """

    def __init__(self, document: Any, behind_proxy: bool) -> None:
        """Take the session's document."""
        self._context = getattr(document, "session_context", None) if behind_proxy else None

    def __call__(self) -> str:
        """Return it, "" where the proxy hands none over."""
        # Bokeh shows pages the headers that may go into the page's token only; the request has all.
        request = getattr(getattr(self._context, "request", None), "_request", None)
        return str(request.headers.get(TOKEN_HEADER, "")) if request is not None else ""


def no_token() -> str:
    """Return "": who started the app is who sits there."""
    return ""
