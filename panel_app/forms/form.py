"""A group's form: its state, built from a dataclass, and its view. One of each per session.

The state holds what the composed configuration says; what a person typed and cannot be a value is
kept as a draft next to its fault, so that nothing typed is lost and no other field is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui
import param

from cvcore.config.keys import DATA_SCHEMAS, Key, find, leaves
from cvcore.config.schema import compute_schema
from cvcore.errors import OverrideError
from panel_app.forms.fields import (
    BASIC,
    BY_OPTION,
    attribute,
    base_type,
    from_text,
    is_optional,
    parameter_of,
    to_text,
)
from panel_app.safe import safe


class Form(param.Parameterized):
    """The state of one group's form; subclasses come from `form_class`."""

    keys: ClassVar[dict[str, Key]] = {}
    faults = param.Dict(default={}, doc="Dotted key -> what is wrong with it.")
    explicit = param.List(default=[], doc="Keys that a person has set.")

    def __init__(self, changed: Callable[[str, Any], None] = lambda _key, _value: None) -> None:
        """Show the schema's defaults until `show` is called.

        Args:
            changed: told the key and the value a person has set.
        """
        super().__init__()
        self.drafts: dict[str, str] = {}
        self._changed = changed

    def value(self, key: str) -> Any:
        """Return the value of a dotted key."""
        return getattr(self, attribute(key))

    def text(self, key: str) -> str:
        """Return what the field of a key shows."""
        return self.drafts[key] if key in self.drafts else to_text(self.value(key))

    def enter(self, key: str, text: str) -> bool:
        """Take what a person typed into a field; return whether it is a value."""
        try:
            value = from_text(self.keys[key], text)
            if key in BY_OPTION:
                raise OverrideError(f"{key} comes with the option of its group: choose another.")
        except OverrideError as error:
            self.drafts[key] = text
            self.faults = {**self.faults, key: str(error)}
            return False
        self.drafts.pop(key, None)
        with param.parameterized.batch_call_watchers(self):
            setattr(self, attribute(key), value)
            self.faults = {k: v for k, v in self.faults.items() if k != key}
            self.explicit = [*(k for k in self.explicit if k != key), key]
        self._changed(key, value)
        return True

    def show(
        self, values: Mapping[str, Any], own: Mapping[str, Any], faults: Mapping[str, str]
    ) -> None:
        """Show a composed configuration; drafts and their faults stay.

        Args:
            values: dotted key -> composed value, of any group; empty: keep what is shown.
            own: dotted key -> value set by a person; of a free mapping this is what is shown.
            faults: dotted key -> sentence.
        """
        kept = {key: self.faults[key] for key in self.drafts if key in self.faults}
        found = {key: text for key, text in faults.items() if key in self.keys}
        with param.parameterized.batch_call_watchers(self):
            for key, known in self.keys.items():
                value = own.get(key, values.get(key, self.value(key)))
                if known.is_mapping:
                    value = own.get(key, None if is_optional(known) else {})
                try:
                    setattr(self, attribute(key), value)
                except ValueError:  # Out of bounds: shown as it is, with its fault.
                    self.drafts.setdefault(key, to_text(value))
                    found.setdefault(key, f"{key} cannot be {value!r}.")
            self.explicit = [key for key in own if key in self.keys]
            self.faults = {**found, **kept}


@lru_cache(maxsize=64)
def form_class(schema: type, group: str) -> type[Form]:
    """Return the form of a dataclass; the same class each time. It has no watchers of its own."""
    keys = {key.path: key for key in leaves(schema, f"{group}.")}
    members = {attribute(path): parameter_of(key) for path, key in keys.items()}
    return type(f"{schema.__name__}Form", (Form,), {**members, "keys": keys})


def schema_of(group: str, values: Mapping[str, Any]) -> type | None:
    """Return the dataclass of a group in a composed configuration; None: no such group."""
    if group == "data" and values.get("data.reader") in DATA_SCHEMAS:
        return DATA_SCHEMAS[values["data.reader"]]
    if group == "compute":
        return compute_schema({key: values.get(f"compute.{key}") for key in ("kind", "way")})
    found = find(group)
    return found.schema if found else None


class FormView(pn.viewable.Viewer):
    """The fields of a form: basic ones, and a closed card with the advanced ones."""

    def __init__(self, form: Form) -> None:
        """Build the widgets; each has its key's help, and its fault below it."""
        super().__init__()
        self.form = form
        self.widgets: dict[str, Any] = {}
        self._notes: dict[str, Any] = {}
        rows: dict[bool, list[Any]] = {True: [], False: []}
        for key in form.keys.values():
            widget = _widget(key, form.param[attribute(key.path)])
            widget.param.watch(self._entered(key.path), "value")
            note = pn.pane.HTML("", visible=False)
            self.widgets[key.path], self._notes[key.path] = widget, note
            is_basic = form.param[attribute(key.path)].precedence == BASIC
            rows[is_basic].append(pn.Column(widget, note, sizing_mode="stretch_width"))
        self._is_showing = False
        form.param.watch(self._show, [*map(attribute, form.keys), "faults", "explicit"])
        advanced = pmui.Card(*rows[False], title="Advanced", collapsed=True)
        self._layout = pmui.Column(*rows[True], *([advanced] if rows[False] else []))
        self._show()

    def __panel__(self) -> Any:
        """Return the layout."""
        return self._layout

    def _entered(self, key: str) -> Callable[[Any], None]:
        def entered(event: Any) -> None:
            if not self._is_showing:
                text = to_text(event.new) if not isinstance(event.new, bool) else str(event.new)
                self.form.enter(key, text)

        return entered

    def _show(self, *_events: Any) -> None:
        self._is_showing = True
        try:
            for key, widget in self.widgets.items():
                fault = self.form.faults.get(key)
                note = self._notes[key]
                note.param.update(
                    object=f'<div role="alert" style="color:#c0362c">{safe(fault)}</div>'
                    if fault
                    else "",
                    visible=bool(fault),
                )
                is_text = isinstance(widget, pmui.TextInput)
                value = self.form.text(key) if is_text else self.form.value(key)
                if is_text:
                    widget.error_state = bool(fault)
                widget.value = value
        finally:
            self._is_showing = False


def _widget(key: Key, parameter: Any) -> Any:
    shared: dict[str, Any] = {
        "label": safe(parameter.label),
        "description": safe(parameter.doc),
        "disabled": key.path in BY_OPTION,
        "sizing_mode": "stretch_width",
    }
    if isinstance(parameter, param.Selector) and not isinstance(parameter, param.Boolean):
        return pmui.Select(**shared, options=list(parameter.objects), value=parameter.default)
    if base_type(key) == "bool" and not is_optional(key):
        shared.pop("sizing_mode")
        return pmui.Checkbox(**shared, value=bool(parameter.default))
    if base_type(key) == "bool":
        return pmui.Select(**shared, options={"null": None, "yes": True, "no": False})
    return pmui.TextInput(**shared, placeholder="null" if is_optional(key) else "")
