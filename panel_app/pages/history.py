"""History: all runs of all users: search, filters, groups, tags, usage, export."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.errors import LakesightError
from panel_app import deeds
from panel_app.context import Context
from panel_app.pages.base import heading, notice
from panel_app.rows import Row
from panel_app.safe import safe
from panel_app.selection import GROUPINGS, Selection, chosen, parsed_tags, usage
from panel_app.views.runs_table import RunsTable

_FILTERS = {"state": "State", "task": "Task", "user": "User", "experiment": "Experiment"}
_EMPTY = (
    "Compose one under Configure, or train on the built-in digits from the page Train. Runs of the "
    "command line show up here too."
)


class HistoryPage:
    """All runs, newest first."""

    heading = "History"
    period_ms = 2_000

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.services = context.services
        self.selection = Selection()
        self._rows: Sequence[Row] | None = None
        self._found: list[Row] = []
        self._page = 1
        self._common: dict[str, str] = {}
        self._is_restoring = False
        self.summary = pn.pane.HTML("Reading the runs ...", margin=(0, 0, 10, 10))
        self.search: Any = pmui.TextInput(
            label="Search",
            placeholder="title, user, tag ...",
            width=220,
            size="small",
            margin=(8, 5, 8, 10),
        )
        self.filters: dict[str, Any] = {
            key: pmui.Select(
                label=label, options={"any": ""}, value="", width=122, size="small", margin=(8, 5)
            )
            for key, label in {**_FILTERS, "where": "Where"}.items()
        }
        self.group: Any = pmui.Select(
            label="Group by",
            options={"nothing": "", **{one: one for one in GROUPINGS}},
            value="",
            width=132,
            size="small",
            margin=(8, 5),
        )
        self.compare: Any = pmui.Button(
            label="Compare", icon="stacked_line_chart", disabled=True, size="small"
        )
        self.tag: Any = pmui.Button(
            label="Tags", icon="sell", variant="outlined", disabled=True, size="small"
        )
        self.export = pn.pane.HTML("", margin=(14, 10))
        self.hint = pn.pane.HTML("", margin=(14, 6))
        self.table = RunsTable(
            self._asked, sizing_mode="stretch_width", margin=(4, 10), visible=False
        )
        self.words = pn.Column(sizing_mode="stretch_width")
        self.tags: Any = pmui.TextInput(
            label="Tags", placeholder="baseline, team=vision", width=380, margin=(10, 0)
        )
        self.dialog: Any = pmui.Dialog(
            self._tag_form(), title="Tags", open=False, show_close_button=True
        )
        wrap = {"flexWrap": "wrap", "alignItems": "flex-end"}
        self.controls = pn.Column(
            pmui.Row(
                self.search,
                *self.filters.values(),
                self.group,
                sx=wrap,
                sizing_mode="stretch_width",
            ),
            pmui.Row(self.compare, self.tag, self.hint, self.export, sx={"flexWrap": "wrap"}),
            sizing_mode="stretch_width",
        )
        self.view = pn.Column(
            heading("History"),
            self.summary,
            self.controls,
            self.words,
            self.table,
            self.dialog,
            sizing_mode="stretch_width",
        )
        self.search.param.watch(self._changed, "value_input")
        for select in (*self.filters.values(), self.group):
            select.param.watch(self._changed, "value")
        self.compare.on_click(self._compare)
        self.tag.on_click(self._edit_tags)

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the runs that the address means: at once what was read last, then what is new."""
        self.selection = Selection.of(values)
        self._page = int(values["p"]) if values.get("p", "").isdigit() else 1
        known = self.services.rows_now()
        if known is not None:
            self._show(known)
        await self.refresh()

    def close(self) -> None:
        """Nothing is held."""

    async def refresh(self) -> None:
        """Read the runs again and show what changed."""
        try:
            rows = await asyncio.to_thread(self.services.rows)
        except LakesightError as error:
            self.words.objects = [notice("The runs can't be read", str(error), "error")]
            self._rows = None
            return
        if rows is not self._rows:
            self._show(rows)

    def _show(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._found = chosen(rows, self.selection)
        with pn.io.hold():
            self._fit_controls(rows)
            self.summary.object = _summary(self._found, len(rows))
            self.summary.visible = self.controls.visible = bool(rows)
            self.table.visible = bool(self._found)
            self._page = self.table.fill(self._found, self.selection, self._page)
            self._fit_buttons()
            if not rows:
                self.words.objects = [notice("No run yet", _EMPTY), self._start_button()]
            elif not self._found:
                self.words.objects = [notice("No run matches", "Take a filter or a word away.")]
            elif self.words.objects:
                self.words.objects = []

    def _fit_controls(self, rows: Sequence[Row]) -> None:
        self._is_restoring = True
        wanted = self.selection
        if (self.search.value_input or "") != wanted.q:
            self.search.param.update(value=wanted.q, value_input=wanted.q)
        for key, select in self.filters.items():
            value = getattr(wanted, key)
            names = {
                one.launcher or "direct" if key == "where" else str(getattr(one, key))
                for one in rows
            }
            options = {
                "any": "",
                **{n.replace("_", " "): n for n in sorted({*names, value} - {""})},
            }
            if options != select.options:
                select.options = options
            if select.value != value:
                select.value = value
        if self.group.value != wanted.group:
            self.group.value = wanted.group
        self._is_restoring = False

    def _fit_buttons(self) -> None:
        num = len(self.table.selected)
        self.compare.disabled = num < 2
        self.tag.disabled = num < 1
        text = f"{num} chosen" if num else "Choose runs to compare or tag them."
        self.hint.object = f'<span style="font-size:12.5px;opacity:.78">{text}</span>'
        url = self.services.media.url("runs_csv", at=id(self._rows), **self.selection.values())
        style = "color:var(--panel-primary-color);font-weight:600"
        self.export.object = f'<a href="{safe(url)}" style="{style}">Export CSV</a>'

    def _changed(self, _: Any) -> None:
        if self._is_restoring:
            return
        chosen_filters = {key: str(select.value or "") for key, select in self.filters.items()}
        self.selection = replace(
            self.selection,
            q=self.search.value_input or "",
            group=str(self.group.value or ""),
            **chosen_filters,
        )
        self._page = 1
        self._again()

    def _asked(self, asked: Mapping[str, Any]) -> None:
        known = {one.run_id for one in self._found}
        if str(asked.get("sort", "")):
            self.selection = Selection.of(self.selection.sorted_by(str(asked["sort"])).values())
            self._page = 1
        elif "page" in asked:
            self._page = int(asked["page"])
        elif asked.get("choose") in known:
            rest = [one for one in self.table.selected if one != asked["choose"]]
            self.table.selected = [*rest, asked["choose"]] if asked.get("on") else rest
        elif "all" in asked:
            here = [str(one["id"]) for one in self.table.rows if "id" in one]
            rest = [one for one in self.table.selected if one not in here]
            self.table.selected = rest + (here if asked["all"] else [])
        self._again()

    def _again(self) -> None:
        page = str(self._page) if self._page > 1 else ""
        self.context.keep("history", **self.selection.values(), p=page)
        if self._rows is not None:
            self._show(self._rows)

    def _compare(self, _: Any) -> None:
        self.context.go("compare", runs=",".join(self.table.selected))

    def _edit_tags(self, _: Any) -> None:
        mine = [one for one in self._rows or () if one.run_id in self.table.selected]
        common = dict(mine[0].tags) if mine else {}
        for one in mine[1:]:
            common = {key: value for key, value in common.items() if one.tags.get(key) == value}
        self._common = common
        text = ", ".join(f"{key}={value}" if value else key for key, value in common.items())
        self.tags.param.update(value=text, value_input=text)
        self.dialog.title = f"Tags of {len(mine)} run{'s' if len(mine) != 1 else ''}"
        self.dialog.open = True

    async def _save_tags(self, _: Any) -> None:
        tags = parsed_tags(self.tags.value_input or self.tags.value or "")
        gone = [key for key in self._common if key not in tags]
        ids = list(self.table.selected)
        self.dialog.open = False
        try:
            await deeds.do(self._label, ids, tags, gone)
        except LakesightError as error:
            self.context.tell(str(error), "error")
            return
        self.services.renew_rows()
        self.context.tell("The tags are saved.", "success")
        await self.refresh()

    def _label(self, ids: Sequence[str], tags: Mapping[str, str], gone: Sequence[str]) -> None:
        for run_id in ids:
            self.services.ledger.label(run_id, tags, gone)

    def _tag_form(self) -> Any:
        save = pmui.Button(label="Save", variant="contained")
        save.on_click(self._save_tags)
        return pmui.Column(
            pmui.Typography(
                "Words with commas between them, with a value after = if you like. Tags that only some "
                "of the chosen runs have stay as they are.",
                variant="body2",
            ),
            self.tags,
            save,
        )

    def _start_button(self) -> Any:
        button = pmui.Button(label="Configure a run", icon="tune", margin=(6, 10))
        button.on_click(lambda _: self.context.go("configure"))
        return button


def _summary(found: Sequence[Row], total: int) -> str:
    told = usage(found)
    figures = [
        ("runs", f"{len(found):,}" if len(found) == total else f"{len(found):,} of {total:,}")
    ]
    figures.append(("running", f"{told.num_running:,}"))
    if told.success_rate is not None:
        figures.append(("succeeded", f"{100 * told.success_rate:.0f} %"))
    if told.num_gpu_known:
        figures.append(("GPU hours", f"{told.gpu_hours:,.1f}"))
    if told.cost_usd is not None:
        figures.append(("at list prices", f"${told.cost_usd:,.2f}"))
    hint = (
        f"GPU hours: last attempts of the {told.num_gpu_known} runs of which they are known. Success: of "
        "runs that ended by themselves. Prices: of machines, without discounts or platform charges, of "
        f"{told.num_cost_known} runs."
    )
    cells = "".join(
        f'<span style="white-space:nowrap"><b style="font-size:16px">{safe(value)}</b> {safe(name)}</span>'
        for name, value in figures
    )
    return (
        f'<div title="{safe(hint)}" style="display:flex;flex-wrap:wrap;gap:4px 26px">{cells}</div>'
    )
