"""Tables of words and figures as HTML; every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence

from panel_app.safe import safe

_CELL = "padding:6px 18px 6px 0;vertical-align:top"
_SHORT = 24
"""A text of so many characters stays in one line: words broken anywhere would make it a column of letters."""
_LINE = "border-bottom:1px solid color-mix(in srgb, currentColor 12%, transparent)"


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str,
    mono: bool = False,
    marked: Sequence[bool] = (),
) -> str:
    """Return a table whose first column is the rows' heading.

    Args:
        heads: of the columns.
        rows: of texts.
        caption: what it is, for who can't see it.
        mono: whether values are set in a fixed width.
        marked: rows that stand out.
    """
    font = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12.5px;" if mono else ""
    top = "".join(
        f'<th scope="col" style="{_cell(head)};{_LINE};text-align:left;font-size:12.5px">{safe(head)}</th>'
        for head in heads
    )
    body = []
    for number, row in enumerate(rows):
        weight = (
            "font-weight:650;" if number < len(marked) and marked[number] else "font-weight:400;"
        )
        cells = "".join(
            f'<td style="{_cell(text)};{font}{weight}">{safe(text)}</td>' for text in row[1:]
        )
        body.append(
            f'<tr style="{_LINE}"><th scope="row" style="{_cell(row[0])};{font}{weight}text-align:left">'
            f"{safe(row[0])}</th>{cells}</tr>"
        )
    return (
        f'<div style="overflow-x:auto"><table aria-label="{safe(caption)}" '
        'style="border-collapse:collapse;font-size:13px">'
        f"<thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    wrap = "white-space:nowrap" if len(str(text)) <= _SHORT else "overflow-wrap:anywhere"
    return f"{_CELL};{wrap}"
