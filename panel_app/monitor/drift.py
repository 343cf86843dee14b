"""Drift as a table, each feature with its two distributions; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cvcore.monitor.drift import Drift
from cvcore.monitor.features import UNITS
from cvcore.monitor.reference import Reference, gather
from launch.monitor.record import Record
from panel_app.safe import safe

COLOURS = {"stable": "#217a3c", "shifted": "#8a6d1d", "drifted": "#c0362c", "unknown": "#5b6b71"}
_UNITS = {
    **UNITS,
    "classes": "how often each is said",
    "score": "of what is said, 0..1",
    "box_side": "square root of a box's share of its image",
    "objects": "per image",
}
_BINS = 24
_WAS, _NOW = "#8b949a", "#d9772b"


def verdict_chip(verdict: str) -> str:
    """Return a verdict as a chip."""
    return (
        f'<span style="background:{COLOURS[verdict]};color:#fff;border-radius:99px;padding:2px 10px;'
        f'font-size:12px;font-weight:600">{safe(verdict)}</span>'
    )


def drift_table(drift: Sequence[Drift], reference: Reference, records: Sequence[Record]) -> str:
    """Return the table: feature, verdict, PSI, distributions, words."""
    classes: dict[str, float] = {}
    numbers: dict[str, list[float]] = {}
    for one in records:
        gather(one.said, one.size_hw, classes, numbers)
    rows = []
    for found in drift:
        if found.feature == "classes":
            picture = _bars(reference.classes, classes)
        else:
            grid = (
                reference.features.get(found.feature) or reference.numbers.get(found.feature) or []
            )
            values = numbers.get(found.feature) or [
                one.features[found.feature] for one in records if found.feature in one.features
            ]
            picture = _histograms(found.feature, grid, values)
        psi = "" if found.psi is None else f"{found.psi:.2f}"
        cell = "padding:7px 16px 7px 0;vertical-align:middle"
        rows.append(
            '<tr style="border-bottom:1px solid color-mix(in srgb, currentColor 12%, transparent)">'
            f'<th scope="row" style="{cell};text-align:left;font-weight:600">'
            f"{safe(found.feature.replace('_', ' '))}"
            '<div style="font-weight:400;font-size:12px;opacity:.78">'
            f"{safe(_UNITS.get(found.feature, ''))}</div></th>"
            f'<td style="{cell}">{verdict_chip(found.verdict)}</td><td style="{cell}">{psi}</td>'
            f'<td style="{cell}">{picture}</td><td style="{cell}">{safe(found.words)}</td></tr>'
        )
    heads = "".join(
        f'<th scope="col" style="text-align:left;padding:6px 16px 6px 0;font-size:12.5px">{head}</th>'
        for head in ("Feature", "Verdict", "PSI", "Training and now", "In words")
    )
    key = (
        f'<p style="font-size:12.5px;margin:4px 0 8px">{_key(_WAS, "training")} &nbsp; '
        f"{_key(_NOW, 'now')} &nbsp; "
        f"{len(records):,} recorded images, {reference.num_images:,} of the training, answers on "
        f"{reference.num_predicted:,} of its validation</p>"
    )
    return (
        f'{key}<div style="overflow-x:auto">'
        '<table aria-label="Drift" style="border-collapse:collapse;font-size:13px">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _key(colour: str, label: str) -> str:
    style = f"display:inline-block;width:12px;height:12px;background:{colour};vertical-align:-1px"
    return f'<span style="{style}"></span> {label}'


def _histograms(feature: str, grid: Sequence[float], values: Sequence[float]) -> str:
    if not grid or not values:
        return ""
    low, high = min(grid[0], min(values)), max(grid[-1], max(values))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    was, _ = np.histogram(grid, _BINS, (low, high))
    now, _ = np.histogram(values, _BINS, (low, high))
    return _drawn(
        feature, (was / was.sum()).tolist(), (now / now.sum()).tolist(), f"{low:.3g}", f"{high:.3g}"
    )


def _bars(was: Mapping[str, float], now: Mapping[str, float]) -> str:
    labels = sorted({*was, *now}, key=lambda one: -was.get(one, 0.0))[:_BINS]
    before, after = sum(was.values()) or 1.0, sum(now.values()) or 1.0
    shares = (
        [was.get(one, 0.0) / before for one in labels],
        [now.get(one, 0.0) / after for one in labels],
    )
    return _drawn("classes", *shares, labels[0] if labels else "", labels[-1] if labels else "")


def _drawn(feature: str, was: Sequence[float], now: Sequence[float], low: str, high: str) -> str:
    wide, tall = 220, 44
    top, step = max([*was, *now, 1e-9]), wide / max(len(was), 1)
    bars = "".join(
        f'<rect x="{at * step + shift:.1f}" y="{tall - tall * v / top:.1f}" width="{step / 2 - 0.5:.1f}" '
        f'height="{tall * v / top:.1f}" fill="{colour}"/>'
        for values, colour, shift in ((was, _WAS, 0.0), (now, _NOW, step / 2))
        for at, v in enumerate(values)
    )
    return (
        f'<svg role="img" aria-label="{safe(feature)}: distribution in training and now" '
        f'viewBox="0 0 {wide} {tall + 14}" '
        f'width="{wide}" style="display:block;font-size:10px">{bars}'
        f'<text x="0" y="{tall + 12}" fill="currentColor">{safe(low[:16])}</text>'
        f'<text x="{wide}" y="{tall + 12}" text-anchor="end" fill="currentColor">'
        f"{safe(high[:16])}</text></svg>"
    )
