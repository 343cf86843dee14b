"""The report as one HTML page: text escaped, pictures inside, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from cvcore.evaluate import svg
from cvcore.evaluate.names import describe

if TYPE_CHECKING:
    from cvcore.evaluate.report import Report

_HEAT_MAP_CLASSES = 40
"""With more classes the most confused pairs are listed instead."""

_CURVES = 9
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem}
h1{margin:0}h2{margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line)}
.big{font-size:3rem;font-weight:650;line-height:1.2}.soft{opacity:.7}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child,td.text{text-align:left}td.text{white-space:normal}
.row{display:flex;flex-wrap:wrap;gap:2rem}.row>div{flex:1 1 400px;max-width:520px}
svg{width:100%;height:auto}svg text{font-size:11px;fill:currentColor}
.grid{stroke:var(--line);fill:none}
.legend span{margin-right:1rem;white-space:nowrap}
.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.3em}
figure{margin:0 0 1rem}figure img{max-width:100%}figcaption{overflow-wrap:anywhere}
"""


def page(report: Report) -> str:
    """Return the page of a report; its pictures are read from the report's folder."""
    title = f"{report.task.replace('_', ' ')}, {report.split}"
    sections = [
        _head(report, title),
        _section("Figures", _figures(report)),
        _section("Precision and recall", _curves(report.analysis.curves)),
        _section("What goes wrong", _errors(report.analysis.errors)),
        _section("What is taken for what", _confusion(report.analysis.confusion)),
        _section("Classes", _classes(report)),
        _section("The images that went worst", _worst(report)),
        _section("How these figures were made", _certificate(report.certificate)),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(sections)}</body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _head(report: Report, title: str) -> str:
    value = report.metrics.get(report.primary, math.nan)
    model = escape(str(report.certificate.get("model", "")))
    images = report.certificate.get("num_images", 0)
    return (
        f"<h1>{escape(title)}</h1><p class=soft>{model}, {images:,} images</p>"
        f"<div class=big>{escape(report.primary)} {_number(value)}</div>"
        f"<p class=soft>{_interval(report, report.primary)}</p>"
    )


def _interval(report: Report, key: str) -> str:
    if key not in report.intervals:
        return ""
    interval = report.intervals[key]
    return f"{_number(interval.low)} to {_number(interval.high)} (95 %)"


def _figures(report: Report) -> str:
    return _table(
        ["", "value", "interval", ""],
        (
            [
                escape(key),
                _number(value),
                _interval(report, key),
                f"<td class=text>{escape(describe(key).description)}</td>",
            ]
            for key, value in report.metrics.items()
        ),
    )


def _classes(report: Report) -> str:
    if not report.per_class:
        return ""
    columns = list(dict.fromkeys(key for row in report.per_class.values() for key in row))
    return _table(
        ["class", *columns],
        (
            [escape(name), *(_number(row.get(key, math.nan)) for key in columns)]
            for name, row in report.per_class.items()
        ),
    )


def _curves(curves: Mapping[str, Any]) -> str:
    """Return the mean curve and those of the classes with the least area under them."""
    drawings = []
    for name, of_ious in curves.items():
        what = "masks" if name.startswith("mask_") else "boxes"
        for curve in of_ious:
            defined = {k: v for k, v in curve["classes"].items() if math.isfinite(v[0])}
            weakest = sorted(defined, key=lambda k: sum(defined[k]))[:_CURVES]
            lines = {"all classes": curve["mean"]} | {k: defined[k] for k in weakest}
            drawing = svg.curves(curve["recall"], lines, "recall", "precision")
            drawings.append(f"<div><h3>{what}, IoU {curve['iou']:.2f}</h3>{drawing}</div>")
    return f"<div class=row>{''.join(drawings)}</div>" if drawings else ""


def _errors(errors: Mapping[str, Any]) -> str:
    if errors.get("confused"):
        return _table(
            ["true", "predicted", "count", "share of the true class"],
            (
                [
                    escape(pair["truth"]),
                    f"<td class=text>{escape(pair['predicted'])}</td>",
                    f"{pair['count']:,}",
                    f"{pair['share']:.1%}",
                ]
                for pair in errors["confused"][:15]
            ),
        )
    if not errors.get("total"):
        return ""
    meanings = "".join(
        f"<li><b>{escape(name)}</b>: {escape(text)}</li>" for name, text in errors["types"].items()
    )
    drawing = svg.bars(errors["total"], errors["types"])
    return f"<div class=row><div>{drawing}</div><div><ul>{meanings}</ul></div></div>"


def _confusion(confusion: Mapping[str, Any]) -> str:
    if not confusion or len(confusion["labels"]) > _HEAT_MAP_CLASSES:
        return ""
    unit = escape(confusion["unit"])
    drawing = svg.heat_map(confusion["labels"], confusion["cells"])
    return (
        f"<p class=soft>Rows are true classes, columns predicted ones, in {unit}. The shade is the "
        f"share of the row.</p><div style='max-width:{140 + 40 * len(confusion['labels'])}px'>"
        f"{drawing}</div>"
    )


def _worst(report: Report) -> str:
    figures = []
    for row in report.worst:
        data = base64.b64encode((report.folder / row["picture"]).read_bytes()).decode("ascii")
        source = f"{row['image_id']} ({row['source']})" if row["source"] else str(row["image_id"])
        figures.append(
            f'<figure><img alt="truth and prediction" src="data:image/jpeg;base64,{data}">'
            f"<figcaption>{_number(row['score'])} <span class=soft>{escape(source)}</span>"
            "</figcaption></figure>"
        )
    if not figures:
        return ""
    name = escape(report.analysis.image_score_name)
    return (
        f"<p class=soft>Truth on the left, prediction on the right; the number is {name}.</p>"
        f"<div class=row>{''.join(f'<div>{figure}</div>' for figure in figures)}</div>"
    )


def _certificate(certificate: Mapping[str, Any]) -> str:
    return _table(
        ["", ""],
        (
            [escape(key.replace("_", " ")), f"<td class=text>{escape(_text(value))}</td>"]
            for key, value in certificate.items()
        ),
    )


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " x ".join(map(str, value))
    return "none" if value is None else str(value)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if value == int(value) and abs(value) > 1 else f"{value:.4f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of escaped cells; a cell that begins with <td is taken as it is."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>"
        + "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table><tr>{top}</tr>{body}</table></div>"
