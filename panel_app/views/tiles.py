"""A run's newest figures as tiles: speed, waiting, memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from panel_app.safe import safe


@dataclass(frozen=True)
class Tile:
    """A figure and what it is.

    Attributes:
        title: in words.
        keys: metrics it is of; the first that there is.
        text: value -> text with its unit.
        hint: shown when it is pointed at.
    """

    title: str
    keys: tuple[str, ...]
    text: Callable[[float], str]
    hint: str


TILES = (
    Tile("Loss", ("train/loss",), lambda v: f"{v:.4g}", "mean training loss since the last log"),
    Tile(
        "Throughput",
        ("images_per_s",),
        lambda v: f"{v:,.0f} images/s" if v >= 10 else f"{v:.2f} images/s",
        "training images per second, over all devices",
    ),
    Tile(
        "Step",
        ("time/step_s",),
        lambda v: f"{v * 1000:,.0f} ms" if v < 1 else f"{v:.2f} s",
        "mean duration of an optimizer step",
    ),
    Tile(
        "Data wait",
        ("time/data_wait_pct",),
        lambda v: f"{v:.0f} %",
        "share of the time spent waiting for data; more processes (trainer.dataloader_num_workers) help",
    ),
    Tile(
        "GPU memory",
        ("mem/reserved_gib", "system/gpu_memory_used_gib"),
        lambda v: f"{v:.1f} GiB",
        "peak reserved on the device",
    ),
    Tile("GPU use", ("system/gpu_pct",), lambda v: f"{v:.0f} %", "use of the run's device"),
    Tile("Process memory", ("mem/process_gib",), lambda v: f"{v:.2f} GiB", "of the first process"),
    Tile("Learning rate", ("train/learning_rate",), lambda v: f"{v:.2e}", "at the last step"),
    Tile("Epoch", ("train/epoch",), lambda v: f"{v:.2f}", "passes over the train split done"),
)


def tiles(values: Mapping[str, float]) -> str:
    """Return the HTML of the tiles for which there is a value."""
    shown = []
    for tile in TILES:
        key = next((key for key in tile.keys if key in values), None)
        if key is not None:
            shown.append(
                f'<div title="{safe(tile.hint)}" style="padding:10px 14px;border-radius:10px;'
                'background:color-mix(in srgb, currentColor 5%, transparent)">'
                f'<div style="font-size:12px;opacity:.76">{tile.title}</div>'
                f'<div style="font-size:17px;font-weight:650;white-space:nowrap">'
                f"{safe(tile.text(values[key]))}</div></div>"
            )
    if not shown:
        return ""
    return (
        '<div style="display:grid;gap:10px;grid-template-columns:repeat(auto-fill,minmax(128px,1fr))">'
        f"{''.join(shown)}</div>"
    )
