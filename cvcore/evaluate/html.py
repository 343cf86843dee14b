"""Pieces of the report's page: numbers, tables, sections. Texts are escaped by who calls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--main:#2563eb}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;max-width:1120px;margin:1.5rem auto 4rem;padding:0 1rem}
h1{margin:0;font-size:1.7rem}h1::first-letter{text-transform:uppercase}
h2{margin:2.6rem 0 .6rem;padding-bottom:.2rem;border-bottom:1px solid var(--line);font-size:1.3rem}
h3{margin:1rem 0 .4rem;font-size:1rem}p{margin:.4rem 0}
.soft{opacity:.7}nav{margin:1rem 0;font-size:.9rem}nav a{margin-right:1rem}a{color:var(--main)}
.tiles{display:flex;flex-wrap:wrap;gap:.8rem;margin:1.2rem 0}
.tile{flex:0 1 168px;padding:.7rem .9rem;border:1px solid var(--line);border-radius:.6rem}
.tile b{display:block;font-size:1.7rem;line-height:1.25;font-variant-numeric:tabular-nums}
.tile.first{flex-basis:230px;border-color:var(--main)}.tile.first b{font-size:2.4rem}
.tile small{display:block;opacity:.7}
.span{position:relative;height:6px;border-radius:3px;background:var(--soft);margin:.35rem 0}
.span i{position:absolute;top:0;bottom:0;border-radius:3px;background:var(--main)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:600}th:first-child,td:first-child,th.text,td.text{text-align:left}
td.text{white-space:normal;overflow-wrap:anywhere}
td.bar{min-width:9rem}td.bar .span{display:inline-block;width:6rem;margin:0 0 1px .6rem}
.row{display:flex;flex-wrap:wrap;gap:1rem 2.5rem;align-items:flex-start}
.row>div{flex:1 1 400px;max-width:530px}
svg{width:100%;height:auto;display:block}svg text{font-size:11px;fill:currentColor}
svg text.in{font-size:9px;fill:#111}svg text.light{fill:#fff}
.grid{stroke:var(--line);fill:none}
.legend{font-size:.85rem}.legend span{margin-right:1rem;white-space:nowrap}
.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.3em;border-radius:2px}
.worst{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:1.2rem}
figure{margin:0;border:1px solid var(--line);border-radius:.5rem;overflow:hidden}
figure img{width:100%;max-height:260px;object-fit:contain;display:block;background:var(--soft)}
figure div{display:flex;font-size:.8rem;opacity:.7}figure div span{flex:1;text-align:center}
figcaption{padding:.3rem .7rem;font-size:.85rem;overflow-wrap:anywhere}
details{margin:.8rem 0}summary{cursor:pointer}
"""


def document(title: str, body: str) -> str:
    """Return a whole page that may load nothing and run nothing."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )


def number(value: float) -> str:
    """Return a figure in three places, a count whole; `-` for what is undefined."""
    if not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if value == int(value) and abs(value) > 1 else f"{value:.3f}"


def span(low: float, high: float) -> str:
    """Return a bar from `low` to `high` on a line from 0 to 1."""
    left, right = (min(max(x, 0.0), 1.0) * 100 for x in (low, high))
    least_px = 3 if high > 0 else 0  # a narrow interval can still be seen
    place = f"left:{left:.1f}%;width:max({right - left:.1f}%,{least_px}px)"
    return f'<div class=span><i style="{place}"></i></div>'


def soft(text: str) -> str:
    """Return a paragraph in a lighter tone; `text` is HTML."""
    return f"<p class=soft>{text}</p>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of escaped cells; a cell that begins with <td (or <th) is taken as it is."""
    top = "".join(cell if cell.startswith("<th") else f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>"
        + "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table><tr>{top}</tr>{body}</table></div>"
