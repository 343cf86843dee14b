"""Small drawings for the report's page: curves, bars, a heat map. Plain SVG text, no library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

PLOT = (40, 10, 420, 260)
"""Left, top, right, bottom of the axes inside a drawing of 440 x 290."""

COLORS = (
    "#2563eb",
    "#dc2626",
    "#059669",
    "#d97706",
    "#7c3aed",
    "#0891b2",
    "#be185d",
    "#4d7c0f",
    "#6b7280",
    "#92400e",
)


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    x_label: str,
    y_label: str,
) -> str:
    """Return lines over the unit square; the first one is drawn thick. NaN breaks no line."""
    left, top, right, bottom = PLOT
    parts = [_axes(x_label, y_label)]
    # The first line is the one that matters: last drawn is on top.
    for number, (name, values) in reversed(list(enumerate(lines.items()))):
        points = " ".join(
            f"{left + a * (right - left):.1f},{bottom - b * (bottom - top):.1f}"
            for a, b in zip(x, values, strict=True)
            if math.isfinite(b)
        )
        width = 3 if number == 0 else 1.2
        color = COLORS[number % len(COLORS)]
        parts.append(
            f'<polyline fill="none" stroke="{color}" stroke-width="{width}" points="{points}">'
            f"<title>{escape(name)}</title></polyline>"
        )
    legend = "".join(
        f'<span><i style="background:{COLORS[n % len(COLORS)]}"></i>{escape(name)}</span>'
        for n, name in enumerate(lines)
    )
    return f'<svg viewBox="0 0 440 290" role="img">{"".join(parts)}</svg><p class="legend">{legend}</p>'


def bars(counts: Mapping[str, int], notes: Mapping[str, str]) -> str:
    """Return horizontal bars with their counts; notes explain each name."""
    most = max([*counts.values(), 1])
    rows = []
    for number, (name, count) in enumerate(counts.items()):
        y, width = number * 26, 220 * count / most
        rows.append(
            f'<text x="0" y="{y + 17}">{escape(name)}</text>'
            f'<rect x="110" y="{y + 4}" width="{width:.1f}" height="17" fill="{COLORS[0]}">'
            f"<title>{escape(notes.get(name, ''))}</title></rect>"
            f'<text x="{116 + width:.1f}" y="{y + 17}">{count:,}</text>'
        )
    return f'<svg viewBox="0 0 400 {26 * len(counts) + 4}" role="img">{"".join(rows)}</svg>'


def heat_map(names: Sequence[str], cells: Sequence[Sequence[int]]) -> str:
    """Return a confusion matrix: rows are true classes, columns predicted, shade is the row's share.

    Args:
        names: of rows and columns.
        cells: [row, column, count]; those left out are 0.
    """
    side, margin = 26, 90
    totals = [0] * len(names)
    for row, _, count in cells:
        totals[row] += count
    parts = []
    for row, column, count in cells:
        share = count / totals[row]
        color = COLORS[2] if row == column else COLORS[1]
        x, y = margin + column * side, margin + row * side
        title = f"{names[row]} taken for {names[column]}: {count:,} ({share:.0%})"
        parts.append(
            f'<rect x="{x}" y="{y}" width="{side - 1}" height="{side - 1}" fill="{color}" '
            f'fill-opacity="{0.08 + 0.92 * share:.2f}"><title>{escape(title)}</title></rect>'
        )
    for i, name in enumerate(names):
        short = escape(name if len(name) <= 12 else f"{name[:11]}…")
        middle = margin + i * side + 17
        parts.append(f'<text x="{margin - 6}" y="{middle}" text-anchor="end">{short}</text>')
        parts.append(
            f'<text transform="translate({middle} {margin - 6}) rotate(-60)">{short}</text>'
        )
    extent = margin + side * len(names) + 50
    return f'<svg viewBox="0 0 {extent} {extent - 40}" role="img">{"".join(parts)}</svg>'


def _axes(x_label: str, y_label: str) -> str:
    left, top, right, bottom = PLOT
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = left + tick * (right - left), bottom - tick * (bottom - top)
        parts.append(f'<path d="M{left} {y}H{right}M{x} {top}V{bottom}" class="grid"/>')
        parts.append(f'<text x="{left - 5}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
        parts.append(f'<text x="{x}" y="{bottom + 14}" text-anchor="middle">{tick:g}</text>')
    middle = (top + bottom) / 2
    parts.append(
        f'<text x="{(left + right) / 2}" y="{bottom + 28}" text-anchor="middle">{escape(x_label)}'
        f'</text><text transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>"
    )
    return "".join(parts)
