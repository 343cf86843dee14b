"""The part of the report's page that says what goes wrong: kinds of errors, confusions."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from cvcore.evaluate import svg
from cvcore.evaluate.html import soft, table

_HEAT_MAP_CLASSES = 40
"""With more classes only the most confused pairs are listed."""

_PAIRS = 15


def errors(found: Mapping[str, Any], confusion: Mapping[str, Any]) -> str:
    """Return kinds of errors or confused pairs, beside the confusion matrix."""
    left = _kinds(found) if found.get("total") else _pairs(found, confusion)
    right = _matrix(confusion)
    columns = "".join(f"<div>{part}</div>" for part in (left, right) if part)
    return f"<div class=row>{columns}</div>{_by_class(found)}" if columns else ""


def _kinds(found: Mapping[str, Any]) -> str:
    """Return bars of the kinds of errors and what each is."""
    total: Mapping[str, int] = found["total"]
    if not any(total.values()):
        return soft("Nothing goes wrong on these images.")
    meanings = "".join(
        f"<li><b>{escape(name)}</b>: {escape(text)}</li>" for name, text in found["types"].items()
    )
    return (
        f"<h3>Kinds of errors</h3>{svg.bars(total, found['types'])}<ul class=soft>{meanings}</ul>"
    )


def _by_class(found: Mapping[str, Any]) -> str:
    """Return the same counts for each class, folded."""
    classes = found.get("classes", {})
    if not any(count for row in classes.values() for count in row.values()):
        return ""
    rows = (
        [escape(name), *(f"{row[kind]:,}" if row[kind] else "" for kind in found["types"])]
        for name, row in sorted(classes.items(), key=lambda item: -sum(item[1].values()))
    )
    return (
        "<details><summary>Errors of each class</summary>"
        + table(["class", *found["types"]], rows)
        + "</details>"
    )


def _pairs(found: Mapping[str, Any], confusion: Mapping[str, Any]) -> str:
    """Return the pairs of classes that are most often mistaken."""
    if not found.get("confused"):
        return soft("No class is taken for another on these images.") if confusion else ""
    rows = (
        [
            escape(pair["truth"]),
            f"<td class=text>{escape(pair['predicted'])}</td>",
            f"{pair['count']:,}",
            f"{pair['share']:.1%}",
        ]
        for pair in found["confused"][:_PAIRS]
    )
    head = ["truth", "<th class=text>taken for</th>", escape(confusion["unit"]), "of the truth"]
    return f"<h3>Most often mistaken</h3>{table(head, rows)}"


def _matrix(confusion: Mapping[str, Any]) -> str:
    if not confusion or len(confusion["labels"]) > _HEAT_MAP_CLASSES:
        return ""
    in_percent = confusion["unit"] == "pixels"
    drawing = svg.heat_map(confusion["labels"], confusion["cells"], in_percent)
    unit = "percent of the row's pixels" if in_percent else escape(confusion["unit"])
    return f"<h3>What is taken for what, in {unit}</h3>{drawing}" + soft(
        "Rows are the truth, columns the prediction; the shade is the share of the row."
    )
