"""Endpoints as tables; pure, every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence

from launch.serving.types import Endpoint, EndpointState
from panel_app.pages.register.listing import CELL, LINE, LINK, chip
from panel_app.router import query
from panel_app.safe import safe

COLOURS = {
    EndpointState.READY: "#217a3c",
    EndpointState.CREATING: "#1769c4",
    EndpointState.UPDATING: "#1769c4",
    EndpointState.UPDATE_FAILED: "#8a6d1d",
    EndpointState.FAILED: "#c0362c",
    EndpointState.STOPPED: "#6b6f76",
    EndpointState.DOWN: "#8e4a9e",
}
PLACES = {"local": "this machine", "databricks": "Model Serving"}


def endpoints_table(endpoints: Sequence[Endpoint], chosen: tuple[str, str]) -> str:
    """Return the table of endpoints, each a link.

    Args:
        endpoints: of all places.
        chosen: place and name of the one that is shown below.
    """
    rows = []
    for one in endpoints:
        href = query(page="deploy", place=one.place, endpoint=one.name)
        here = (one.place, one.name) == chosen
        served = ", ".join(f"{s.name} {s.share} %" for s in one.served) or "nothing"
        current = ' aria-current="true"' if here else ""
        rows.append(
            f'<tr style="{LINE}"><th scope="row" style="{CELL};text-align:left">'
            f'<a href="{safe(href)}"{current} style="{LINK};font-weight:{700 if here else 550}">'
            f"{safe(one.name)}</a></th>"
            f'<td style="{CELL}">{PLACES.get(one.place, safe(one.place))}</td>'
            f'<td style="{CELL}">{chip(str(one.state), COLOURS[one.state])}</td>'
            f'<td style="{CELL}">{safe(served)}</td><td style="{CELL}">{safe(one.creator)}</td></tr>'
        )
    return _table("Endpoints", ("Endpoint", "Where", "State", "Serves", "By"), rows)


def top_html(one: Endpoint) -> str:
    """Return name, state, message and address of an endpoint."""
    page = (
        f' &nbsp;<a href="{safe(one.page)}" target="_blank" rel="noopener" style="{LINK}">'
        "Open in Databricks</a>"
        if one.page.startswith("https://")
        else ""
    )
    message = (
        f'<p style="margin:4px 0;font-size:13.5px">{safe(one.message)}</p>' if one.message else ""
    )
    address = (
        f'<p style="margin:4px 0;font-size:13px"><code>{safe(one.url)}</code>{page}</p>'
        if one.url
        else ""
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center">'
        f'<h2 style="font-size:19px;font-weight:650;margin:0;overflow-wrap:anywhere">{safe(one.name)}</h2>'
        f"{chip(str(one.state), COLOURS[one.state])}"
        f'<span style="font-size:13px;opacity:.8">{PLACES.get(one.place, safe(one.place))}</span></div>'
        f"{message}{address}"
    )


def served_table(one: Endpoint) -> str:
    """Return the versions behind an endpoint."""
    rows = []
    for served in one.served:
        model = safe(f"{served.model} {served.version}".strip())
        if served.version:
            href = query(page="register", model=served.model, version=served.version)
            model = f'<a href="{safe(href)}" style="{LINK};font-weight:500">{model}</a>'
        rows.append(
            f'<tr style="{LINE}"><th scope="row" style="{CELL};text-align:left">{safe(served.name)}</th>'
            f'<td style="{CELL}">{served.share} %</td><td style="{CELL}">{safe(served.state)}</td>'
            f'<td style="{CELL}">{model}</td><td style="{CELL}">{safe(served.workload)}</td>'
            f'<td style="{CELL}">{safe(served.message)}</td></tr>'
        )
    heads = ("Version", "Share of the traffic", "State", "Model", "Machine", "")
    return _table("Versions behind the endpoint", heads, rows)


def _table(caption: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    top = "".join(
        f'<th scope="col" style="{CELL};{LINE};text-align:left;font-size:12.5px">{head}</th>'
        if head
        else f'<td style="{LINE}"></td>'
        for head in heads
    )
    return (
        f'<div style="overflow-x:auto"><table aria-label="{caption}" '
        'style="border-collapse:collapse;font-size:13.5px;width:100%">'
        f"<thead><tr>{top}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
