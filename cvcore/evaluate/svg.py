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
    "#92400e",
)
OTHERS = "#9ca3af"
"""Of what stands behind."""

LABEL_CHARS = 14
"""Longer names are cut in a heat map."""


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    x_label: str,
    y_label: str,
    others: Mapping[str, Sequence[float]] | None = None,
) -> str:
    """Return lines over the unit square with their means; NaN breaks no line.

    Args:
        x: of all lines.
        lines: by name, each in a colour of its own; the first one is drawn thick.
        x_label: of the axis.
        y_label: of the axis.
        others: lines in grey behind them, named only where the pointer is.
    """
    parts = [_axes(x_label, y_label)]
    parts += [_line(x, values, name, OTHERS, 1) for name, values in (others or {}).items()]
    # The first line is the one that matters: last drawn is on top.
    for at, (name, values) in reversed(list(enumerate(lines.items()))):
        parts.append(_line(x, values, name, COLORS[at % len(COLORS)], 3.5 if at == 0 else 1.6))
    legend = "".join(
        f'<span><i style="background:{COLORS[at % len(COLORS)]}"></i>{escape(name)} {_mean(values)}'
        "</span>"
        for at, (name, values) in enumerate(lines.items())
    )
    if others:
        legend += f'<span><i style="background:{OTHERS}"></i>{len(others)} other classes</span>'
    said = escape(f"{y_label} over {x_label}: {', '.join(lines)}", quote=True)
    return (
        f'<svg viewBox="0 0 440 290" role="img" aria-label="{said}">{"".join(parts)}</svg>'
        f'<p class="legend">{legend}</p>'
    )


def _line(x: Sequence[float], y: Sequence[float], name: str, color: str, width: float) -> str:
    left, top, right, bottom = PLOT
    points = " ".join(
        f"{left + a * (right - left):.1f},{bottom - b * (bottom - top):.1f}"
        for a, b in zip(x, y, strict=True)
        if math.isfinite(b)
    )
    return (
        f'<polyline fill="none" stroke="{color}" stroke-width="{width}" points="{points}">'
        f"<title>{escape(name)} {_mean(y)}</title></polyline>"
    )


def _mean(values: Sequence[float]) -> str:
    defined = [value for value in values if math.isfinite(value)]
    return f"{sum(defined) / len(defined):.2f}" if defined else ""


def bars(counts: Mapping[str, int], notes: Mapping[str, str]) -> str:
    """Return horizontal bars with counts and their shares; notes explain each name."""
    most, total = max([*counts.values(), 1]), max(sum(counts.values()), 1)
    rows = []
    for at, (name, count) in enumerate(counts.items()):
        y, width = at * 26, 200 * count / most
        share = f" ({count / total:.0%})" if count else ""
        rows.append(
            f'<text x="0" y="{y + 17}">{escape(name)}</text>'
            f'<rect x="90" y="{y + 4}" width="{width:.1f}" height="17" rx="3" fill="{COLORS[0]}">'
            f"<title>{escape(notes.get(name, ''))}</title></rect>"
            f'<text x="{96 + width:.1f}" y="{y + 17}">{count:,}{share}</text>'
        )
    height = 26 * len(counts) + 4
    return f'<svg viewBox="0 0 400 {height}" role="img" aria-label="counts">{"".join(rows)}</svg>'


def heat_map(names: Sequence[str], cells: Sequence[Sequence[int]], in_percent: bool = False) -> str:
    """Return a confusion matrix: rows are true classes, columns predicted, shade is the row's share.

    Args:
        names: of rows and columns.
        cells: [row, column, count]; those left out are 0.
        in_percent: write the share of the row into the cells, not the count.
    """
    side = 26
    shorts = [name if len(name) <= LABEL_CHARS else f"{name[: LABEL_CHARS - 1]}…" for name in names]
    longest = max(map(len, shorts), default=0)
    margin = 14 + 6.2 * longest
    top = 12 + 5.4 * longest  # the names above are turned
    totals = [0] * len(names)
    for row, _, count in cells:
        totals[row] += count
    parts = []
    for row, column, count in cells:
        share = count / totals[row]
        color = COLORS[2] if row == column else COLORS[1]
        x, y = margin + column * side, top + row * side
        title = f"{names[row]} taken for {names[column]}: {count:,} ({share:.0%})"
        text = f"{100 * share:.0f}" if in_percent else _short(count)
        parts.append(
            f'<g><title>{escape(title)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{side - 1}" '
            f'height="{side - 1}" rx="2" fill="{color}" fill-opacity="{0.08 + 0.92 * share:.2f}"/>'
            + ("" if text == "0" else _centred(text, x + side / 2, y + side / 2 + 3, share > 0.5))
            + "</g>"
        )
    for at, short in enumerate(map(escape, shorts)):
        middle = at * side + side / 2
        parts.append(
            f'<text x="{margin - 6:.1f}" y="{top + middle + 4:.1f}" text-anchor="end">{short}</text>'
            f'<text transform="translate({margin + middle + 3:.1f} {top - 6:.1f}) rotate(-60)">'
            f"{short}</text>"
        )
    width, height = margin + side * len(names) + 3 * longest, top + side * len(names) + 4
    # Few classes are not blown up to the width of the page.
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{1.4 * width:.0f}px" '
        f'role="img" aria-label="confusion matrix">{"".join(parts)}</svg>'
    )


def _centred(text: str, x: float, y: float, light: bool) -> str:
    kind = "in light" if light else "in"
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{text}</text>'


def _short(count: int) -> str:
    """Return a count in at most four characters: 950, 1.2k, 34k, 5M."""
    for limit, unit in ((1_000_000, "M"), (1000, "k")):
        if count >= limit:
            value = count / limit
            return f"{value:.1f}{unit}" if value < 10 else f"{value:.0f}{unit}"
    return str(count)


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
