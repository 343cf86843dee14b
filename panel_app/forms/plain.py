"""A small form of texts, numbers and switches that are no keys of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cvcore.errors import LakesightError
from panel_app.forms.view import GroupForm


@dataclass(frozen=True)
class Field:
    """A field of the form.

    Attributes:
        spec: what the browser needs, see `panel_app.forms.fields.spec_of`.
        given: its text before anybody changed it.
        read: text -> value; raises a LakesightError with a sentence.
    """

    spec: dict[str, Any]
    given: str
    read: Callable[[str], Any]


def field(
    key: str,
    label: str,
    help: str = "",
    *,
    given: str = "",
    control: str = "text",
    choices: Sequence[str] = (),
    read: Callable[[str], Any] = str.strip,
    advanced: bool = False,
) -> Field:
    """Return a field; `control` is text, number, area, choice or switch."""
    spec = {
        "key": key,
        "label": label,
        "unit": "",
        "help": help,
        "range": "",
        "control": control,
        "choices": list(choices),
        "optional": False,
        "advanced": advanced,
        "part": "",
    }
    return Field(spec, given, read)


class PlainForm:
    """The form and what it holds.

    Attributes:
        view: what is shown.
        texts: key -> what is typed.
        faults: key -> a sentence, of those that can't be read.
    """

    def __init__(
        self, title: str, fields: Sequence[Field], changed: Callable[[], None], about: str = ""
    ) -> None:
        """Build it with what is given.

        Args:
            title: of the form; also its name for screen readers.
            fields: in order.
            changed: is called after a person changed something.
            about: a sentence below the title.
        """
        self._fields = {one.spec["key"]: one for one in fields}
        self._changed = changed
        self.texts = {key: one.given for key, one in self._fields.items()}
        self.faults: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.view = GroupForm(
            self._said,
            spec={
                "group": title or "form",
                "title": title,
                "help": about,
                "options": [],
                "fields": [one.spec for one in fields],
                "parts": {},
            },
        )
        self._show()

    def set(self, **texts: str) -> None:
        """Fill fields in."""
        self.texts.update(texts)
        self._show()

    def give(self, **texts: str) -> None:
        """Fill fields in, and take that for what they go back to."""
        for key, text in texts.items():
            one = self._fields[key]
            self._fields[key] = Field(one.spec, text, one.read)
        self.set(**texts)

    def is_given(self, key: str) -> bool:
        """Whether nobody changed a field."""
        return self.texts[key] == self._fields[key].given

    def fault(self, key: str, sentence: str) -> None:
        """Say what is wrong with a field that can be read."""
        self.faults[key] = sentence
        self._tell()

    def _said(self, word: dict[str, Any]) -> None:
        key = word.get("key") or word.get("reset")
        if key not in self._fields:
            return
        self.texts[key] = str(word["text"]) if "key" in word else self._fields[key].given
        self._show()
        self._changed()

    def _show(self) -> None:
        self.faults, self.values = {}, {}
        for key, one in self._fields.items():
            try:
                self.values[key] = one.read(self.texts[key])
            except LakesightError as error:
                self.faults[key] = str(error)
        self._tell()

    def _tell(self) -> None:
        fields = {
            key: {
                "text": self.texts[key],
                "fault": self.faults.get(key, ""),
                "changed": self.texts[key] != one.given,
                "given": one.given,
            }
            for key, one in self._fields.items()
        }
        self.view.state = {"choice": "", "fields": fields}
