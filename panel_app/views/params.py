"""A run's parameters, whole or against its defaults or another run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.config.composer import Composer
from cvcore.errors import LakesightError
from cvcore.metrics.mlflow_run import flat
from launch.ledger_run import LedgerRun
from panel_app.rows import overrides
from panel_app.services import Services
from panel_app.views.table import table

_OWN = ("run.", "tracking.", "compute.kind")
_DEFAULTS = "defaults"
_MOST_RUNS = 30


class Parameters:
    """The parameters of one run.

    Attributes:
        view: what is shown.
    """

    def __init__(self, services: Services) -> None:
        """Build it, empty."""
        self.services = services
        self._run: LedgerRun | None = None
        self.against: Any = pmui.Select(
            label="Compare with", options={"nothing: all parameters": ""}, value="", width=420
        )
        self.search: Any = pmui.TextInput(label="Filter", placeholder="learning_rate", width=220)
        self.body = pn.pane.HTML("", sizing_mode="stretch_width", margin=(8, 10))
        self.view = pn.Column(
            pmui.Row(self.against, self.search, sx={"flexWrap": "wrap"}),
            self.body,
            sizing_mode="stretch_width",
        )
        self._others: Mapping[str, str] | None = None
        self.against.param.watch(self._chosen, "value")
        self.search.param.watch(lambda _: self._show(), "value_input")

    def show(self, run: LedgerRun) -> None:
        """Show a run's parameters."""
        known = self._run
        self._run = run
        if known is None or known.params != run.params:
            rows = self.services.rows_now() or []
            near = [one for one in rows if one.run_id != run.run_id and one.launcher != "sweep"]
            options = {"nothing: all parameters": "", "the defaults of its options": _DEFAULTS}
            options |= {f"{one.title} ({one.run_id[:8]})": one.run_id for one in near[:_MOST_RUNS]}
            self.against.options = options
            self._show()

    async def _chosen(self, event: Any) -> None:
        run, wanted = self._run, event.new
        self._others = None
        if run is not None and wanted:
            try:
                self._others = await asyncio.to_thread(self._read, run, wanted)
            except LakesightError as error:
                self.body.object = table(("", ""), [("can't be read", str(error))], caption="Fault")
                return
        if self.against.value == wanted:
            self._show()

    def _read(self, run: LedgerRun, wanted: str) -> Mapping[str, str]:
        if wanted != _DEFAULTS:
            return self.services.ledger.get(wanted).params
        return defaults(run)

    def _show(self) -> None:
        run, word = self._run, (self.search.value_input or "").strip().lower()
        if run is None:
            return
        if not run.params:
            self.body.object = "The run logs its parameters when it has read its data."
            return
        others = self._others
        if others is None:
            rows: list[Sequence[str]] = [(k, v) for k, v in sorted(run.params.items())]
            heads: Sequence[str] = ("parameter", "value")
        else:
            rows = [(k, a, b) for k, a, b in differences(run.params, others)]
            heads = ("parameter", "this run", self._other_title())
        rows = [row for row in rows if word in row[0].lower()]
        if not rows:
            self.body.object = (
                "No parameter has this in its name." if word else "There is no difference."
            )
            return
        self.body.object = table(heads, rows, caption="Parameters", mono=True)

    def _other_title(self) -> str:
        titles = {value: title for title, value in self.against.options.items()}
        return titles.get(self.against.value, "other")


def differences(mine: Mapping[str, str], others: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return (parameter, mine, other's) where they differ; what a run is called is left out.

    Example:
        >>> differences({"seed": "1", "run.title": "a"}, {"seed": "2", "run.title": "b"})
        [('seed', '1', '2')]
    """
    keys = sorted(key for key in {*mine, *others} if not key.startswith(_OWN))
    pairs = [(key, mine.get(key, "not there"), others.get(key, "not there")) for key in keys]
    return [pair for pair in pairs if pair[1] != pair[2]]


def varying(several: Sequence[Mapping[str, str]]) -> list[tuple[str, ...]]:
    """Return (parameter, the value of each run) where they are not all the same.

    Example:
        >>> varying([{"seed": "1", "a": "0"}, {"seed": "2", "a": "0"}])
        [('seed', '1', '2')]
    """
    keys = sorted({key for one in several for key in one if not key.startswith(_OWN)})
    rows = [(key, *(one.get(key, "") for one in several)) for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def defaults(run: LedgerRun) -> dict[str, str]:
    """Return the parameters of a run that chose the same options and changed no value. Blocking.

    Raises:
        ConfigError: its options are not there any more.
    """
    chosen = [word for word in overrides(run) or () if "." not in word.partition("=")[0]]
    if not any(word.startswith("task=") for word in chosen):
        chosen.append(f"task={run.params.get('task.kind', '')}")
    options = [word for word in chosen if not word.startswith("seed=")]
    return flat(asdict(Composer().load(options)))
