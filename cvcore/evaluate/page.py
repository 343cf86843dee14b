"""The report as one HTML page: text escaped, pictures inside, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from cvcore.evaluate import page_errors, svg
from cvcore.evaluate.html import document, number, soft, span, table
from cvcore.evaluate.names import describe

if TYPE_CHECKING:
    from cvcore.evaluate.report import Report

_CURVES = 5
"""Classes whose curves have a colour; the others are grey."""

_TILES = 5

_COUNTS = ("num_objects", "num_images", "num_pixels", "TP", "FP", "FN")

_HEADINGS = {
    "num_objects": "objects",
    "num_images": "images",
    "num_pixels": "pixels",
    "best_f1": "F1",
    "best_f1_precision": "precision",
    "best_f1_recall": "recall",
    "best_f1_threshold": "at score",
}
"""What a column of the classes is called; others by their key."""

_COLUMNS = {
    "detection": ("num_objects", "AP", "AP50", "AP75", "AR_100", *list(_HEADINGS)[3:]),
    "instance_segmentation": (
        "num_objects", "mask_AP", "mask_AP50", "mask_AP75", "AP", *list(_HEADINGS)[3:],
    ),
}  # fmt: skip
"""Columns of the classes that the page shows; all are in per_class.csv."""


def page(report: Report, cost: Mapping[str, Any] | None = None) -> str:
    """Return the page of a report; its pictures are read from the report's folder.

    Args:
        report: whose other files are written.
        cost: what `latency.json` holds, if the model was timed.
    """
    title = f"{report.task.replace('_', ' ')} on {report.split}"
    analysis = report.analysis
    sections = {
        "What goes wrong": page_errors.errors(analysis.errors, analysis.confusion),
        "The images that went worst": _worst(report),
        "Classes": _classes(report),
        "Precision and recall": _curves(analysis.curves),
        "All figures": _figures(report),
        "Speed and size": _cost(cost),
        "How these figures were made": _certificate(report.certificate),
    }
    shown = {name: body for name, body in sections.items() if body}
    links = "".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in shown)
    bodies = "".join(
        f'<section id="{_anchor(name)}"><h2>{escape(name)}</h2>{body}</section>'
        for name, body in shown.items()
    )
    return document(title, f"{_head(report, title)}<nav>{links}</nav>{bodies}")


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _head(report: Report, title: str) -> str:
    model = escape(str(report.certificate.get("model", "")))
    images = report.certificate.get("num_images", 0)
    keys = [report.primary, *(k for k in report.intervals if k != report.primary)]
    tiles = "".join(_tile(report, key) for key in keys[:_TILES])
    note = (
        "Bars are 95 % intervals: where the figure lies with other images of the same kind."
        if report.intervals
        else "There are no intervals: the evaluation was made without resamples."
    )
    few = f" {images:,} images are few: the intervals are wide." if images < 50 else ""
    return (
        f"<h1>{escape(title)}</h1>{soft(f'{model}, {images:,} images')}"
        f"<div class=tiles>{tiles}</div>{soft(note + few)}"
    )


def _tile(report: Report, key: str) -> str:
    """Return a figure with its interval."""
    value = report.metrics.get(key, math.nan)
    known = report.intervals.get(key)
    interval = ""
    if known is not None and math.isfinite(known.low):
        text = f"{number(known.low)} to {number(known.high)}"
        interval = f"{span(known.low, known.high)}<small>{text}</small>"
    first = " first" if key == report.primary else ""
    return (
        f'<div class="tile{first}" title="{escape(describe(key).description)}">{escape(key)}'
        f"<b>{number(value)}</b>{interval}</div>"
    )


def _figures(report: Report) -> str:
    undefined = [key for key, value in report.metrics.items() if not math.isfinite(value)]
    rows = []
    for key, value in report.metrics.items():
        if key in undefined:
            continue
        known = report.intervals.get(key)
        interval = f"{number(known.low)} to {number(known.high)}" if known else ""
        text = f"<td class=text>{escape(describe(key).description)}</td>"
        rows.append([escape(key), number(value), interval, text])
    left_out = (
        soft(f"Not defined on these images (nothing to find or judge): {', '.join(undefined)}.")
        if undefined
        else ""
    )
    return table(["", "value", "95 % interval", ""], rows) + left_out


def _classes(report: Report) -> str:
    """Return the table of classes, the weakest first."""
    rows = report.per_class
    if not rows:
        return ""
    known = list(dict.fromkeys(key for row in rows.values() for key in row))
    columns = [key for key in _COLUMNS.get(report.task, known) if key in known]
    columns = [
        k for k in columns if any(math.isfinite(row.get(k, math.nan)) for row in rows.values())
    ]
    ranked_by = report.primary if report.primary in columns else _first_share(columns)

    def strength(name: str) -> float:
        value = rows[name].get(ranked_by, math.nan)
        return value if math.isfinite(value) else math.inf

    def cell(row: Mapping[str, float], key: str) -> str:
        value = row.get(key, math.nan)
        if key in _COUNTS and math.isfinite(value):
            return f"{value:,.0f}"
        if key != ranked_by or not math.isfinite(value):
            return number(value)
        return f"<td class=bar>{number(value)}{span(0, value)}</td>"

    body = (
        [escape(name), *(cell(rows[name], key) for key in columns)]
        for name in sorted(rows, key=strength)
    )
    return soft(
        f"The weakest by {escape(ranked_by)} first; - means that a class has no example here. "
        'All columns: <a href="per_class.csv">per_class.csv</a>.'
    ) + table(["class", *(_HEADINGS.get(key, key) for key in columns)], body)


def _first_share(columns: Sequence[str]) -> str:
    """Return the column to rank by where the primary figure is none of a class."""
    return next((k for k in ("f1", "IoU", "PQ") if k in columns), columns[0] if columns else "")


def _curves(curves: Mapping[str, Any]) -> str:
    """Return the mean curve, those of the weakest classes in colour, the others in grey."""
    if not curves:
        return ""
    drawings = []
    for key, of_ious in curves.items():
        what = "masks" if key.startswith("mask_") else "boxes"
        defined = {k: v for k, v in of_ious[0]["classes"].items() if math.isfinite(v[0])}
        if not defined:
            return soft("No class has an object here, so there is nothing to recall.")
        # The same classes in the same colours at each IoU.
        weakest = sorted(defined, key=lambda k: sum(defined[k]))[:_CURVES]
        for curve in of_ious:
            lines = {"all classes": curve["mean"]} | {k: curve["classes"][k] for k in weakest}
            others = {k: curve["classes"][k] for k in defined if k not in weakest}
            drawing = svg.curves(curve["recall"], lines, "recall", "precision", others)
            drawings.append(f"<div><h3>{what}, IoU {curve['iou']:.2f}</h3>{drawing}</div>")
    return (
        soft(
            "As the score threshold falls: what share is found, and what share of answers is right."
        )
        + f"<div class=row>{''.join(drawings)}</div>"
    )


def _worst(report: Report) -> str:
    figures = []
    for row in report.worst:
        data = base64.b64encode((report.folder / row["picture"]).read_bytes()).decode("ascii")
        source = str(row["source"] or row["image_id"])
        figures.append(
            "<figure><div><span>truth</span><span>prediction</span></div>"
            f'<img alt="truth and prediction" src="data:image/jpeg;base64,{data}">'
            f'<figcaption title="{escape(source)}"><b>{number(row["score"])}</b> '
            f"{escape(PurePath(source).name)}</figcaption></figure>"
        )
    if not figures:
        return soft("No image has a score: none holds anything to judge.")
    name = escape(report.analysis.image_score_name)
    what = (
        " Predictions are drawn from the score on at which their class has its best F1."
        if report.thresholds
        else ""
    )
    return soft(f"The number is {name}.{what}") + f"<div class=worst>{''.join(figures)}</div>"


def _cost(cost: Mapping[str, Any] | None) -> str:
    if not cost:
        return ""
    height, width = cost["image_size_hw"]
    rows = [
        [
            str(one["batch_size"]),
            *(f"{one[key]:,.1f}" for key in ("p50_ms", "p95_ms", "p99_ms", "images_per_s")),
        ]
        for one in cost["latencies"]
    ]
    return soft(
        f"On {escape(cost['device'])} ({cost['threads']} CPU threads), images of {width} x "
        f"{height} pixels, from decoded images to predictions. Peak memory "
        f"{cost['peak_memory_mib']:,.0f} MiB, {cost['disk_mib']:,.1f} MiB on disk."
    ) + table(["images per batch", "median ms", "p95 ms", "p99 ms", "images/s"], rows)


def _certificate(certificate: Mapping[str, Any]) -> str:
    return table(
        ["", '<th class="text"></th>'],
        (
            [escape(key.replace("_", " ")), f"<td class=text>{escape(_text(value))}</td>"]
            for key, value in certificate.items()
            if value is not None
        ),
    )


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return (" x " if len(value) == 2 else ", ").join(map(str, value))
    return str(value)
