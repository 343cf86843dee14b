"""What the form comes to: summary, faults, the launch; the command, the configuration and more."""

from __future__ import annotations

from typing import Any

import panel as pn

from panel_app.context import Context
from panel_app.forms.editor import Editor
from panel_app.forms.view import Nav, Notice
from panel_app.pages.configure.changes import Changes
from panel_app.pages.configure.code import Code
from panel_app.pages.configure.dry_run import DryRun
from panel_app.pages.configure.launch import Launch
from panel_app.pages.configure.plan import Plan
from panel_app.pages.configure.sweep import of_a_sweep

_TABS = {
    "command": "Command",
    "yaml": "YAML",
    "changes": "Changes",
    "plan": "Estimate",
    "dry_run": "Dry run",
}


class Result:
    """The right side of the page."""

    def __init__(self, context: Context, editor: Editor) -> None:
        """Build it; the parts behind the tabs come when they are opened."""
        self.context, self.editor = context, editor
        self.launch = Launch(context, editor)
        self.nav = Nav(label="What the form comes to", active="command", margin=(14, 0, 8, 0))
        self.nav.items = [
            {"key": key, "label": label, "faults": 0, "changed": False}
            for key, label in _TABS.items()
        ]
        self.nav.param.watch(self._turned, "active")
        self.parts: dict[str, Any] = {"command": _made("command", context, editor)}
        self.body = pn.Column(self.parts["command"].view, sizing_mode="stretch_width")
        self.view = pn.Column(self.launch.view, self.nav, self.body, sizing_mode="stretch_width")

    def show(self) -> None:
        """Show what the editor holds."""
        self.launch.show()
        part = self.parts.get(self.nav.active)
        if part is not None:
            part.show()

    def close(self) -> None:
        """End what is under way."""
        self.launch.close()
        for part in self.parts.values():
            part.close()

    def _turned(self, *_: Any) -> None:
        name = self.nav.active
        if name not in self.parts:
            self.parts[name] = _made(name, self.context, self.editor)
            self.body.append(self.parts[name].view)
        with pn.io.hold():
            for key, part in self.parts.items():
                part.view.visible = key == name
            self.parts[name].show()


class Text:
    """The command or the configuration, to copy."""

    def __init__(self, editor: Editor, *, is_yaml: bool) -> None:
        """Build it."""
        self.editor, self.is_yaml = editor, is_yaml
        self.code = (
            Code(label="the configuration", language="yaml", height_px=560)
            if is_yaml
            else Code(label="the command")
        )
        self.code.sizing_mode = "stretch_width"
        self.words = Notice(margin=(0, 0, 8, 0))
        self.view = pn.Column(self.words, self.code, sizing_mode="stretch_width")

    def show(self) -> None:
        """Show the newest answer."""
        if self.is_yaml:
            self.words.say(*of_a_sweep(self.editor))
        text = self.editor.composed.text if self.is_yaml else command_of(self.editor)
        if text or not self.is_yaml:
            self.code.text = text

    def close(self) -> None:
        """Nothing is held."""


def command_of(editor: Editor) -> str:
    """Return the command line that submits what the form holds."""
    verb = "submit -m" if editor.sweeps else "submit"
    command = editor.composer.command(editor.overrides(), "submit")
    return command.replace("submit", verb, 1)


def _made(name: str, context: Context, editor: Editor) -> Any:
    if name == "changes":
        return Changes(editor, context.services)
    if name == "plan":
        return Plan(editor)
    if name == "dry_run":
        return DryRun(editor, context.services)
    return Text(editor, is_yaml=name == "yaml")
