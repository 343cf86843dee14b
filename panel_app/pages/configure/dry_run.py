"""A dry run: every stage of the run in small, told one by one."""

from __future__ import annotations

import json
from typing import Any

import panel as pn

from panel_app.forms.editor import Editor
from panel_app.forms.view import Notice
from panel_app.pages.configure.child import said
from panel_app.pages.configure.launch import for_submit
from panel_app.pages.configure.working import Working
from panel_app.safe import safe
from panel_app.services import Services

_MARKS = {
    "ok": ("\u2713", "#217a3c", "ok"),
    "warn": ("!", "#8a6d1d", "with a warning"),
    "fail": ("\u2715", "#c0362c", "failed"),
    "skipped": ("\u2013", "#5b6b71", "skipped"),
    "not run": ("\u2013", "#5b6b71", "not run"),
}


class DryRun:
    """The report of a dry run as it comes."""

    def __init__(self, editor: Editor, services: Services) -> None:
        """Build it; nothing runs until it is asked for."""
        self.editor, self.services = editor, services
        self._stages: list[str] = []
        self._results: list[dict[str, Any]] = []
        self._of: list[str] = []
        self.working = Working("Start the dry run", self._rehearse)
        self.words = Notice()
        self.report = pn.pane.HTML("", sizing_mode="stretch_width", margin=0)
        self.view = pn.Column(
            pn.pane.HTML(
                '<p style="margin:0 0 8px;font-size:13px;opacity:.8">Places, data, model, two steps of '
                "training, evaluation, logging, registering and predicting, on a few images of yours. "
                "What it makes is taken away again.</p>",
                sizing_mode="stretch_width",
                margin=0,
            ),
            self.working.view,
            self.words,
            self.report,
            sizing_mode="stretch_width",
        )

    def show(self) -> None:
        """Say where the report is of something else than the form holds now."""
        ready = self.editor.is_settled and not self.editor.faults() and not self.editor.sweeps
        if self.working.child.is_running:
            return
        self.working.start.disabled = not ready
        if self._of and self._of != self.editor.overrides():
            text = "The form has changed since this dry run."
            self.words.say("Of an earlier form", text, "warning")

    def close(self) -> None:
        """End what runs."""
        self.working.close()

    async def _rehearse(self) -> None:
        self._of, self._results = self.editor.overrides(), []
        self.words.say("")
        self.working.line, self.working.share = "Starting ...", 0.0
        overrides = for_submit(self._of, self.editor, self.services)
        words = ["panel_app.pages.configure.rehearse", *overrides]
        code, _, errors = await self.working.run(words, self._line)
        if self.working.child.is_canceled:
            self.words.say("Canceled", "The dry run was ended.", "info")
        elif code == 0:
            text = "Every stage went through: the run may be launched."
            self.words.say("Ready", text, "success")
        else:
            failed = [one["said"] for one in self._results if one["status"] == "fail"]
            text = failed[-1] if failed else said(errors)
            self.words.say("Mend this first", text, "error")

    def _line(self, line: str) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return  # a library's own word
        if "stages" in told:
            self._stages = told["stages"]
        else:
            self._results.append(told)
        done = len(self._results)
        if done < len(self._stages):
            self.working.line = (
                f"{self._stages[done].capitalize()} ({done + 1} of {len(self._stages)}) ..."
            )
        self.working.share = done / max(len(self._stages), 1)
        self.report.object = _html(self._stages, self._results)


def _html(stages: list[str], results: list[dict[str, Any]]) -> str:
    known = {one["stage"]: one for one in results}
    lines = []
    for stage in [*stages, *(one for one in known if one not in stages)]:
        one = known.get(stage)
        mark, colour, word = _MARKS.get(one["status"] if one else "not run", _MARKS["not run"])
        took = f"{one['seconds']:.1f} s" if one and one["status"] != "not run" else ""
        what = safe(one["said"]) if one else ""
        faint = "" if one else "opacity:.6"
        lines.append(
            f'<li style="display:grid;grid-template-columns:22px 96px 1fr auto;gap:8px;padding:6px 0;{faint};'
            'border-top:1px solid color-mix(in srgb,currentColor 10%,transparent)">'
            f'<span style="width:20px;height:20px;border-radius:50%;background:{colour};color:#fff;'
            f'font-size:12px;font-weight:700;display:grid;place-items:center" role="img" aria-label="{word}">'
            f"{mark if one else ''}</span><b style='font-weight:600'>{safe(stage)}</b>"
            f'<span style="opacity:.85;overflow-wrap:anywhere">{what}</span>'
            f'<span style="opacity:.7;font-variant-numeric:tabular-nums">{took}</span></li>'
        )
    return f'<ol style="list-style:none;margin:0;padding:0;font-size:13px">{"".join(lines)}</ol>'
