"""What breaks the data contract, with its coordinates; and a repaired copy."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from panel_app.data.inspection import SEVERITIES, Inspection, Wanted
from panel_app.data.jobs import Progress
from panel_app.pages.base import notice
from panel_app.pages.data.opened import Opened
from panel_app.router import query
from panel_app.safe import safe

_PAGE = 50
_ALL = "all"
KEYS = ("rule", "severity")
_COLOURS = {"error": "#b3261e", "warning": "#8a5a00", "info": "#4a5a63"}
_STYLE = """<style>
.findings{border-collapse:collapse;width:100%;font-size:13px;table-layout:fixed}
.findings th{text-align:left;font-weight:650;opacity:.85}
.findings th,.findings td{padding:7px 12px 7px 0;vertical-align:top;overflow-wrap:anywhere;
 border-bottom:1px solid color-mix(in srgb,currentColor 14%,transparent)}
.findings a{color:inherit;font-weight:600}
.findings code{font-size:12.5px}
.chip{color:#fff;border-radius:99px;padding:1px 9px;font-size:11.5px;font-weight:650}
</style>"""


class Findings:
    """Filters, a table by pages, and the form of the repaired copy."""

    def __init__(
        self,
        address: Callable[[], dict[str, str]],
        changed: Callable[[], None],
        repair: Callable[[str, bool], None],
    ) -> None:
        """Build it, still empty.

        Args:
            address: gives the page's address, for links to images.
            changed: called when the address must say something else.
            repair: starts a copy: told the folder and whether images are linked.
        """
        self._address, self._changed = address, changed
        self._opened: Opened | None = None
        self._shown: Inspection | None = None
        self._showing = False
        self._task: asyncio.Task[None] | None = None
        self.rule = pmui.Select(label="Rule", options=[_ALL], value=_ALL, width=300, size="small")
        self.severity = pmui.Select(
            label="Severity", options=[_ALL], value=_ALL, width=160, size="small"
        )
        self.split = pmui.Select(label="Split", options=[_ALL], value=_ALL, width=130, size="small")
        self.number = pmui.Typography("", variant="body2", margin=(14, 10))
        self.save = pn.pane.HTML("", margin=(14, 10))
        self.table = pn.pane.HTML("", sizing_mode="stretch_width")
        self.pages = pmui.Pagination(count=1, value=0, margin=(10, 0))
        self.summary = pn.Column(sizing_mode="stretch_width")
        self.out = pmui.TextInput(
            label="New folder for the copy",
            sizing_mode="stretch_width",
            placeholder="blood_repaired",
        )
        self.link = pmui.Checkbox(
            label="Link images instead of copying them (same disk)", value=False, margin=(10, 10)
        )
        self.write = pmui.Button(
            label="Write the repaired copy", icon="build", variant="contained", margin=(4, 10)
        )
        self.write.on_click(lambda _: repair((self.out.value_input or "").strip(), self.link.value))
        self.copied = pn.Column(sizing_mode="stretch_width")
        self.copy = pmui.Paper(
            pmui.Typography("Repaired copy", variant="subtitle1", sx={"fontWeight": 650}),
            pmui.Typography(
                "Writes a whole data set in which every error is repaired, or left out where nothing "
                "else helps. Your files are only read.",
                variant="body2",
                sx={"opacity": 0.85},
            ),
            pn.Row(self.out, self.link, self.write, sizing_mode="stretch_width"),
            self.copied,
            elevation=0,
            sizing_mode="stretch_width",
            margin=(14, 0),
            sx={"border": "1px solid", "borderColor": "divider", "padding": "14px"},
        )
        self.filters = pn.FlexBox(
            self.rule,
            self.severity,
            self.split,
            self.number,
            self.save,
            gap="2px",
            margin=(14, 0, 6, 0),
        )
        self.view = pn.Column(
            self.summary,
            self.filters,
            self.table,
            self.pages,
            self.copy,
            sizing_mode="stretch_width",
        )
        for widget in (self.rule, self.severity, self.split):
            widget.param.watch(self._filtered, "value")
        self.pages.param.watch(self._turned, "value")

    async def show(self, opened: Opened, values: Mapping[str, str]) -> None:
        """Show an inspection, filtered as an address says."""
        inspection = opened.inspection
        if inspection is None:
            return
        self._opened = opened
        values = values or self.values()
        rules = inspection.report["counts"]
        self._showing = True
        try:
            self.rule.options = {
                "all": _ALL,
                **{f"{rule} ({number:,})": rule for rule, number in rules.items()},
            }
            self.rule.value = values["rule"] if values.get("rule") in rules else _ALL
            found = {s: inspection.count(s) for s in SEVERITIES}
            self.severity.options = {
                "all": _ALL,
                **{f"{one} ({number:,})": one for one, number in found.items() if number},
            }
            wanted = values.get("severity", "")
            self.severity.value = wanted if found.get(wanted) else _ALL
            self.split.options = {"all": _ALL, **{name: name for name in opened.index.splits}}
            if self._shown is not inspection:
                self.split.value, self.pages.value = _ALL, 0
                self.copied.objects = []
            self._shown = inspection
        finally:
            self._showing = False
        errors = found["error"]
        self.copy.visible = bool(errors)
        some = bool(inspection.num_faults)
        self.filters.visible = self.table.visible = some
        url = safe(opened.sets.findings_url(opened.key))
        self.save.object = f'<a href="{url}" download style="color:inherit">All as CSV</a>'
        self.summary.objects = [] if some else [_none(opened)]
        if not self.out.value_input and opened.choice.data.root:
            suggested = f"{opened.choice.data.root.rstrip('/')}_repaired"
            self.out.param.update(value=suggested, value_input=suggested)
        await self._fill()

    def values(self) -> dict[str, str]:
        """Return what the address says of this part."""
        found = {"rule": self.rule.value, "severity": self.severity.value}
        return {key: str(value) for key, value in found.items() if value != _ALL}

    def say_copied(self, job: Progress) -> None:
        """Tell how writing a copy ended."""
        if job.state == "done":
            result = job.result
            words = shlex.join(result["overrides"])
            good = "The copy breaks no rule" if result["ok"] else "The copy still has errors"
            self.copied.objects = [
                notice(
                    f"Written to {result['out']}",
                    f"Done: {result['done']}. {good}: {result['sentence']}.",
                    "success" if result["ok"] else "warning",
                ),
                pn.pane.HTML(
                    f'<a href="{safe(query(page="data", set=words))}" style="color:inherit;'
                    'font-weight:600">Look at the copy</a>'
                ),
            ]
        elif job.state == "failed":
            self.copied.objects = [notice("The copy can't be written", job.error, "error")]
        else:
            self.copied.objects = [notice("Writing the copy was cancelled", "", "warning")]

    def close(self) -> None:
        """Let go of what is under way."""
        if self._task is not None:
            self._task.cancel()

    def _filtered(self, _event: Any) -> None:
        if not self._showing:
            self._showing = True
            self.pages.value = 0
            self._showing = False
            self._changed()
            self._again()

    def _turned(self, _event: Any) -> None:
        if not self._showing:
            self._again()

    def _again(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.get_running_loop().create_task(self._fill())

    async def _fill(self) -> None:
        opened = self._opened
        if opened is None or opened.inspection is None:
            return
        inspection = opened.inspection
        rule, severity, split = (
            "" if w.value == _ALL else str(w.value) for w in (self.rule, self.severity, self.split)
        )
        wanted = Wanted(rule, severity, split)
        start = int(self.pages.value or 0) * _PAGE

        def read() -> tuple[int, list[dict[str, Any]]]:
            places = inspection.find(wanted)
            return len(places), inspection.faults(places[start : start + _PAGE])

        total, faults = await asyncio.to_thread(read)
        self.number.object = f"{total:,} of {inspection.num_faults:,} findings"
        self._showing = True
        self.pages.count = max(1, -(-total // _PAGE))
        self._showing = False
        self.pages.visible = total > _PAGE
        self.table.object = self._html(opened, inspection, faults)

    def _html(self, opened: Opened, inspection: Inspection, faults: list[dict[str, Any]]) -> str:
        rules = inspection.report["rules"]
        base = {k: v for k, v in self._address().items() if k != "image"}
        lines = []
        for fault in faults:
            severity = fault["severity"]
            where = safe(fault["file"].rpartition("/")[2] or fault["split"] or "the data set")
            if fault["row"] is not None:
                split, place = opened.index.place(fault["row"])
                link = query(**{**base, "view": "images", "image": f"{split}/{place}"})
                where = f'<a href="{safe(link)}">{where}</a>'
            own = fault["annotation_id"]
            rule = rules.get(fault["rule"], {})
            lines.append(
                f'<tr><td><span class="chip" style="background:{_COLOURS[severity]}">{severity}'
                f"</span></td><td>{where}<br><span style='opacity:.75'>{safe(fault['split'])}</span>"
                f"</td><td>{'' if own is None else safe(own)}</td>"
                f"<td><code>{safe(fault['field'])} = {safe(fault['value'])}</code></td>"
                f"<td><b>{safe(fault['rule'])}</b><br>{safe(rule.get('statement', ''))}</td>"
                f"<td>{safe(fault['suggestion'])}</td></tr>"
            )
        head = "".join(
            f'<th scope="col" style="width:{width}">{text}</th>'
            for text, width in (
                ("Severity", "84px"),
                ("Image or file", "20%"),
                ("Annotation", "96px"),
                ("Field and value", "22%"),
                ("Rule", "24%"),
                ("What to do", "auto"),
            )
        )
        body = "".join(lines)
        return f'{_STYLE}<table class="findings"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _none(opened: Opened) -> Any:
    images = f"{len(opened.index):,} images"
    return notice("Nothing breaks the data contract", f"All of {images} were checked.", "success")
