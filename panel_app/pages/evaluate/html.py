"""Figures of an evaluation as HTML: headline, certificate, curves, errors, slices. Texts are escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cvcore.evaluate import svg
from cvcore.evaluate.bootstrap import Difference
from cvcore.evaluate.errors import MEANINGS
from cvcore.evaluate.html import number
from panel_app.evaluate.study import Study
from panel_app.safe import safe
from panel_app.views.table import table

_CSS = Path(__file__).with_name("figures.css").read_text(encoding="utf-8")
STYLE = f"<style>{_CSS}</style>"
_MOST = 5
_GRID = np.linspace(0.0, 1.0, 101)


def _block(body: str) -> str:
    return f'{STYLE}<div class="ev">{body}</div>'


def headline(study: Study) -> str:
    """Return the main figures with their intervals, all figures, and how they were made."""
    summary = study.summary
    figures: Mapping[str, Any] = summary["metrics"]
    primary = str(summary["primary"])
    keys = [primary, *(k for k in figures if k != primary and "low" in figures[k])][:6]
    tiles = "".join(_tile(key, figures[key], first=key == primary) for key in keys)
    rows = [
        (
            key,
            number(_value(row)),
            _interval(row),
            str(row["description"]),
        )
        for key, row in figures.items()
        if row["value"] is not None
    ]
    undefined = [key for key, row in figures.items() if row["value"] is None]
    left = (
        f'<p class="soft">Not defined on these images: {safe(", ".join(undefined))}.</p>'
        if undefined
        else ""
    )
    heads = ("figure", "value", "95 % interval", "what it is")
    return _block(
        f'<div class="tiles">{tiles}</div><p class="soft">Bars are 95 % bootstrap intervals: where the '
        "figure lies with other images of the same kind.</p>"
        f"<h2>All figures</h2>{table(heads, rows, caption='All figures')}{left}"
        f"<h2>Certificate: how each figure was made</h2>{_certificate(summary['certificate'])}"
    )


def _tile(key: str, row: Mapping[str, Any], *, first: bool) -> str:
    interval = ""
    if row.get("low") is not None and row.get("high") is not None:
        low, high = float(row["low"]), float(row["high"])
        place = f"left:{100 * low:.1f}%;width:max({100 * (high - low):.1f}%,3px)"
        interval = (
            f'<div class="span"><i style="{place}"></i></div><small>{low:.3f} to {high:.3f}</small>'
        )
    about = safe(row["description"])
    return (
        f'<div class="tile{" first" if first else ""}" title="{about}">{safe(key)}'
        f"<b>{number(_value(row))}</b>{interval}</div>"
    )


def _value(row: Mapping[str, Any]) -> float:
    return math.nan if row["value"] is None else float(row["value"])


def _interval(row: Mapping[str, Any]) -> str:
    if row.get("low") is None or row.get("high") is None:
        return ""
    return f"{row['low']:.4f} to {row['high']:.4f}"


def _certificate(certificate: Mapping[str, Any]) -> str:
    rows = [
        (key.replace("_", " "), _words(value))
        for key, value in certificate.items()
        if value is not None
    ]
    none = ("score threshold", "none: every prediction counts")
    return table(("", ""), [*rows, none], caption="Certificate")


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return (" x " if len(value) == 2 else ", ").join(map(str, value))
    return str(value)


def curves(study: Study, name: str) -> str:
    """Return precision by recall, and F1 by threshold; of a class, or of all.

    Args:
        study: the evaluation.
        name: of a class; "": the mean and the weakest ones.
    """
    drawings = []
    for key, of_ious in study.read("pr_curves.json").items():
        what = "masks" if key.startswith("mask_") else "boxes"
        for one in of_ious:
            classes = {k: _plain(v) for k, v in one["classes"].items()}
            defined = {k: v for k, v in classes.items() if math.isfinite(v[0])}
            chosen = [name] if name in defined else _weakest(defined)
            lines = {k: defined[k] for k in chosen}
            if name not in defined:
                lines = {"all classes": _plain(one["mean"])} | lines
            others = {k: v for k, v in defined.items() if k not in lines}
            if lines and defined:
                drawing = svg.curves(one["recall"], lines, "recall", "precision", others)
                drawings.append(
                    f"<div><h2>Precision and recall: {what}, IoU {one['iou']:.2f}</h2>{drawing}</div>"
                )
    if study.coco is not None:
        names = study.labels.names
        shown = [name] if name in names else names[:_MOST]
        lines = {n: study.counting.f1_curve(names.index(n), _GRID.tolist()) for n in shown}
        drawing = svg.curves(_GRID.tolist(), lines, "score threshold", "F1")
        drawings.append(f"<div><h2>F1 at each score threshold, IoU 0.50</h2>{drawing}</div>")
    if not drawings:
        task = study.task.replace("_", " ")
        return _block(
            f'<p class="soft">A model for {safe(task)} gives one answer, without a score to cut at: there is '
            "no curve. Its figures are under Summary and Classes.</p>"
        )
    return _block(f'<div class="row">{"".join(drawings)}</div>')


def _plain(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else float(value) for value in values]


def _weakest(classes: Mapping[str, Sequence[float]]) -> list[str]:
    return sorted(classes, key=lambda k: sum(classes[k]))[:_MOST]


def errors(study: Study) -> str:
    """Return the kinds of errors with AP50 if each were gone, or the most confused pairs."""
    found = study.read("errors.json")
    if found.get("total") and study.coco is not None:
        gains = study.gains
        rows = [
            (
                kind,
                f"{found['total'].get(kind, 0):,}",
                "-" if math.isnan(gains[kind]) else f"+{gains[kind]:.4f}",
                MEANINGS[kind],
            )
            for kind in sorted(MEANINGS, key=lambda k: -(gains[k] if gains[k] == gains[k] else 0))
        ]
        base = study.summary["metrics"].get("mask_AP50" if study.kind == "segm" else "AP50", {})
        ap50 = base.get("value")
        heads = ("kind", "how many", "AP50 if fixed", "what it is")
        return _block(
            f'<p class="soft">AP50 is {number(math.nan if ap50 is None else ap50)}. The third column is how '
            "much it would rise if all errors of the kind were put right and nothing else changed (TIDE, "
            "Bolya et al. 2020); it counts all scores. How many there are is counted at each class's "
            f"threshold of best F1.</p>{table(heads, rows, caption='Kinds of errors')}"
        )
    if found.get("total"):
        kinds = [(k, f"{found['total'][k]:,}", str(text)) for k, text in found["types"].items()]
        return _block(table(("kind", "how many", "what it is"), kinds, caption="Kinds of errors"))
    rows = [
        (pair["truth"], pair["predicted"], f"{pair['count']:,}", f"{pair['share']:.1%}")
        for pair in found.get("confused", ())[:25]
    ]
    heads = ("truth", "taken for", "how many", "of the truth")
    return _block(
        table(heads, rows, caption="Most often mistaken")
        if rows
        else "No class is taken for another."
    )


def slices(study: Study) -> str:
    """Return the main figures on parts of the images, and by the size of objects."""
    figures: Mapping[str, Any] = study.summary["metrics"]
    parts = []
    sizes = [
        (key, number(_value(row)), str(row["description"]))
        for key, row in figures.items()
        if key.endswith(("_small", "_medium", "_large")) and row["value"] is not None
    ]
    if sizes:
        body = table(("figure", "value", "what it is"), sizes, caption="By size of objects")
        parts.append(f"<h2>By size of objects</h2>{body}")
    found = study.slices
    primary = str(study.summary["primary"])
    for key in dict.fromkeys(one.key for one in found):
        of_key = [one for one in found if one.key == key]
        shown = [k for k in (primary, *of_key[0].figures) if k in of_key[0].figures]
        shown = list(dict.fromkeys(shown))[:4]
        rows = [
            (one.value, f"{one.num_images:,}", *(number(one.figures[k]) for k in shown))
            for one in of_key
        ]
        parts.append(f"<h2>By {safe(key)}</h2>" + table((key, "images", *shown), rows, caption=key))
    if not found:
        parts.append(
            '<p class="soft">The images have one size and no further columns, so there is nothing to divide '
            "them by. Columns of a table, and further keys of COCO's images, become slices here.</p>"
        )
    return _block("".join(parts))


def differences(found: Mapping[str, Difference], primary: str) -> str:
    """Return the paired test of two evaluations, second minus first."""
    keys = sorted(found, key=lambda key: key != primary)
    rows = [
        (
            key,
            _signed(found[key].value),
            f"{_signed(found[key].low)} to {_signed(found[key].high)}",
            f"{found[key].p_value:.3f}",
            _verdict(found[key]),
        )
        for key in keys
        if found[key].value == found[key].value
    ]
    heads = ("figure", "second minus first", "95 % interval", "p", "in words")
    return _block(
        "<h2>Paired test</h2>"
        + table(heads, rows, caption="Paired test", marked=[row[0] == primary for row in rows])
        + '<p class="soft">Both models on the same 500 bootstrap draws of the images. A small p says that '
        "the difference is more than the choice of images; it says nothing of another seed of training.</p>"
    )


def _signed(value: float) -> str:
    return f"{value:+.4f}"


def _verdict(one: Difference) -> str:
    if one.p_value >= 0.05:
        return "no difference that these images could show"
    return "the second is higher" if one.value > 0 else "the first is higher"
