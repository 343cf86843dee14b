"""The gate's report: JSON, Markdown, a page, and lines for a terminal. Torch-free."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from cvcore.evaluate.html import document, soft, table
from cvcore.serve.gate.rules import Line

JSON_FILE = "gate.json"
MARKDOWN_FILE = "gate.md"
PAGE_FILE = "gate.html"
_FORMAT = 1
_WORDS = {True: "pass", False: "FAIL", None: "-"}


@dataclass(frozen=True)
class Verdict:
    """What the gate said of a version.

    Attributes:
        model: name of the registered model.
        version: that was judged.
        policy: title of the policy.
        alias: that it is to get.
        champion: version that had the alias; "" without one.
        lines: one per rule.
        at: time, ISO 8601, UTC.
        by: who asked.
    """

    model: str
    version: str
    policy: str
    alias: str
    champion: str
    lines: Sequence[Line]
    at: str
    by: str

    @property
    def passed(self) -> bool:
        """Whether no rule failed."""
        return not self.failed

    @property
    def failed(self) -> list[Line]:
        """The rules that failed."""
        return [line for line in self.lines if line.passed is False]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return {"format": _FORMAT, "passed": self.passed, **asdict(self)}

    @classmethod
    def of(cls, found: dict[str, Any]) -> Verdict:
        """Return the verdict of `to_dict`."""
        values = {key: found[key] for key in cls.__dataclass_fields__}
        return cls(**{**values, "lines": [Line(**line) for line in values["lines"]]})

    @property
    def head(self) -> str:
        """One sentence: what was judged and how it ended."""
        against = f"against version {self.champion}" if self.champion else "as the first one"
        applied = sum(line.passed is not None for line in self.lines)
        end = "passes" if self.passed else f"fails {len(self.failed)} of {applied} rules of"
        return f"{self.model} version {self.version} {end} the gate {self.policy!r}, {against}."

    def text(self, width: int = 110) -> str:
        """Return lines for a terminal."""
        rows = [(_WORDS[r.passed], r.rule, r.figure, _short(r.bound), r.said) for r in self.lines]
        widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
        out = []
        for row in rows:
            cells = "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=False))
            room = max(width - len(cells) - 2, 30)
            said = textwrap.wrap(row[4], room)
            out.append(f"{cells}  {said[0] if said else ''}".rstrip())
            out += [" " * (len(cells) + 2) + more for more in said[1:]]
        return "\n".join([*out, "", self.head])

    def json(self) -> str:
        """Return what `gate.json` holds."""
        return json.dumps(self.to_dict(), indent=1)

    def markdown(self) -> str:
        """Return what `gate.md` holds."""
        lines = [
            f"# Gate: {self.model} version {self.version}",
            "",
            self.head,
            "",
            "| | rule | found | asked | |",
            "|---|---|---|---|---|",
            *(
                "| "
                + " | ".join(
                    _cell(x) for x in (_WORDS[r.passed], r.rule, r.figure, r.bound, r.said)
                )
                + " |"
                for r in self.lines
            ),
            "",
            f"{self.at}, by {self.by}.",
        ]
        return "\n".join(lines) + "\n"

    def page(self) -> str:
        """Return what `gate.html` holds: one page that loads nothing."""
        colors = {True: "#15803d", False: "#b91c1c", None: "inherit"}
        whole = "white-space:nowrap"
        rows = [
            [
                f'<td class="text" style="color:{colors[r.passed]};{whole}"><b>{_WORDS[r.passed]}</b></td>',
                *(
                    f'<td class="text">{escape(x)}</td>'
                    for x in (r.rule, r.figure, r.bound, r.said)
                ),
            ]
            for r in self.lines
        ]
        head = ["", *(f'<th class="text">{x}</th>' for x in ("rule", "found", "asked", ""))]
        title = f"Gate: {self.model} version {self.version}"
        body = (
            f"<h1>{escape(title)}</h1><p><b>{escape(self.head)}</b></p>{table(head, rows)}"
            f"{soft(escape(f'{self.at}, by {self.by}'))}"
        )
        return document(title, body)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _short(text: str) -> str:
    return textwrap.shorten(text, 36, placeholder=" ...")
