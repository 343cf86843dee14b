"""Endpoints as a table, and one of them in figures; pure, every text is escaped."""

from __future__ import annotations

import time
from collections.abc import Sequence

from launch.monitor.alerts import Alert
from launch.monitor.watch import Look
from launch.serving.types import Endpoint
from panel_app.router import query
from panel_app.safe import safe

_CELL = "padding:7px 18px 7px 0;vertical-align:top;overflow-wrap:anywhere"
_LINE = "border-bottom:1px solid color-mix(in srgb, currentColor 12%, transparent)"
_LINK = "color:var(--panel-primary-color);font-weight:600"
_GOOD, _WORKING, _BAD, _OFF = "#217a3c", "#1769c4", "#c0362c", "#5b6b71"
_COLOURS = {"READY": _GOOD, "CREATING": _WORKING, "UPDATING": _WORKING, "STOPPED": _OFF}


def endpoints_table(endpoints: Sequence[Endpoint], place: str, name: str) -> str:
    """Return the table of endpoints, each a link; the chosen one is marked."""
    rows = []
    for one in endpoints:
        here = (one.place, one.name) == (place, name)
        href = query(page="monitor", place=one.place, endpoint=one.name)
        current = ' aria-current="true"' if here else ""
        served = ", ".join(f"{each.name} {each.share} %" for each in one.served)
        rows.append(
            f'<tr style="{_LINE}"><th scope="row" style="{_CELL};text-align:left">'
            f'<a href="{safe(href)}"{current} style="{_LINK}">{safe(one.name)}</a></th>'
            f'<td style="{_CELL}">{safe(one.place)}</td><td style="{_CELL}">{state_chip(one.state)}</td>'
            f'<td style="{_CELL}">{safe(served)}</td><td style="{_CELL}">{safe(one.message)}</td></tr>'
        )
    heads = "".join(
        f'<th scope="col" style="{_CELL};text-align:left;font-size:12.5px">{head}</th>'
        for head in ("Endpoint", "Place", "State", "Serves", "")
    )
    return (
        '<div style="overflow-x:auto"><table aria-label="Endpoints" style="border-collapse:collapse;'
        f'font-size:13.5px"><thead><tr style="{_LINE}">{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def state_chip(state: str) -> str:
    """Return an endpoint's state as a chip."""
    return (
        f'<span style="background:{_COLOURS.get(state, _BAD)};color:#fff;border-radius:99px;padding:2px 10px;'
        f'font-size:12px;font-weight:600">{safe(state)}</span>'
    )


def figures(pairs: Sequence[tuple[str, str]]) -> str:
    """Return figures with what they are."""
    cells = "".join(
        f'<span style="white-space:nowrap"><b style="font-size:16px">{safe(value)}</b> {safe(name)}</span>'
        for name, value in pairs
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:4px 26px;margin:4px 0 10px">{cells}</div>'


def endpoint_figures(seen: Look, available: float | None) -> str:
    """Return an endpoint's figures of the last hour."""
    pairs = []
    if available is not None:
        pairs.append(("available of the last 24 h", f"{100 * available:.2f} %"))
    if seen.traffic is not None:
        found = seen.traffic
        pairs += [
            ("requests in the last hour", f"{found.requests:,}"),
            ("refused (4xx)", f"{found.refused:,}"),
            ("failed (5xx)", f"{found.failed:,}"),
        ]
        for label, value in (("p50", found.p50_s), ("p95", found.p95_s), ("p99", found.p99_s)):
            if value is not None:
                pairs.append((label, f"{1000 * value:,.0f} ms"))
    return figures(pairs) if pairs else ""


def alerts_html(alerts: Sequence[Alert]) -> str:
    """Return open alerts, and the last that resolved."""
    if not alerts:
        return '<p style="font-size:13px">No alert yet.</p>'
    rows = []
    for one in alerts[:20]:
        colour, word = (_BAD, "open") if one.is_open else (_OFF, "resolved")
        ended = "" if one.until is None else f" to {_at(one.until)}"
        rows.append(
            '<li style="margin:3px 0;font-size:13px">'
            f'<span style="background:{colour};color:#fff;border-radius:99px;padding:1px 9px;font-size:12px;'
            f'font-weight:600">{word}</span> {safe(one.message)} '
            f'<span style="opacity:.76">{_at(one.since)}{ended}</span></li>'
        )
    return f'<ul aria-label="Alerts" style="list-style:none;margin:0 0 10px;padding:0">{"".join(rows)}</ul>'


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
