"""The gate: a policy, its report on a version, the alias that moves, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import panel as pn

from cvcore.errors import LakesightError
from cvcore.serve.gate.policy import DEFAULT, policies
from cvcore.serve.gate.verdict import Verdict
from launch.registry.promote import CHAMPION, history, rollback
from launch.registry.registry import ModelVersion
from panel_app import deeds
from panel_app.commands import command
from panel_app.context import Context
from panel_app.errands.errands import Errands
from panel_app.errands.files import Errand, ErrandState
from panel_app.forms.view import Action, Choice
from panel_app.models import Models
from panel_app.pages.register.listing import CELL, LINE, chip
from panel_app.safe import safe
from panel_app.tasks import Tasks
from panel_app.views.confirm import Confirm
from panel_app.views.copy import Command

_MARKS = {
    True: ("pass", "#217a3c"),
    False: ("FAIL", "#c0362c"),
    None: ("does not apply", "#6b6f76"),
}


class Gate:
    """What the gate says of one version.

    Attributes:
        view: what is shown.
    """

    def __init__(
        self, context: Context, models: Models, errands: Errands, changed: Callable[[], Any]
    ) -> None:
        """Build it, still empty.

        Args:
            context: of the session.
            models: of the process.
            errands: of this machine.
            changed: is called after an alias moved; a coroutine function.
        """
        self.context, self.models, self.errands = context, models, errands
        self._changed = changed
        self._version: ModelVersion | None = None
        self._tasks = Tasks(lambda text: context.tell(text, "error"))
        self.policy = Choice(
            self._chosen, label="Policy", value=DEFAULT, max_width=320,
        )  # fmt: skip
        self.judge = Action(self._judge, label="Judge only", sizing_mode="fixed")
        self.promote = Action(self._ask_promote, label="Promote to champion", sizing_mode="fixed")
        self.back = Action(
            self._ask_back, label="Roll back", kind="text", sizing_mode="fixed", disabled=True
        )
        self.why = pn.pane.HTML("", sizing_mode="stretch_width", margin=(2, 0))
        self.rules = pn.pane.HTML("", sizing_mode="stretch_width", margin=(2, 0))
        self.command = Command(sizing_mode="stretch_width", margin=(6, 0))
        self.report = pn.pane.HTML("", sizing_mode="stretch_width", margin=(10, 0))
        self.sure = Confirm()
        self.view = pn.Column(
            self.policy,
            self.rules,
            pn.FlexBox(self.judge, self.promote, self.back, gap="10px", margin=(8, 0)),
            self.why,
            self.command,
            self.report,
            self.sure,
            sizing_mode="stretch_width",
            margin=0,
        )

    async def show(self, version: ModelVersion) -> None:
        """Show what was said of a version last.

        Raises:
            LakesightError: the report or the registry can't be read.
        """
        self._version = version
        known = await asyncio.to_thread(policies)
        self.policy.options = [[name, name] for name in known]
        if self.policy.value not in known:
            self.policy.value = DEFAULT
        path = known[self.policy.value]
        self.rules.object = _rules(await asyncio.to_thread(path.read_text, "utf-8"))
        self._tell_command()
        stored = await asyncio.to_thread(self.models.verdict, version)
        tried = await asyncio.to_thread(self._tried, version)
        if version is not self._version:
            return
        newest = tried if tried and (not stored or tried.at > stored.at) else stored
        self.report.object = verdict_html(newest, newest is tried and tried is not stored)
        model = await asyncio.to_thread(self.models.registry().model, version.model)
        now, past = model.aliases.get(CHAMPION, ""), history(model)
        former = next((one for one in reversed(past) if one != now), "")
        self.back.disabled = not (now and former)
        self.promote.disabled = now == version.version
        words = []
        if now == version.version:
            words.append("This version is the champion.")
        if not former:
            words.append("There is nothing to roll back to: no other version was champion before.")
        self.why.object = (
            f'<span style="font-size:12.5px;opacity:.8">{safe(" ".join(words))}</span>'
        )

    def close(self) -> None:
        """Drop what is under way."""
        self._tasks.close()

    def _tried(self, version: ModelVersion) -> Verdict | None:
        """Return the newest judgement of a version that an errand of this machine made."""
        for one in self.errands.all("promote"):
            given = one.request.arguments
            mine = given["model"] == version.model and given["version"] == version.version
            if mine and one.state is ErrandState.DONE:
                return Verdict.of(dict(one.result["verdict"]))
        return None

    def _chosen(self, word: dict[str, Any]) -> None:
        self.policy.value = str(word.get("value") or DEFAULT)
        if self._version is not None:
            self._tasks.begin(self.show(self._version))

    def _tell_command(self) -> None:
        version = self._version
        if version is not None:
            self.command.text = self._command(version, False)

    def _command(self, version: ModelVersion, dry: bool) -> str:
        chosen = self.policy.value
        return command(
            self.context.services,
            *("promote", version.model, version.version),
            *(("--policy", chosen) if chosen != DEFAULT else ()),
            *(("--dry-run",) if dry else ()),
        )

    def _judge(self, _word: dict[str, Any]) -> None:
        self._tasks.begin(self._start(True))

    def _ask_promote(self, _word: dict[str, Any]) -> None:
        version = self._version
        if version is None:
            return
        self.sure.ask(
            f"Make version {version.version} the champion of {version.model}?",
            f"It is judged by the policy {self.policy.value}. Only if every rule passes, the alias "
            "champion moves to it: whoever asks for the champion gets it from then on. The report is "
            "stored with the version in any case.",
            "Judge and promote",
            lambda: self._tasks.begin(self._start(False)),
        )

    def _ask_back(self, _word: dict[str, Any]) -> None:
        version = self._version
        if version is None:
            return
        self.sure.ask(
            f"Roll {version.model} back?",
            "The alias champion goes back to the version that had it before. Endpoints keep what they "
            "serve until somebody deploys.",
            "Roll back",
            lambda: self._tasks.begin(self._roll_back(version)),
        )

    async def _start(self, dry: bool) -> None:
        version = self._version
        if version is None:
            return
        arguments = {
            "model": version.model,
            "version": version.version,
            "policy": self.policy.value,
            "dry_run": dry,
            "tracking_uri": self.context.services.ledger.uri,
        }
        what = "Judge" if dry else "Promote"
        await deeds.do(
            self.errands.start,
            "promote",
            arguments,
            subject=version.model,
            title=f"{what} {version.model} version {version.version}",
            command=self._command(version, dry),
            user=self.context.user,
        )

    async def _roll_back(self, version: ModelVersion) -> None:
        try:
            done = await deeds.do(
                lambda: rollback(self.models.registry(), version.model, by=self.context.user)
            )
        except LakesightError as error:
            self.context.tell(str(error), "error")
            return
        self.context.tell(
            f"Version {done.after} is champion of {done.model} again; it was {done.before}.",
            "success",
        )
        await self._changed()


def told(errand: Errand) -> str:
    """Return what came of a judgement, in a sentence."""
    verdict = Verdict.of(dict(errand.result["verdict"]))
    if errand.request.arguments.get("dry_run"):
        return f"{verdict.head} Nothing was stored or moved."
    if errand.result["moved"]:
        return f"{verdict.head} It is the champion now."
    if verdict.passed:
        return f"{verdict.head} It was the champion already."
    stays = f"version {verdict.champion} stays" if verdict.champion else "nobody is"
    return f"{verdict.head} {verdict.alias.capitalize()}: {stays}."


def verdict_html(verdict: Verdict | None, is_tried: bool = False) -> str:
    """Return the report, a line per rule; every text is escaped."""
    if verdict is None:
        return (
            "<p>This version was not judged yet. <b>Judge only</b> says how it would come through; "
            "<b>Promote</b> moves the alias if it passes.</p>"
        )
    rows = []
    for line in verdict.lines:
        word, colour = _MARKS[line.passed]
        rows.append(
            f'<tr style="{LINE}"><td style="{CELL};white-space:nowrap">{chip(word, colour)}</td>'
            f'<th scope="row" style="{CELL};text-align:left;font-weight:600">{safe(line.rule)}</th>'
            f'<td style="{CELL};white-space:nowrap">{safe(line.figure)}</td>'
            f'<td style="{CELL}">{safe(line.bound)}</td><td style="{CELL}">{safe(line.said)}</td></tr>'
        )
    heads = "".join(
        f'<th scope="col" style="{CELL};{LINE};text-align:left;font-size:12.5px">{head}</th>'
        for head in ("Result", "Rule", "Found", "Asked", "In words")
    )
    how = "judged only, nothing was stored" if is_tried else "the report"
    return (
        f'<p style="font-weight:650;margin:6px 0 2px">{safe(verdict.head)}</p>'
        f'<p style="font-size:12.5px;opacity:.8;margin:0 0 8px">{how}: {safe(verdict.at)}, by '
        f"{safe(verdict.by)}</p>"
        '<div style="overflow-x:auto"><table aria-label="Report of the gate" '
        f'style="border-collapse:collapse;font-size:13px"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _rules(text: str) -> str:
    return (
        '<details><summary style="cursor:pointer;font-size:13px;font-weight:600">What it asks</summary>'
        '<pre style="font:12.5px/1.5 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;'
        f'margin:6px 0">{safe(text)}</pre></details>'
    )
