"""What can be done to a run: cancel, resume, clone, and where else it can be looked at."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.config.overrides import assign
from cvcore.errors import LakesightError
from launch.base import RunState
from launch.batch.submit import BATCH
from launch.batch.submit import resume as resume_batch
from launch.cancel import cancel
from launch.evaluation.submit import EVALUATION, MODEL, SOURCE, SPLIT, command
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.submit import Submitter
from launch.tags import KIND
from panel_app import deeds
from panel_app.context import Context
from panel_app.router import query
from panel_app.rows import Details, overrides
from panel_app.safe import safe
from panel_app.views.copy import Command

_LINKS = ("Evaluate", "Register", "Open in MLflow", "Open the job")
_NUM_BUTTONS = 3
_STARTED_BY_HAND = "it was started by `lakesight train`, without a launcher"


class Actions:
    """Buttons of one run; each is off, with the reason in words, when it can't work.

    Attributes:
        view: what is shown.
    """

    def __init__(self, context: Context, done: Callable[[], None]) -> None:
        """Build them.

        Args:
            context: of the session.
            done: called after something was done to the run.
        """
        self.context, self._done = context, done
        self._details: Details | None = None
        self.cancel: Any = pmui.Button(
            label="Cancel", icon="stop", variant="outlined", color="error"
        )
        self.resume: Any = pmui.Button(label="Resume", icon="play_arrow", variant="outlined")
        self.clone: Any = pmui.Button(
            label="Clone into Configure", icon="content_copy", variant="outlined"
        )
        self._links: dict[str, Any] = {}
        self.why = pn.pane.HTML("", margin=(2, 10), sizing_mode="stretch_width")
        self.command = Command(margin=(4, 10), sizing_mode="stretch_width")
        self.sure: Any = None
        self.cancel.on_click(self._ask)
        self.resume.on_click(self._resume)
        self.clone.on_click(self._clone)
        self.row = pn.Row(
            self.cancel,
            self.resume,
            self.clone,
            styles={"flex-wrap": "wrap", "gap": "4px"},
            sizing_mode="stretch_width",
        )
        self.view = pn.Column(self.row, self.why, self.command, sizing_mode="stretch_width")

    def show(self, details: Details) -> None:
        """Fit the buttons to a run."""
        self._details = details
        run, state = details.run, details.row.state
        known = overrides(run)
        reasons = {
            self.cancel: self._why_not_cancel(details),
            self.resume: self._why_not_resume(details),
            self.clone: _why_not_clone(run, known),
        }
        for button, reason in reasons.items():
            if button.disabled != bool(reason):
                button.disabled = bool(reason)
        # Once it has ended nobody asks why it can't be canceled, and the other way round.
        asked = self.resume if state.is_final else self.cancel
        told = [
            f"{button.label} is off: {reason}."
            for button, reason in reasons.items()
            if reason and (button is asked or button is self.clone)
        ]
        self.why.object = (
            f'<span style="font-size:12.5px;opacity:.78">{safe(" ".join(told))}</span>'
        )
        self.why.visible = bool(told)
        self.command.text = _command(run, known)
        url = self.context.services.mlflow_url(run)
        job = details.status.url if details.status.url.startswith("https://") else ""
        # Without a model there is nothing to judge and nothing to register.
        chosen = run.run_id if details.row.has_model else ""
        judged = run.tags.get(SOURCE, chosen)
        self._link("Evaluate", "analytics", judged and query(page="evaluate", run=judged))
        self._link("Register", "inventory_2", chosen and query(page="register", run=chosen))
        self._link("Open in MLflow", "open_in_new", url, new_tab=True)
        self._link("Open the job", "open_in_new", job, new_tab=True)

    def _link(self, label: str, icon: str, address: str, new_tab: bool = False) -> None:
        """Show a button that leads elsewhere; it is made when it first has somewhere to lead."""
        link = self._links.get(label)
        if link is None:
            if not address:
                return
            look: dict[str, Any] = {"variant": "text", "target": "_blank"} if new_tab else {}
            link = pmui.Button(**{"label": label, "icon": icon, "variant": "outlined", **look})
            self._links[label] = link
            # In their order, whichever is needed first.
            before = [one for one in _LINKS[: _LINKS.index(label)] if one in self._links]
            self.row.insert(_NUM_BUTTONS + len(before), link)
        if link.href != (address or None):
            link.param.update(href=address or None, visible=bool(address))

    def _why_not_cancel(self, details: Details) -> str:
        if not details.run.is_submitted:
            return f"{_STARTED_BY_HAND}; stop it where it runs, with Ctrl-C"
        return "the run has ended" if details.row.state.is_final else ""

    def _why_not_resume(self, details: Details) -> str:
        state = details.row.state
        if details.run.tags.get(KIND) == EVALUATION:
            return "an evaluation begins anew: start it again under Evaluate"
        if not details.run.is_submitted:
            return f"{_STARTED_BY_HAND}; start the same command again where it ran"
        if details.run.is_sweep:
            return "a sweep's runs are resumed one by one"
        if state is RunState.SUCCEEDED:
            return "it has done all of its steps; clone it to train for longer"
        return "" if state.is_final else "the run has not ended"

    def _ask(self, _: Any) -> None:
        if self.sure is None:
            self.sure = pmui.Dialog(
                self._question(), title="Cancel this run?", open=False, show_close_button=True
            )
            self.view.append(self.sure)
        self.sure.open = True

    def _question(self) -> Any:
        yes = pmui.Button(label="Cancel the run", color="error", variant="contained")
        no = pmui.Button(label="Let it run", variant="text")
        yes.on_click(self._cancel)
        no.on_click(lambda _: setattr(self.sure, "open", False))
        return pmui.Column(
            pmui.Typography(
                "It saves a checkpoint first, then stops. It can be resumed from there.",
                variant="body2",
            ),
            pmui.Row(yes, no),
        )

    async def _cancel(self, _: Any) -> None:
        self.sure.open = False
        details = self._details
        if details is None:
            return
        await self._do(lambda: self._stop(details), "The run was asked to stop; it saves first.")

    def _stop(self, details: Details) -> None:
        run, ledger = details.run, self.context.services.ledger
        mine = [one for one in ledger.runs() if one.parent == run.run_id] if run.is_sweep else [run]
        for one in mine:
            if not one.is_settled:
                cancel(one, self.context.user)

    async def _resume(self, _: Any) -> None:
        details = self._details
        if details is None:
            return
        services, user = self.context.services, self.context.user
        self.resume.disabled = True
        await self._do(
            lambda: _resume(details.run, services.ledger, user),
            "It goes on from its newest checkpoint.",
        )

    async def _do(self, work: Callable[[], Any], said: str) -> None:
        assert self._details is not None
        services, run_id = self.context.services, self._details.run.run_id
        try:
            await deeds.do(work)
        except LakesightError as error:
            self.context.tell(str(error), "error")
        else:
            self.context.tell(said, "success")
        services.renew_rows()
        services.hub.look(run_id)
        self._done()

    def _clone(self, _: Any) -> None:
        if self._details is not None:
            known = overrides(self._details.run) or []
            # What the app added itself it will add again.
            added = assign("tracking.uri", self.context.services.ledger.uri)
            own = [w for w in known if not w.startswith(("run.id=", "run.dir=")) and w != added]
            self.context.go("configure", set=shlex.join(own))


def _why_not_clone(run: LedgerRun, known: Sequence[str] | None) -> str:
    if run.tags.get(KIND) == EVALUATION:
        return "it is no training; clone the run that trained the model"
    return "what it was configured with is not in the ledger" if known is None else ""


def _command(run: LedgerRun, known: Sequence[str] | None) -> str:
    if known is None:
        return ""
    if run.tags.get(KIND) == EVALUATION:
        return command(
            run.tags.get(MODEL) or run.tags.get(SOURCE, ""), run.tags.get(SPLIT, "val"), known
        )
    return f"lakesight submit {shlex.join(known)}".strip()


def _resume(run: LedgerRun, ledger: Ledger, user: str) -> None:
    if run.tags.get(KIND) == BATCH:
        resume_batch(run, ledger, user=user)
    else:
        Submitter(user=user).resume(run, ledger)
