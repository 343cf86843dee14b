"""Text of users, data sets and servers, before a page shows it."""

from __future__ import annotations

import html


def safe(text: object) -> str:
    """Return a text in which nothing is markup, neither HTML nor Markdown's links.

    Example:
        >>> safe("<b>cells</b>")
        '&lt;b&gt;cells&lt;/b&gt;'
    """
    return html.escape(str(text), quote=True)
