"""The models of a task as a table to choose from: size, input, speed, licence, weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import param

from cvcore.config.catalogue import Entry
from panel_app.forms.view import STYLE, Speaking
from panel_app.pages.configure.speeds import speeds
from panel_app.rows import Row

_HERE = Path(__file__).parent


class Catalogue(Speaking):
    """A table of models with search; a click or Enter chooses one. It says {"option"}."""

    models = param.List(default=[], doc="What `row` returns, of each.")
    value = param.String(default="", doc="Option of the one that is chosen.")

    _esm = _HERE / "catalogue.js"
    _stylesheets: ClassVar[list[str]] = [
        STYLE,
        (_HERE / "catalogue.css").read_text(encoding="utf-8"),
    ]


def rows(entries: Sequence[Entry], runs: Sequence[Row] = ()) -> list[dict[str, Any]]:
    """Return models as the table shows them: the default first, then the smallest.

    Args:
        entries: of the catalogue.
        runs: of the ledger, newest first: they tell how fast a model was.
    """
    found = speeds(runs, entries)
    ordered = sorted(entries, key=lambda one: (not one.is_default, one.params_m or 1e9, one.option))
    return [
        {
            "option": one.option,
            "title": one.option.rpartition("/")[2],
            "about": one.description,
            "params": one.params_m,
            "input": " x ".join(map(str, one.image_size)),
            "licence": one.licence,
            "note": one.licence_note,
            "speed": found[one.option][0] if one.option in found else None,
            "measured": found[one.option][1] if one.option in found else "",
            "weights": one.checkpoint or "",
            "is_default": one.is_default,
        }
        for one in ordered
    ]
