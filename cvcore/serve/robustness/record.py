"""The robustness card as JSON, and as a table. Imports nothing heavy.

{"metric", "split", "num_images", "fingerprint", "weights", "clean", "rows": [{"change",
"severity", "setting", "value", "kept"}], "kept": {change: mean over its severities}, "mean"}
`kept` is the figure relative to clean; None where clean is 0 or undefined.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHANGES: dict[str, tuple[tuple[float, float, float], str, str]] = {
    "blur": ((1.0, 2.0, 4.0), "sigma {} px", "a Gaussian blur of the model's input"),
    "noise": ((0.04, 0.08, 0.16), "sigma {}", "Gaussian noise, of the range of a pixel"),
    "jpeg": ((30, 15, 7), "quality {}", "JPEG compression"),
    "darker": ((0.7, 0.5, 0.3), "x {}", "less brightness"),
    "brighter": ((1.4, 1.8, 2.4), "x {}", "more brightness, clipped at white"),
    "rotation": ((5, 10, 20), "{} degrees", "a turn about the image's centre, left or right"),
}
"""Change -> (values of severity 1 to 3, how one is shown, what it is)."""


def shown(change: str, value: float) -> str:
    """Return a setting in words.

    Example:
        >>> shown("jpeg", 15)
        'quality 15'
    """
    return CHANGES[change][1].format(f"{value:g}")


def markdown(record: Mapping[str, Any]) -> str:
    """Return the card as Markdown."""
    metric = record["metric"]
    clean = record["clean"]
    lines = [
        f"{metric} on {record['num_images']:,} images of {record['split']}: "
        f"{'undefined' if clean is None else f'{clean:.4f}'} as they are. What is left of it:",
        "",
        "| change | 1 | 2 | 3 | mean |",
        "|---|---|---|---|---|",
    ]
    for change in dict.fromkeys(row["change"] for row in record["rows"]):
        rows = [row for row in record["rows"] if row["change"] == change]
        cells = [f"{_percent(row['kept'])} ({row['setting']})" for row in rows]
        lines.append(f"| {change} | {' | '.join(cells)} | {_percent(record['kept'][change])} |")
    lines += ["", f"Mean over all: {_percent(record['mean'])}."]
    return "\n".join(lines)


def text(record: Mapping[str, Any]) -> str:
    """Return the card as lines for a terminal."""
    clean = record["clean"]
    lines = [
        f"{record['metric']} on {record['num_images']:,} images of {record['split']}: "
        f"{'undefined' if clean is None else f'{clean:.4f}'} as they are; what is left of it:"
    ]
    for change, kept in record["kept"].items():
        rows = [row for row in record["rows"] if row["change"] == change]
        cells = "".join(f"{_percent(row['kept']):>7} {row['setting']:14}" for row in rows)
        lines.append(f"  {change:9}{_percent(kept):>6}  {cells}".rstrip())
    lines.append(f"  {'mean':9}{_percent(record['mean']):>6}")
    return "\n".join(lines)


def _percent(kept: float | None) -> str:
    return "-" if kept is None else f"{100 * kept:.0f} %"
