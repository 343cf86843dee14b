"""One endpoint: its versions, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import panel as pn

from cvcore.errors import ConfigError, LakesightError
from launch.activity.record import acting
from launch.serving.load import MOST_CALLERS, MOST_SECONDS
from launch.serving.local.endpoints import LocalEndpoints
from launch.serving.local.requests_log import Traffic, traffic
from launch.serving.places import get_place
from launch.serving.snippets import curl, python
from launch.serving.types import Endpoint, EndpointState
from panel_app import deeds
from panel_app.commands import command
from panel_app.context import Context
from panel_app.errands.errands import Errands
from panel_app.errands.files import Errand
from panel_app.forms.plain import PlainForm, field
from panel_app.forms.view import Action, Choice
from panel_app.pages.deploy.listing import served_table, top_html
from panel_app.safe import safe
from panel_app.tasks import Tasks
from panel_app.views.confirm import Confirm
from panel_app.views.copy import Command
from panel_app.views.share import ShareSlider

_LOG_LINES = 200
_PRE = (
    "font:12.5px/1.5 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere;"
    "margin:6px 0;padding:12px 14px;border-radius:10px;background:#10181b;color:#dbe6e9;"
    "max-height:340px;overflow:auto"
)


class One:
    """What is shown of the chosen endpoint.

    Attributes:
        view: what is shown.
    """

    def __init__(self, context: Context, errands: Errands, changed: Callable[[], Any]) -> None:
        """Build it, still empty.

        Args:
            context: of the session.
            errands: of this machine.
            changed: is called after something was done to it; a coroutine function.
        """
        self.context, self.errands, self._changed = context, errands, changed
        self.endpoint: Endpoint | None = None
        self._tasks = Tasks(lambda text: context.tell(text, "error"))
        self.top = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 0))
        self.served = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 0))
        self.share = ShareSlider(self._shared, margin=(8, 0))
        self.back = Action(self._ask_back, label="Roll back", sizing_mode="fixed")
        self.start = Action(self._start, label="Start", sizing_mode="fixed")
        self.stop = Action(self._ask_stop, label="Stop", sizing_mode="fixed")
        self.delete = Action(self._ask_delete, label="Delete", sizing_mode="fixed")
        self.smoke = Action(self._smoke, label="Smoke test", sizing_mode="fixed")
        self.load = Action(self._load, label="Load test", sizing_mode="fixed")
        self.loads = PlainForm(
            "",
            (
                field("seconds", "Load test: seconds", f"At most {MOST_SECONDS:.0f}.", given="10",
                      control="number", read=_up_to(MOST_SECONDS)),
                field("callers", "Load test: callers at once", f"At most {MOST_CALLERS}.", given="4",
                      control="number", read=_up_to(MOST_CALLERS)),
            ),
            self._tell,
        )  # fmt: skip
        self.traffic = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 0))
        self.log_of = Choice(self._log_chosen, label="Log of", max_width=320)
        self.log = pn.pane.HTML("", sizing_mode="stretch_width", margin=0)
        self.code = pn.pane.HTML("", sizing_mode="stretch_width", margin=0)
        self.command = Command(sizing_mode="stretch_width", margin=(8, 0))
        self.sure = Confirm()
        self.view = pn.Column(
            self.top,
            self.served,
            self.share,
            pn.FlexBox(self.smoke, self.back, self.start, self.stop, self.delete, gap="10px"),
            self.traffic,
            self.loads.view,
            self.load,
            self.log_of,
            self.log,
            self.code,
            self.command,
            self.sure,
            sizing_mode="stretch_width",
            margin=(0, 10),
            visible=False,
        )

    async def show(self, one: Endpoint | None) -> None:
        """Show an endpoint, None: nothing."""
        former, self.endpoint = self.endpoint, one
        self.view.visible = one is not None
        if one is None:
            return
        is_local = one.place == "local"
        with pn.io.hold():
            _set(self.top, top_html(one))
            _set(self.served, served_table(one))
            settled = one.state.is_settled
            two = len(one.served) == 2
            self.share.visible = two and one.state.answers
            if two:
                names = [served.name for served in one.served]
                self.share.param.update(
                    names=names, value=one.served[1].share, disabled=not settled
                )
            self.back.disabled = not one.can_roll_back or not settled
            down = one.state in (EndpointState.STOPPED, EndpointState.DOWN)
            self.start.visible = is_local and down
            self.stop.visible = is_local and not down
            self.smoke.disabled = not one.state.answers
            self.load.visible = self.loads.view.visible = is_local
            self._tell()
            self.command.text = command(
                self.context.services, "endpoints", "show", one.name, tracking=False
            )
            if former is None or (former.place, former.name) != (one.place, one.name):
                self.log_of.value = ""
                self.log.object = self.code.object = self.traffic.object = ""
            self._offer_logs(one)
            _set(self.code, _code(one))
        seen, text = await asyncio.to_thread(self._read, one, self.log_of.value)
        if self.endpoint is not one:
            return
        _set(self.traffic, _traffic(seen) if seen is not None else "")
        _set(self.log, text)

    def close(self) -> None:
        """Drop what is under way."""
        self._tasks.close()

    def _offer_logs(self, one: Endpoint) -> None:
        options = [["", "none"]]
        for served in one.served:
            options.append([f"service {served.name}", f"{served.name}: service"])
            options.append([f"build {served.name}", f"{served.name}: how it was built"])
        if options != self.log_of.options:
            self.log_of.options = options
        known = [value for value, _ in options]
        building = one.state in (EndpointState.CREATING, EndpointState.FAILED)
        if self.log_of.value not in known or (not self.log_of.value and building and one.served):
            # Who waits for it, or for why it failed, wants to see what happens.
            self.log_of.value = f"build {one.served[-1].name}" if one.served and building else ""

    def _read(self, one: Endpoint, log: str) -> tuple[Traffic | None, str]:
        endpoints = get_place(one.place)
        seen = None
        if isinstance(endpoints, LocalEndpoints):
            seen = traffic(endpoints.requests_log(one.name))
        if not log:
            return seen, ""
        what, _, served = log.partition(" ")
        try:
            written = endpoints.logs(one.name, served, what)
        except LakesightError as error:
            return seen, f"<p>{safe(error)}</p>"
        lines = "\n".join(written.splitlines()[-_LOG_LINES:]) or "Nothing was written yet."
        return (
            seen,
            f'<pre role="log" tabindex="0" aria-label="Log" style="{_PRE}">{safe(lines)}</pre>',
        )

    def _tell(self) -> None:
        one = self.endpoint
        self.load.disabled = bool(self.loads.faults) or one is None or not one.state.answers

    def _log_chosen(self, word: dict[str, Any]) -> None:
        self.log_of.value = str(word.get("value", ""))
        if self.endpoint is not None:
            self._tasks.begin(self.show(self.endpoint))

    def _shared(self, word: dict[str, Any]) -> None:
        one = self.endpoint
        if one is None or len(one.served) != 2:
            return
        share = int(word["share"])
        first, second = (served.name for served in one.served)
        shares = {first: 100 - share, second: share}
        self._do(lambda e: e.set_traffic(one.name, shares), "The traffic is being divided anew.")

    def _ask_back(self, _word: dict[str, Any]) -> None:
        one = self.endpoint
        if one is not None:
            self.sure.ask(
                f"Roll {one.name} back?",
                "Versions and shares become what they were before the last change. The present version "
                "answers until the former one does; a second rollback undoes it.",
                "Roll back",
                lambda: self._do(lambda e: e.roll_back(one.name), "It goes back."),
            )

    def _start(self, _word: dict[str, Any]) -> None:
        one = self.endpoint
        if one is not None:
            self._do(lambda e: e.start(one.name), "It starts.")

    def _ask_stop(self, _word: dict[str, Any]) -> None:
        one = self.endpoint
        if one is not None:
            self.sure.ask(
                f"Stop {one.name}?",
                "Nobody is answered until it is started again. It keeps its address and its versions.",
                "Stop",
                lambda: self._do(lambda e: e.stop(one.name), "It is stopped."),
            )

    def _ask_delete(self, _word: dict[str, Any]) -> None:
        one = self.endpoint
        if one is not None:
            versions = ", ".join(served.name for served in one.served)
            self.sure.ask(
                f"Delete {one.name} for good?",
                f"It serves {versions or 'nothing'}. Whoever asks it gets no answer any more; what is "
                "registered stays.",
                "Delete",
                lambda: self._do(lambda e: e.delete(one.name), f"{one.name} is deleted."),
                typed=one.name,
            )

    def _smoke(self, _word: dict[str, Any]) -> None:
        self._send("smoke", "Smoke test of", {})

    def _load(self, _word: dict[str, Any]) -> None:
        values = self.loads.values
        self._send("load", "Load test of", {**values, "callers": int(values["callers"])})

    def _send(self, kind: str, title: str, more: dict[str, Any]) -> None:
        one = self.endpoint
        if one is None:
            return
        words = [f"--{key}={value:g}" for key, value in more.items()]
        said = command(self.context.services, "endpoints", kind, one.name, *words, tracking=False)

        async def go() -> None:
            await deeds.do(
                self.errands.start,
                kind,
                {"place": one.place, "name": one.name, **more},
                subject=one.name,
                title=f"{title} {one.name}",
                command=said,
                user=self.context.user,
            )

        self._tasks.begin(go())

    def _do(self, work: Callable[[Any], Any], said: str) -> None:
        one = self.endpoint
        if one is None:
            return

        async def go() -> None:
            with acting(self.context.user):
                await deeds.do(lambda: work(get_place(one.place)))
            self.context.tell(said, "success")
            await self._changed()

        self._tasks.begin(go())


def told(errand: Errand) -> str:
    """Return what came of a test, in a sentence."""
    found = errand.result
    if errand.request.kind == "smoke":
        outcome = "As it should be" if found["ok"] else "NOT as it should be"
        by = f" by {found['served']}" if found["served"] else ""
        took = f" in {found['seconds'] * 1000:.0f} ms{by}" if found["seconds"] else ""
        return f"{outcome}: {found['message']}{took}. Sent: {found['sent']}."
    times = (found["p50_s"], found["p95_s"], found["p99_s"])
    p50, p95, p99 = (f"{value * 1000:.0f} ms" if value else "-" for value in times)
    return (
        f"{found['per_s']:.1f} answers per second with {found['callers']} callers for "
        f"{found['seconds']:.1f} s; p50 {p50}, p95 {p95}, p99 {p99}; {found['errors']} of "
        f"{found['requests']} without an answer. Sent: {found['sent']}."
    )


def _traffic(seen: Traffic) -> str:
    p50, p95 = (f"{v * 1000:.0f} ms" if v else "-" for v in (seen.p50_s, seen.p95_s))
    return (
        f'<p style="font-size:13.5px;margin:6px 0"><b>Last hour:</b> {seen.requests:,} requests, '
        f"{seen.refused:,} refused, {seen.failed:,} failed; latency p50 {p50}, p95 {p95}</p>"
    )


def _code(one: Endpoint) -> str:
    if not one.url:
        return ""
    blocks = "".join(
        f'<h3 style="font-size:13px;margin:8px 0 0">{name}</h3>'
        f'<pre tabindex="0" aria-label="{name}" style="{_PRE}">{safe(text)}</pre>'
        for name, text in (("curl", curl(one)), ("Python", python(one)))
    )
    return (
        '<details style="margin:10px 0"><summary style="cursor:pointer;font-weight:600;font-size:13.5px">'
        f"Ask it from elsewhere</summary>{blocks}</details>"
    )


def _set(pane: Any, text: str) -> None:
    if pane.object != text:
        pane.object = text


def _up_to(most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        if not text.strip().isdigit() or not 1 <= int(text) <= most:
            raise ConfigError(f"{text.strip()!r} is not possible: give 1 to {most:.0f}.")
        return float(text)

    return read
