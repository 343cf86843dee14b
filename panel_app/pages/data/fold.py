"""A form of a group that is folded away behind a button; built when it is first unfolded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import panel_material_ui as pmui

from cvcore.config.keys import Key
from panel_app.forms.editor import Editor
from panel_app.forms.spec import group_spec
from panel_app.forms.view import GroupForm


class Fold:
    """A button and what it unfolds.

    Attributes:
        button: unfolds and folds.
        view: the form, or nothing.
    """

    def __init__(
        self, label: str, icon: str, group: str, editor: Editor, changed: Callable[[], None]
    ) -> None:
        """Build the button.

        Args:
            label: of the button.
            icon: of the button.
            group: of the configuration.
            editor: holds the values.
            changed: called when a person changed one.
        """
        self._label, self._group, self._editor, self._changed = label, group, editor, changed
        self._form: GroupForm | None = None
        self._keys: Sequence[Key] = ()
        self.button = pmui.Button(label=label, icon=icon, variant="outlined")
        self.button.on_click(self._clicked)
        self.view = pmui.Paper(
            elevation=0,
            sizing_mode="stretch_width",
            visible=False,
            margin=(6, 10),
            sx={"border": "1px solid", "borderColor": "divider", "padding": "14px"},
        )

    def show(self, keys: Sequence[Key]) -> None:
        """Show what the editor holds of some keys."""
        self._keys = keys
        if not self.view.visible:
            return
        spec = group_spec(self._group, keys, [])
        spec["title"] = ""
        state = {"choice": "", "fields": self._editor.state(keys)}
        if self._form is None:
            self._form = GroupForm(self._said, spec=spec, state=state)
            self.view.objects = [self._form]
        elif spec != self._form.spec:
            self._form.param.update(spec=spec, state=state)
        elif state != self._form.state:
            self._form.state = state

    def _clicked(self, _event: Any) -> None:
        self.view.visible = not self.view.visible
        self.button.label = f"Hide {self._label.lower()}" if self.view.visible else self._label
        self.show(self._keys)

    def _said(self, message: dict[str, Any]) -> None:
        if "reset" in message:
            self._editor.reset(str(message["reset"]))
        elif "key" in message:
            self._editor.enter(str(message["key"]), str(message.get("text", "")))
        self._changed()
