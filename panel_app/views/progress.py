"""How far a run is, and how long it will take: from the points it logged."""

from __future__ import annotations

import time
from collections.abc import Sequence

from launch.base import RunState
from panel_app.background.feed import Feed
from panel_app.rows import Row, duration
from panel_app.safe import safe

KEY = "train/loss"
_SILENT_S = 60.0


def left_s(row: Row, recent: Sequence[tuple[int, int]], now_s: float) -> float | None:
    """Return how long a training will still take, None if that can't be said yet.

    Args:
        row: of the run.
        recent: (step, time in ms) of its newest points; evaluations between them count.
        now_s: seconds since 1970 (UTC).
    """
    if row.total_steps <= 0 or len(recent) < 2:
        return None
    (first, began_ms), (last, ended_ms) = recent[0], recent[-1]
    if last <= first or ended_ms <= began_ms:
        return None
    each_s = (ended_ms - began_ms) / 1000 / (last - first)
    return max((row.total_steps - last) * each_s - (now_s - ended_ms / 1000), 0.0)


def words(row: Row, feed: Feed | None, now_s: float | None = None) -> str:
    """Return a line on how far a run is, e.g. "step 40 of 60, about 1 min left"."""
    now = time.time() if now_s is None else now_s
    curve = feed.curves.get(KEY) if feed is not None else None
    recent = list(curve.recent) if curve is not None else []
    step = max(row.step, recent[-1][0] if recent else 0)
    if row.state in (RunState.PENDING, RunState.QUEUED):
        return row.reason or "waits to be started"
    total = f" of {row.total_steps:,}" if row.total_steps else ""
    if row.state is not RunState.RUNNING:
        return f"step {step:,}{total}, {duration(row.duration_s)} in all" if step else ""
    if not step:
        return "reads its data and builds the model; the first step is still to come"
    parts = [f"step {step:,}{total}"]
    if row.total_steps and step >= row.total_steps:
        parts.append("evaluates the best model")
    else:
        left = left_s(row, recent, now)
        if left is not None:
            parts.append(f"about {duration(_rounded(left))} left")
    if recent and now - recent[-1][1] / 1000 > _SILENT_S:
        parts.append(f"last point {duration(now - recent[-1][1] / 1000)} ago")
    return ", ".join(parts)


def share(row: Row, feed: Feed | None) -> float | None:
    """Return how much of the training is done, 0 to 1, None before that is known."""
    if row.total_steps <= 0:
        return None
    curve = feed.curves.get(KEY) if feed is not None else None
    step = max(row.step, curve.last_step or 0) if curve is not None else row.step
    return min(step / row.total_steps, 1.0)


def bar(row: Row, feed: Feed | None) -> str:
    """Return the HTML of a run's progress: a bar where it is known how far it is, and a line."""
    text = words(row, feed)
    done = share(row, feed)
    line = f'<div style="font-size:13px;margin-top:5px">{safe(text)}</div>' if text else ""
    if done is None or row.state in (RunState.PENDING, RunState.QUEUED):
        return line
    colour = {
        RunState.SUCCEEDED: "#2e8b57",
        RunState.FAILED: "#c0362c",
        RunState.LOST: "#8e4a9e",
        RunState.CANCELED: "#7b8087",
    }.get(row.state, "var(--panel-primary-color)")
    percent = round(100 * done)
    return (
        f'<div role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}" '
        f'aria-label="Progress of {safe(row.title)}" style="height:8px;border-radius:8px;overflow:hidden;'
        'background:color-mix(in srgb, currentColor 14%, transparent)">'
        f'<div style="height:100%;width:{percent}%;background:{colour};border-radius:8px"></div></div>'
        f"{line}"
    )


def _rounded(seconds: float) -> float:
    return round(seconds / 60) * 60 if seconds > 600 else round(seconds / 5) * 5
