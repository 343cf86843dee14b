"""Text of users, data sets and servers, before a page shows it."""

from __future__ import annotations

import html
import re

# Markdown's own marks, for pmui's Alert and Typography read Markdown; at the start of a line there are
# more, and an address becomes a link.
_MARKS = re.compile(r"[\\`*_\[\]~|]|:(?=//)|^[ \t]+|^(?:[#+>-]|\d+[.)])", re.MULTILINE)


def safe(text: object) -> str:
    """Return a text in which nothing is markup: neither HTML nor Markdown, in a page or an attribute.

    For what is read as HTML or Markdown. Where the kit shows plain text (labels, the title of an alert,
    notifications) it would be seen itself.

    Example:
        >>> safe("<b>cells</b>")
        '&lt;b&gt;cells&lt;/b&gt;'
        >>> safe("model._target_")
        'model.&#95;target&#95;'
    """
    escaped = html.escape(str(text), quote=True)
    return _MARKS.sub(lambda found: "".join(map(_entity, found[0])), escaped)


def _entity(character: str) -> str:
    return character if character.isalnum() else f"&#{ord(character)};"
