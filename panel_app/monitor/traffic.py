"""Requests of an endpoint over time, as pictures with their words; pure."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from launch.serving.local.requests_log import Request, percentile
from panel_app.safe import safe

SPANS = {"hour": 3600.0, "day": 86_400.0, "week": 604_800.0}
_BUCKETS = 60


@dataclass(frozen=True)
class Bucket:
    """What came in a stretch of time; times in seconds."""

    at: float
    requests: int = 0
    refused: int = 0
    failed: int = 0
    p50_s: float | None = None
    p95_s: float | None = None


def buckets(found: Iterable[Request], span_s: float) -> list[Bucket]:
    """Return sixty stretches of the last seconds, oldest first, from the requests of that time."""
    width, now = span_s / _BUCKETS, time.time()
    start = math.floor(now / width) * width - (_BUCKETS - 1) * width
    times: list[list[float]] = [[] for _ in range(_BUCKETS)]
    counts = [[0, 0, 0] for _ in range(_BUCKETS)]
    for one in found:
        at = int((one.at - start) / width)
        if 0 <= at < _BUCKETS:
            counts[at][0] += 1
            counts[at][1] += 400 <= one.status < 500
            counts[at][2] += one.status >= 500
            if one.status < 400:
                times[at].append(one.seconds)
    made = []
    for at in range(_BUCKETS):
        ordered = sorted(times[at])
        percentiles = (percentile(ordered, 50), percentile(ordered, 95))
        made.append(
            Bucket(start + at * width, counts[at][0], counts[at][1], counts[at][2], *percentiles)
        )
    return made


def charts(found: Sequence[Bucket], span_s: float) -> str:
    """Return the figures of requests and of latency."""
    width_s = span_s / len(found)
    rates = [one.requests / width_s for one in found]
    failed = [(one.failed + one.refused) / width_s for one in found]
    p50 = [None if one.p50_s is None else 1000 * one.p50_s for one in found]
    p95 = [None if one.p95_s is None else 1000 * one.p95_s for one in found]
    times = [
        time.strftime("%d %b %H:%M" if span_s > 86_400 else "%H:%M", time.localtime(one.at))
        for one in found
    ]
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:14px">'
        + _figure(
            "Requests per second",
            "requests/s",
            times,
            [("all", "#3f7fd6", rates), ("refused or failed", "#d1495b", failed)],
        )
        + _figure("Latency", "ms", times, [("p95", "#d9772b", p95), ("p50", "#168a96", p50)])
        + "</div>"
    )


def _figure(
    title: str,
    unit: str,
    times: Sequence[str],
    lines: Sequence[tuple[str, str, Sequence[float | None]]],
) -> str:
    top = max((v for _, _, values in lines for v in values if v is not None), default=0.0)
    wide, tall, left = 560, 150, 46
    step = (wide - left - 6) / max(len(times) - 1, 1)
    scale = (tall - 14) / (top or 1.0)
    drawn = []
    for label, colour, values in lines:
        points = [
            (left + i * step, tall - v * scale) for i, v in enumerate(values) if v is not None
        ]
        path = " ".join(
            f"{'M' if n == 0 else 'L'}{x:.1f} {y:.1f}" for n, (x, y) in enumerate(points)
        )
        drawn.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}">'
            f"<title>{safe(label)} {(tall - y) / scale:.3g} {unit}</title></circle>"
            for x, y in points
        ]
    legend = " &nbsp; ".join(
        '<span style="white-space:nowrap"><span style="display:inline-block;width:14px;'
        f'border-top:3px solid {colour};vertical-align:middle;margin-right:5px"></span>'
        f"{safe(label)}</span>"
        for label, colour, _ in lines
    )
    said = f"{title}: at most {top:.3g} {unit}, {times[0]} to {times[-1]}"
    return (
        '<figure style="margin:0;flex:1 1 420px;min-width:300px;max-width:760px;padding:10px 14px;'
        'border-radius:10px;border:1px solid color-mix(in srgb, currentColor 16%, transparent)">'
        f'<figcaption style="font-size:13px"><b>{safe(title)}</b> ({unit}) &nbsp; {legend}</figcaption>'
        f'<svg role="img" aria-label="{safe(said)}" viewBox="0 0 {wide} {tall + 22}" width="100%" '
        'style="display:block;font-size:11px">'
        f'<line x1="{left}" x2="{wide}" y1="{tall}" y2="{tall}" stroke="currentColor" stroke-opacity=".35"/>'
        f'<line x1="{left}" x2="{wide}" y1="14" y2="14" stroke="currentColor" stroke-opacity=".14"/>'
        f'<text x="{left - 6}" y="18" text-anchor="end" fill="currentColor">{top:.3g}</text>'
        f'<text x="{left - 6}" y="{tall}" text-anchor="end" fill="currentColor">0</text>'
        f'<text x="{left}" y="{tall + 16}" fill="currentColor">{times[0]}</text>'
        f'<text x="{wide}" y="{tall + 16}" text-anchor="end" fill="currentColor">{times[-1]}</text>'
        f"{''.join(drawn)}</svg></figure>"
    )
