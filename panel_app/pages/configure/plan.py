"""What a run takes: memory, time and cost per machine, measured by `lakesight plan`."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from typing import Any

import panel as pn

from cvcore.errors import ConfigError
from launch.plan.hardware import CLOUDS, GIB
from launch.plan.text import hours, size
from panel_app.forms.editor import Editor
from panel_app.forms.view import Action, Choice, Notice
from panel_app.pages.configure.child import said
from panel_app.pages.configure.working import Working
from panel_app.safe import safe

_CLOUDS = {"AWS": "aws", "Azure": "azure", "Google Cloud": "gcp", "All": "all"}
_KEPT = 8
assert set(CLOUDS) < set(_CLOUDS.values())


class Plan:
    """Estimates of the run that the form holds."""

    def __init__(self, editor: Editor) -> None:
        """Build it; nothing is measured until it is asked for."""
        self.editor = editor
        self._found: OrderedDict[tuple[str, ...], dict[str, Any]] = OrderedDict()
        self._shown: tuple[str, ...] = ()
        self._took_s = 0.0
        self.cloud = Choice(
            lambda word: self._set(self.cloud, word),
            label="Machines of",
            options=[[key, label] for label, key in _CLOUDS.items()],
            value="aws",
        )
        self.nodes = Choice(
            lambda word: self._set(self.nodes, word),
            label="Machines per run",
            options=[[str(count), str(count)] for count in (1, 2, 4, 8, 16)],
            value="1",
            margin=(0, 0, 0, 14),
        )
        self.working = Working("Estimate", self._estimate)
        self.use = Action(
            self._used, label="Use the suggestion", visible=False, sizing_mode="fixed",
            margin=(10, 0),
        )  # fmt: skip
        self.table = pn.pane.HTML("", sizing_mode="stretch_width", margin=0)
        self.words = Notice()
        self.view = pn.Column(
            pn.pane.HTML(
                '<p style="margin:0 0 8px;font-size:13px;opacity:.8">Builds the model, trains it on one '
                "and two of your images, and works out from that what each machine would take.</p>",
                sizing_mode="stretch_width",
                margin=0,
            ),
            pn.Row(self.cloud, self.nodes, sizing_mode="stretch_width", margin=(8, 0)),
            self.working.view,
            self.words,
            self.table,
            self.use,
            sizing_mode="stretch_width",
        )

    def show(self) -> None:
        """Say where the estimate is of something else than the form holds now."""
        ready = self.editor.is_settled and not self.editor.faults() and not self.editor.sweeps
        if not self.working.child.is_running:
            self.working.start.disabled = not ready
        if self._shown and self._shown != self._asked():
            self.words.say(
                "Of an earlier form", "The form has changed since this estimate.", "warning"
            )
        elif self._shown:
            self.words.say("")

    def close(self) -> None:
        """End what runs."""
        self.working.close()

    def _set(self, choice: Choice, word: dict[str, Any]) -> None:
        chosen = str(word.get("value"))
        if any(chosen == value for value, _ in choice.options):
            choice.value = chosen
            self.show()

    def _asked(self) -> tuple[str, ...]:
        return (self.cloud.value, self.nodes.value, *self.editor.overrides())

    async def _estimate(self) -> None:
        asked = self._asked()
        if asked not in self._found:
            found = await self._measured(asked)
            if found is None:
                return
            self._found[asked] = found
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)
        self._shown = asked
        self.show()
        self.table.object = _html(self._found[asked])
        self.use.visible = bool(self._found[asked]["suggestion"])

    async def _measured(self, asked: tuple[str, ...]) -> dict[str, Any] | None:
        cloud, nodes, *overrides = asked
        self.words.say("")
        before = f"(the last one took {self._took_s:.0f} s)" if self._took_s else "(often a minute)"
        self.working.line = f"Measuring {before} ..."
        words = ["cvcore.cli.main", "plan", "--json", "--cloud", cloud, "--nodes", nodes]
        began = time.monotonic()
        code, out, errors = await self.working.run([*words, "--", *overrides])
        if self.working.child.is_canceled:
            return None
        if code != 0:
            self.words.say("No estimate", said(errors), "error")
            return None
        self._took_s = time.monotonic() - began
        found: dict[str, Any] = json.loads(out)
        return found

    def _used(self, _word: dict[str, Any]) -> None:
        found = self._found.get(self._shown)
        if not found or not found["suggestion"]:
            return
        suggested = found["suggestion"]
        words = list(suggested["overrides"])
        if self.editor.values.get("compute.way") == "cluster":
            words.append(f"compute.node_type_id={suggested['node_type']}")
        try:
            self.editor.add(words)
        except ConfigError as error:
            self.words.say("Not used", str(error), "error")


def _html(plan: dict[str, Any]) -> str:
    model, here = plan["model"], plan["here"]
    machine = here["machine"]
    where = ", ".join(machine["gpus"]) or f"{machine['cpu_cores']} CPU cores"
    total = here["train_s"] + here["evaluate_s"] + here["start_s"]
    facts = {
        "Model": f"{model['parameters'] / 1e6:.1f} M parameters, {model['trainable'] / 1e6:.1f} M trained",
        "Per image": f"{model['flops_per_image'] / 1e9:.3g} GFLOP, forward and backward",
        "Data": ", ".join(f"{n:,} {split}" for split, n in plan["data"]["num_images"].items()),
        "Steps": f"{here['num_steps']:,}, {here['num_evaluations']} evaluations",
        "Here": f"{hours(total)} on {where}",
    }
    listed = "".join(
        f'<dt style="opacity:.72">{key}</dt><dd style="margin:0">{safe(text)}</dd>'
        for key, text in facts.items()
    )
    suggestion = plan["suggestion"]
    advised = "None of these machines can hold it; the notes say what to change."
    if suggestion:
        advised = (
            f"<b>{safe(suggestion['node_type'])}</b> with <code>"
            f"{safe(' '.join(suggestion['overrides']))}</code>: {safe(suggestion['reason'])}; "
            "the cheapest on which it fits."
        )
    rows = "".join(_row(node, suggestion) for node in plan["nodes"])
    heads = "".join(
        f'<th scope="col" style="text-align:{side};padding:5px 8px 5px 0;font-weight:600">{text}</th>'
        for text, side in (
            ("Machine", "left"), ("Batch", "right"), ("Memory", "right"), ("Time", "right"),
            ("USD", "right"),
        )
    )  # fmt: skip
    notes = "".join(f"<li>{safe(line)}</li>" for line in plan["assumptions"])
    return (
        '<div style="font-size:13px"><dl style="display:grid;grid-template-columns:72px 1fr;gap:4px 12px;'
        f'margin:0 0 10px">{listed}</dl><p style="margin:0 0 8px">{advised}</p>'
        '<div style="max-height:330px;overflow:auto" tabindex="0" aria-label="Machines">'
        '<table style="border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<details style="margin-top:8px"><summary style="cursor:pointer">How this is worked out</summary>'
        f'<ul style="padding-left:18px;margin:6px 0">{notes}</ul></details></div>'
    )


def _row(node: dict[str, Any], suggestion: dict[str, Any] | None) -> str:
    choice, took = node["choice"], node["duration"]
    line = "border-top:1px solid color-mix(in srgb,currentColor 12%,transparent)"
    is_best = suggestion is not None and suggestion["node_type"] == node["node_type"]
    what = (
        f'<td style="padding:6px 8px 6px 0;{line}"><span style="font-weight:{650 if is_best else 500}">'
        f"{safe(node['node_type'])}</span><div style='opacity:.74;font-size:12px'>{node['num_gpus']} x "
        f"{safe(node['gpu'])}"
    )
    if choice is None or took is None:
        why = f"<td colspan='4' style='{line};opacity:.8'>{safe(node['note'])}</td>"
        return f"<tr>{what}</div></td>{why}</tr>"
    note = f" · {safe(node['note'])}" if node["note"] else ""
    batch = f"{choice['batch_size']}" + (
        f" x {choice['accumulation']}" if choice["accumulation"] > 1 else ""
    )
    cost = "?" if node["cost_usd"] is None else f"{node['cost_usd']:.2f}"
    used = size(choice["memory_total_bytes"]) if choice["memory_total_bytes"] < GIB else (
        f"{choice['memory_total_bytes'] / GIB:.1f} GiB"
    )  # fmt: skip
    cells = "".join(
        f'<td style="text-align:right;padding:6px 8px 6px 0;white-space:nowrap;vertical-align:top;{line}">'
        f"{safe(text)}</td>"
        for text in (batch, used, hours(took["total_s"]), cost)
    )
    return f"<tr>{what} · {safe(choice['strategy'])}{note}</div></td>{cells}</tr>"
