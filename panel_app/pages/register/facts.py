"""What is known of a version, as HTML; pure, every text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cvcore.serve.register.facts import Facts, SplitFacts
from launch.registry.registry import ModelVersion
from panel_app.router import query
from panel_app.safe import safe
from panel_app.views.table import table

_MOST_CLASSES = 100
_LINK = "color:var(--panel-primary-color);font-weight:600"


def facts_html(facts: Facts, version: ModelVersion, run_title: str) -> str:
    """Return tiles, lineage, figures by split and class, speed and robustness."""
    parts = [_tiles(facts), _lineage(facts, version, run_title)]
    for name, split in facts.splits.items():
        parts.append(_title(f"On {name}: {split.num_images:,} images"))
        parts.append(_figures(split, name))
        parts.append(_classes(facts, split, name))
    if not facts.splits:
        parts.append("<p>It was not evaluated: <code>lakesight evaluate</code> makes figures.</p>")
    parts += [_robustness(facts.robustness), _latency(facts.latency)]
    return "".join(parts)


def _tiles(facts: Facts) -> str:
    split = facts.judged_on()
    value = facts.splits[split].value(facts.primary) if split else None
    height, width = facts.model["image_size"]
    p95 = facts.latency_p95_ms
    left = _percent(facts.robustness["mean"]) if facts.robustness else "not measured"
    tiles = {
        f"{facts.primary} on {split}" if split else facts.primary: _number(value),
        "Task": facts.task.replace("_", " "),
        "Model": str(facts.model.get("model_type") or ""),
        "Input": f"{height} x {width} px",
        "Size": f"{facts.size_mib:,.1f} MiB",
        "One image (p95)": "not measured" if p95 is None else f"{p95:,.0f} ms",
        "Left on worse images": left,
        "Classes": f"{len(facts.classes):,}",
        "Licence of the weights": facts.licence,
    }
    cells = "".join(
        '<div style="padding:10px 14px;border-radius:10px;'
        'background:color-mix(in srgb, currentColor 5%, transparent)">'
        f'<div style="font-size:12px;opacity:.76">{safe(key)}</div>'
        f'<div style="font-size:16px;font-weight:650;overflow-wrap:anywhere">{safe(text)}</div></div>'
        for key, text in tiles.items()
    )
    return (
        '<div style="display:grid;gap:10px;grid-template-columns:'
        f'repeat(auto-fill,minmax(150px,1fr));margin:4px 0 14px">{cells}</div>'
    )


def _lineage(facts: Facts, version: ModelVersion, run_title: str) -> str:
    run = version.run_id or facts.run_id
    rows = {
        "Run": f'<a href="{safe(query(page="run", run=run))}" style="{_LINK}">'
        f"{safe(run_title or run[:8])}</a>",
        "Data fingerprint": f"<code>{safe(facts.data_fingerprint or 'not recorded')}</code>",
        "Label space": f"<code>{safe(facts.label_space)}</code>",
        "Weights (sha256)": f"<code>{safe(facts.weights)}</code>",
        "Thresholds": safe(_thresholds(facts)),
        "Licence note": safe(facts.licence_note),
        "Tags": safe(_tags(version.tags)),
    }
    listed = "".join(
        f'<dt style="opacity:.76">{key}</dt><dd style="margin:0;overflow-wrap:anywhere">{text}</dd>'
        for key, text in rows.items()
        if text
    )
    return (
        f"{_title('Lineage')}"
        '<dl style="display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;font-size:13.5px;'
        f'margin:4px 0">{listed}</dl>'
    )


def _figures(split: SplitFacts, name: str) -> str:
    rows = []
    for key, one in split.metrics.items():
        low, high = one.get("low"), one.get("high")
        between = f"{_number(low)} to {_number(high)}" if low is not None else ""
        said = str(one.get("description") or "")
        rows.append((key, _number(one.get("value")), between, said))
    return table(("Figure", "Value", "95 % interval", ""), rows, caption=f"Figures on {name}")


def _classes(facts: Facts, split: SplitFacts, name: str) -> str:
    key = facts.class_figure
    if not split.per_class:
        return ""
    rows = []
    for label in [*split.per_class][:_MOST_CLASSES]:
        threshold = facts.class_thresholds.get(label, facts.score_threshold)
        number = split.num_of_class(label)
        shown = "" if number is None else f"{number:,}"
        rows.append((label, _number(split.of_class(label, key)), shown, f"{threshold:g}"))
    more = len(split.per_class) - len(rows)
    further = f"<p>and {more:,} more: all are in facts.json</p>" if more > 0 else ""
    made = table(("Class", key, "In the truth", "Threshold"), rows, caption=f"Classes on {name}")
    return (
        '<details style="margin:8px 0"><summary style="cursor:pointer;font-weight:600;font-size:13px">'
        f"By class ({len(split.per_class):,})</summary>{made}{further}</details>"
    )


def _robustness(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return (
            f"{_title('Robustness card')}<p>Not measured. Register the run with images for it.</p>"
        )
    rows = []
    for change, kept in record["kept"].items():
        cells = [
            f"{_percent(row['kept'])} ({row['setting']})"
            for row in record["rows"]
            if row["change"] == change
        ]
        rows.append((change, _percent(kept), *cells))
    rows.append(("mean", _percent(record["mean"]), *[""] * 3))
    clean = _number(record["clean"])
    return (
        f"{_title('Robustness card')}<p style='margin:2px 0 6px;font-size:13px;opacity:.85'>What is left "
        f"of {safe(record['metric'])} {clean} on {record['num_images']:,} images of "
        f"{safe(record['split'])} when they get worse.</p>"
        + table(("Change", "Left", "1", "2", "3"), rows, caption="Robustness card")
    )


def _latency(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    rows = [
        (str(row["batch_size"]), f"{row['p50_ms']:,.1f} ms", f"{row['p95_ms']:,.1f} ms")
        for row in found.get("latencies", [])
    ]
    return _title(f"Speed on {found.get('device', 'its device')}") + table(
        ("Images at once", "p50", "p95"), rows, caption="Latency"
    )


def _thresholds(facts: Facts) -> str:
    own = len(facts.class_thresholds)
    return f"{facts.score_threshold:g}" + (f", {own} classes have their own" if own else "")


def _tags(tags: Mapping[str, str]) -> str:
    own = [f"{key}={value}" for key, value in tags.items() if not key.startswith("lakesight_")]
    return ", ".join(own)


def _title(text: str) -> str:
    return f'<h3 style="font-size:15px;font-weight:650;margin:18px 0 4px">{safe(text)}</h3>'


def _number(value: float | Sequence[float] | None) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else "undefined"


def _percent(kept: float | None) -> str:
    return "undefined" if kept is None else f"{100 * kept:.0f} %"
