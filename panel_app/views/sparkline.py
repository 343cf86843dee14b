"""A curve in a line of text: a small SVG."""

from __future__ import annotations

from panel_app.background.curve import Curve
from panel_app.background.thin import thinned

_WIDTH, _HEIGHT, _POINTS = 168, 40, 84


def sparkline(curve: Curve | None, label: str) -> str:
    """Return the SVG of a curve, "" before it has two points; the newest point is marked."""
    if curve is None or len(curve) < 2:
        return ""
    steps, values = thinned(curve.steps, curve.values, _POINTS)
    low, high = float(values.min()), float(values.max())
    x = 3 + (steps - steps[0]) / max(int(steps[-1] - steps[0]), 1) * (_WIDTH - 8)
    y = 4 + (high - values) / ((high - low) or 1.0) * (_HEIGHT - 8)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f'<svg role="img" aria-label="{label}: from {values[0]:.4g} to {values[-1]:.4g}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f'<polyline points="{points}" fill="none" stroke="var(--panel-primary-color)" '
        'stroke-width="1.8" stroke-linejoin="round"/>'
        f'<circle cx="{x[-1]:.1f}" cy="{y[-1]:.1f}" r="2.8" fill="var(--panel-primary-color)"/></svg>'
    )
