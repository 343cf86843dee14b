"""What differs: from the defaults, from what the options give, from any run of the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import panel as pn

from cvcore.errors import LakesightError
from cvcore.metrics.mlflow_run import flat
from launch.submit import overrides_of
from panel_app.forms.compose import answer
from panel_app.forms.editor import Editor
from panel_app.forms.view import Choice, Notice
from panel_app.pages.configure.sweep import of_a_sweep
from panel_app.safe import safe
from panel_app.services import Services

_DEFAULTS, _OPTIONS = "the defaults", "the chosen options"
_FIXED = [[one, one[:1].upper() + one[1:]] for one in (_DEFAULTS, _OPTIONS)]
_READING = '<p style="font-size:13.5px">Reading ...</p>'
_OWN = ("run.id", "run.dir", "tracking.uri")
"""Keys that differ between any two runs."""
_MOST_RUNS = 300


class Changes:
    """A table of the keys whose values differ."""

    def __init__(self, editor: Editor, services: Services) -> None:
        """Build it."""
        self.editor, self.services = editor, services
        self._base: Mapping[str, Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._are_listed = False
        self.against = Choice(
            self._turned,
            label="Compared with",
            options=_FIXED,
            value=_DEFAULTS,
            margin=(10, 0, 10, 0),
        )
        self.words = Notice()
        self.table = pn.pane.HTML("", sizing_mode="stretch_width", margin=0)
        self.sweep = Notice(margin=(0, 0, 8, 0))
        self.view = pn.Column(
            self.against, self.sweep, self.words, self.table, sizing_mode="stretch_width"
        )

    def show(self) -> None:
        """Show the differences of the newest answer."""
        self.sweep.say(*of_a_sweep(self.editor))
        if not self._are_listed:
            self._are_listed = True
            self._begin(self._list())
        if not self.editor.composed.values:
            return
        base = self.editor.given if self.against.value == _OPTIONS else self._base
        if base is None:
            self.table.object = _READING
            if self._task is None or self._task.done():
                self._begin(self._read())
            return
        self.table.object = _html(different(self.editor.values, base), self.against.value)

    def close(self) -> None:
        """Drop what is under way."""
        if self._task is not None:
            self._task.cancel()

    def _begin(self, work: Any) -> None:
        self._task = asyncio.get_running_loop().create_task(work)

    def _turned(self, word: dict[str, Any]) -> None:
        self._base, self.against.value = None, str(word.get("value"))
        self.table.object = _READING
        self.close()
        self._begin(self._read())

    async def _list(self) -> None:
        await self._read()
        try:
            rows = await asyncio.to_thread(self.services.rows)
        except LakesightError as error:
            self.words.say("The runs can't be read", str(error), "error")
            rows = []
        runs = [
            [one.run_id, f"{one.title} ({one.run_id[:8]})"]
            for one in rows[:_MOST_RUNS]
            if one.launcher != "sweep"
        ]
        self.against.options = [*_FIXED, *runs]

    async def _read(self) -> None:
        value = self.against.value
        try:
            base = await asyncio.to_thread(self._values_of, value)
        except LakesightError as error:
            self.words.say("Not compared", str(error), "error")
            self.table.object = ""
            return
        if value == self.against.value:
            self.words.say("")
            self._base = base
            self.show()

    def _values_of(self, value: str) -> Mapping[str, Any]:
        composer = self.editor.composer
        if value in (_DEFAULTS, _OPTIONS):
            return answer(composer, []).values
        run = self.services.ledger.get(value)
        if run.params:
            return dict(run.params)
        # It waits still: what it was submitted with, composed as it will be.
        return answer(composer, overrides_of(run)).values


def different(
    values: Mapping[str, Any], base: Mapping[str, Any]
) -> list[tuple[str, str | None, str | None]]:
    """Return key, value there, value here of what differs; None: there is no such key.

    Example:
        >>> different({"seed": 3}, {"seed": "42"})
        [('seed', '42', '3')]
    """
    here, there = _texts(values), _texts(base)
    keys = [*here, *(key for key in there if key not in here)]
    return [
        (key, there.get(key), here.get(key))
        for key in keys
        if there.get(key) != here.get(key) and key not in _OWN
    ]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return flat({key: value for key, value in values.items() if value not in ({}, "{}")})


def _html(rows: list[tuple[str, str | None, str | None]], against: str) -> str:
    if not rows:
        return '<p style="font-size:13.5px;margin:6px 0">Nothing differs.</p>'
    there = (
        "Run" if against not in (_DEFAULTS, _OPTIONS) else against.removeprefix("the ").capitalize()
    )
    lines = "".join(
        '<tr style="border-top:1px solid color-mix(in srgb,currentColor 12%,transparent)">'
        f'<th scope="row" style="text-align:left;font-weight:550;padding:6px 10px 6px 0">{safe(key)}</th>'
        f'<td style="padding:6px 10px 6px 0;opacity:.75">{_cell(old)}</td>'
        f'<td style="padding:6px 0;font-weight:600">{_cell(new)}</td></tr>'
        for key, old, new in rows
    )
    count = "1 key differs" if len(rows) == 1 else f"{len(rows)} keys differ"
    head = "".join(
        f'<th scope="col" style="text-align:left;padding:4px 10px 4px 0">{text}</th>'
        for text in ("Key", safe(there), "This form")
    )
    return (
        f'<p style="font-size:13px;margin:0 0 6px;opacity:.8">{count}</p>'
        '<div style="max-height:480px;overflow:auto" tabindex="0" aria-label="Differences">'
        '<table style="border-collapse:collapse;width:100%;font-size:12.5px;overflow-wrap:anywhere">'
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _cell(text: str | None) -> str:
    if text is None:
        return '<span style="opacity:.7">no such key</span>'
    return safe("null" if text == "None" else text)
