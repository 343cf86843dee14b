"""Monitor: the address, and what is shown of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import panel as pn
import psutil

from cvcore.errors import LakesightError
from launch.monitor import settings, uptime, watch
from launch.monitor.model_files import models_dir, reference_of
from launch.serving.places import get_place
from panel_app import up
from panel_app.context import Context
from panel_app.forms.view import Nav, Notice
from panel_app.monitor import reader
from panel_app.monitor.drift import drift_table
from panel_app.monitor.reader import WAREHOUSE_S
from panel_app.monitor.traffic import SPANS, buckets, charts
from panel_app.pages.base import heading
from panel_app.pages.monitor.activity import Activity
from panel_app.pages.monitor.images import Images
from panel_app.pages.monitor.listing import (
    alerts_html,
    endpoint_figures,
    endpoints_table,
    figures,
)
from panel_app.router import query
from panel_app.safe import safe
from panel_app.selection import usage
from panel_app.tasks import Tasks

SECTIONS = {
    "traffic": "Traffic",
    "drift": "Drift",
    "images": "Images",
    "jobs": "Jobs and app",
    "activity": "Activity",
}
_RESENT = 3
_SOON_S = 1.0
_OF_ENDPOINT = ("traffic", "drift", "images")


class MonitorPage:
    """See this package."""

    heading = "Monitor"
    period_ms = 4_000

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.reader = reader.of(context.services)
        self.place, self.name, self.span = "", "", "hour"
        self._is_opening, self._resend = False, 0
        self._tasks = Tasks()
        self.words = Notice()
        self.list = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10, 14, 10))
        self.nav = Nav(
            label="What is watched",
            active="traffic",
            items=[
                {"key": key, "label": label, "faults": 0, "changed": False}
                for key, label in SECTIONS.items()
            ],
            margin=(6, 10, 10, 10),
        )
        self.text = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 10))
        self.images = Images(context)
        self.activity = Activity(context, self._keep)
        self.images.view.visible = self.activity.view.visible = False
        self.nav.param.watch(self._turned, "active")
        self.view = pn.Column(
            heading("Monitor", "Endpoints and what they see, jobs, and who did what."),
            self.list,
            self.nav,
            pn.Column(self.words, sizing_mode="stretch_width", margin=(0, 10)),
            self.text,
            self.images.view,
            self.activity.view,
            sizing_mode="stretch_width",
        )

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the endpoint and the part of an address."""
        self.place, self.name = values.get("place", ""), values.get("endpoint", "")
        self.span = values.get("span", "hour") if values.get("span") in SPANS else "hour"
        self.activity.restore(values.get("q", ""), values.get("action", ""))
        wanted = values.get("show", "traffic")
        self._is_opening = True
        self.nav.active = wanted if wanted in SECTIONS else "traffic"
        self._is_opening = False
        self._resend = _RESENT
        await self.refresh()
        self._tasks.begin(self._refresh_soon())

    async def refresh(self) -> None:
        """Read again what is shown."""
        section = self.nav.active
        self._resend = max(self._resend - 1, 0)
        self.images.view.visible = section == "images"
        self.activity.view.visible = section == "activity"
        self.text.visible = not (self.images.view.visible or self.activity.view.visible)
        try:
            problem = await self._endpoints()
            if section == "activity":
                await self.activity.show(" " * self._resend)
            elif section == "jobs":
                self._set(self.text, await asyncio.to_thread(self._jobs))
            elif self.name:
                await self._endpoint(section)
            else:
                self._set(self.text, "")
                self.images.view.visible = False
        except LakesightError as error:
            self.words.say("This can't be shown", str(error), "error")
            self._set(self.text, "")
            self.images.view.visible = False
            return
        if problem:
            self.words.say("Not everything could be asked", problem, "warning")
        elif not self.name and section in _OF_ENDPOINT:
            self.words.say(
                "There is no endpoint yet",
                "Press Deploy a model on the page Deploy, or say: lakesight deploy runs/latest --name "
                "parts. What it is asked is then recorded, compared with the training, and shown here.",
            )
        else:
            self.words.say("")

    def close(self) -> None:
        """Drop what is under way."""
        self.images.close()
        self.activity.close()
        self._tasks.close()

    async def _endpoints(self) -> str:
        found, problem = await asyncio.to_thread(self.reader.endpoints)
        if not self.name and found:
            self.place, self.name = found[0].place, found[0].name
        if self.name and not self.place:
            self.place = next((one.place for one in found if one.name == self.name), "local")
        self._set(self.list, endpoints_table(found, self.place, self.name) if found else "")
        return problem

    async def _endpoint(self, section: str) -> None:
        if section == "images":
            if self.place != "local":  # to look is to record what is new
                await asyncio.to_thread(self.reader.look, self.place, self.name)
            await self.images.show(self.place, self.name, " " * self._resend)
            return
        make = self._traffic if section == "traffic" else self._drift
        place, name = self.place, self.name
        text = await asyncio.to_thread(make, place, name)
        if (place, name, section) == (self.place, self.name, self.nav.active):
            self._set(self.text, text)

    def _traffic(self, place: str, name: str) -> str:
        seen = self.reader.look(place, name)
        available = uptime.availability(settings.folder_of(place, name))
        told = endpoint_figures(seen, available)
        span = SPANS[self.span]
        found = self.reader.seen(place, name, span)
        alerts = (
            f'<h3 style="font-size:15px;margin:14px 0 4px">Alerts</h3>{alerts_html(seen.alerts)}'
        )
        page = seen.endpoint.page
        link = f' <a href="{safe(page)}">Its page</a> has the platform\'s own.' if page else ""
        if found.why_not:
            return f"{told}<p>Requests are not known: {safe(found.why_not)}{link}</p>{alerts}"
        links = " ".join(
            f'<a href="{safe(query(page="monitor", place=place, endpoint=name, span=key))}" '
            f'style="color:var(--panel-primary-color);font-weight:{700 if key == self.span else 500}"'
            f"{' aria-current=true' if key == self.span else ''}>last {key}</a>"
            for key in SPANS
        )
        drawn = charts(buckets(found.requests, span), span)
        note = ""
        if place != "local":
            note = (
                f"From the endpoint's inference table, read every {WAREHOUSE_S / 60:.0f} minutes; Model "
                f"Serving writes it within an hour.{link}"
            )
        if found.since_s < span:
            note = f"The newest {len(found.requests):,} requests only: there are too many to read. {note}"
        note = note and f'<p style="font-size:12.5px">{note}</p>'
        return f'{told}<p style="font-size:13px;margin:0 0 8px">{links}</p>{drawn}{note}{alerts}'

    def _drift(self, place: str, name: str) -> str:
        seen = self.reader.look(place, name)
        if seen.why_not:
            return f'<p style="font-size:13.5px">Drift can\'t be told: {safe(seen.why_not)}</p>'
        endpoints = get_place(place)
        folder = settings.folder_of(place, name)
        records = watch.newest(folder, seen.served, settings.read(folder))
        reference = reference_of(models_dir(endpoints, name) / seen.served)
        return drift_table(seen.drift, reference, records)

    def _jobs(self) -> str:
        rows = self.context.services.rows()
        parts = []
        for title, days in (
            ("Last 7 days", 7.0),
            ("Last 30 days", 30.0),
            ("All runs", float("inf")),
        ):
            after = time.time() - days * 86_400
            told = usage(
                [one for one in rows if (one.submitted_at or 0) >= after or days == float("inf")]
            )
            pairs = [("runs", f"{told.num_runs:,}"), ("running", f"{told.num_running:,}")]
            if told.success_rate is not None:
                pairs.append(("succeeded", f"{100 * told.success_rate:.0f} %"))
            if told.num_gpu_known:
                pairs.append(("GPU hours", f"{told.gpu_hours:,.1f}"))
            if told.cost_usd is not None:
                pairs.append(("at list prices", f"${told.cost_usd:,.2f}"))
            parts.append(f'<h3 style="font-size:15px;margin:10px 0 0">{title}</h3>{figures(pairs)}')
        up_s = time.time() - psutil.Process().create_time()
        memory = psutil.Process().memory_info().rss / 2**20
        app = [("without a restart", _lasting(up_s)), ("memory", f"{memory:,.0f} MiB")]
        available = uptime.availability(up.folder())
        if available is not None:
            app.append(("up of the last 24 h", f"{100 * available:.1f} %"))
        parts.append(f'<h3 style="font-size:15px;margin:10px 0 0">This app</h3>{figures(app)}')
        href = query(page="history")
        link = f'<a href="{safe(href)}" style="color:var(--panel-primary-color);font-weight:600">History</a>'
        return f'{"".join(parts)}<p style="font-size:13px">Each run, with its hours and cost: {link}</p>'

    async def _refresh_soon(self) -> None:
        await asyncio.sleep(_SOON_S)
        await self.refresh()

    def _turned(self, _event: Any) -> None:
        if self._is_opening:
            return
        self._keep()
        self._tasks.begin(self.refresh())

    def _set(self, pane: Any, text: str) -> None:
        """Change a pane; soon after the page was opened it is sent again even if it is the same.

        Bokeh connects the views of a column when the slowest of them is built: what changes between a
        pane's first drawing and then is lost in the browser.
        """
        text += " " * self._resend
        if pane.object != text:
            pane.object = text

    def _keep(self) -> None:
        words, action = self.activity.wanted if self.nav.active == "activity" else ("", "")
        shown = "" if self.nav.active == "traffic" else self.nav.active
        span = "" if self.span == "hour" else self.span
        self.context.keep(
            "monitor",
            place=self.place,
            endpoint=self.name,
            show=shown,
            span=span,
            q=words,
            action=action,
        )


def _lasting(seconds: float) -> str:
    days, rest = divmod(int(seconds), 86_400)
    hours, rest = divmod(rest, 3_600)
    return f"{days} d {hours} h" if days else f"{hours} h {rest // 60} min"
