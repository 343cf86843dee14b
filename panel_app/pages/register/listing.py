"""Registered models and versions as tables; pure, every text is escaped."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from launch.registry.promote import CHAMPION, GATE
from launch.registry.registry import ModelVersion, RegisteredModel
from panel_app.router import query
from panel_app.safe import safe

CELL = "padding:7px 18px 7px 0;vertical-align:top;overflow-wrap:anywhere"
LINE = "border-bottom:1px solid color-mix(in srgb, currentColor 12%, transparent)"
LINK = "color:var(--panel-primary-color);font-weight:600"
_CHAMPION = "#8a6d1d"
_OTHER = "#1769c4"
_GATES = {"passed": "#217a3c", "failed": "#c0362c"}


def models_table(models: Sequence[RegisteredModel], chosen: str) -> str:
    """Return the table of models, each a link."""
    rows = []
    for one in models:
        aliases = " ".join(
            alias_chip(alias, f"{alias}: {version}")
            for alias, version in sorted(one.aliases.items(), key=lambda p: (p[0] != CHAMPION, p))
        )
        href = query(page="register", model=one.model)
        here = ' aria-current="true"' if one.model == chosen else ""
        weight = "700" if one.model == chosen else "550"
        rows.append(
            f'<tr style="{LINE}"><th scope="row" style="{CELL};text-align:left">'
            f'<a href="{safe(href)}"{here} style="{LINK};font-weight:{weight}">{safe(one.model)}</a></th>'
            f'<td style="{CELL}">{aliases or "no alias yet"}</td></tr>'
        )
    return _table("Registered models", ("Model", "Aliases"), rows)


def versions_table(versions: Sequence[ModelVersion], chosen: str, runs: Mapping[str, str]) -> str:
    """Return the table of a model's versions, each a link.

    Args:
        versions: newest first.
        chosen: the one that is shown below.
        runs: run id -> title, as far as they are known.
    """
    rows = []
    for one in versions:
        href = query(page="register", model=one.model, version=one.version)
        here = ' aria-current="true"' if one.version == chosen else ""
        aliases = " ".join(alias_chip(alias) for alias in one.aliases)
        run = runs.get(one.run_id, one.run_id[:8])
        lineage = (
            f'<a href="{safe(query(page="run", run=one.run_id))}" style="{LINK};font-weight:500">'
            f"{safe(run)}</a>"
            if one.run_id
            else "no run"
        )
        status = "" if one.status.endswith("READY") else f" ({safe(one.status)})"
        rows.append(
            f'<tr style="{LINE}"><th scope="row" style="{CELL};text-align:left;white-space:nowrap">'
            f'<a href="{safe(href)}"{here} style="{LINK};font-weight:{700 if here else 550}">'
            f"Version {safe(one.version)}</a>{status} {aliases}</th>"
            f'<td style="{CELL}">{safe(one.tags.get("lakesight_figure", ""))}</td>'
            f'<td style="{CELL}">{gate_chip(one)}</td>'
            f'<td style="{CELL}">{safe(one.tags.get("lakesight_licence", ""))}</td>'
            f'<td style="{CELL}">{lineage}</td>'
            f'<td style="{CELL}">{safe(one.tags.get("lakesight_by", ""))}</td>'
            f'<td style="{CELL};white-space:nowrap">{_day(one.created_at)}</td></tr>'
        )
    heads = ("Version", "Main figure", "Gate", "Licence", "Run", "By", "Registered")
    return _table("Versions", heads, rows)


def alias_chip(alias: str, text: str = "") -> str:
    """Return the HTML of an alias; the champion's stands out."""
    colour = _CHAMPION if alias == CHAMPION else _OTHER
    star = "\u2605 " if alias == CHAMPION else ""
    return chip(f"{star}{text or alias}", colour)


def gate_chip(version: ModelVersion) -> str:
    """Return the HTML of how a version came through the gate last."""
    outcome, _, rest = version.tags.get(GATE, "").partition(" ")
    if outcome not in _GATES:
        return "not judged yet"
    policy = rest.partition(" ")[0]
    return f"{chip(outcome, _GATES[outcome])} {safe(policy)}"


def chip(text: str, colour: str) -> str:
    """Return the HTML of a chip; white text must be readable on its colour."""
    return (
        f'<span style="background:{colour};color:#fff;border-radius:99px;padding:2px 10px;'
        f'font-size:12px;font-weight:600;white-space:nowrap">{safe(text)}</span>'
    )


def _table(caption: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    top = "".join(
        f'<th scope="col" style="{CELL};{LINE};text-align:left;font-size:12.5px">{safe(head)}</th>'
        for head in heads
    )
    return (
        f'<div style="overflow-x:auto"><table aria-label="{safe(caption)}" '
        'style="border-collapse:collapse;font-size:13.5px;width:100%">'
        f"<thead><tr>{top}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _day(at: float) -> str:
    return time.strftime("%d %b %Y %H:%M", time.localtime(at)) if at else ""
